import { completeRunInput, given } from "../../../config/index.ts";
import { type Backpressure, type Started, type Submitted } from "../../../queues/client.ts";
import { startRegistered, startRun, type StartParts } from "../../../queues/index.ts";
import type { Deadlines } from "../../deadlines.ts";
import type { Plan } from "../../workflow/plan/plan.ts";
import { rememberLayout } from "../../workflow/plan/tree.ts";
import { addressed, checkedPriority, type RunOptions, type StartOptions } from "./run-options.ts";

/** Begins runs. Its methods are those of the client. */
export class RunStarter {
  readonly #parts: StartParts;
  readonly #backpressure: Backpressure;
  readonly #deadlines: Deadlines;

  constructor(parts: StartParts, backpressure: Backpressure, deadlines: Deadlines) {
    this.#parts = parts;
    this.#backpressure = backpressure;
    this.#deadlines = deadlines;
  }

  async submit(plan: Plan, options: RunOptions): Promise<Submitted> {
    const { runId, identity } = addressed(options);
    const { definition } = plan;
    const { hash } = plan.workflow;
    const input = completeRunInput(definition.inputs, options.input ?? {});
    rememberLayout(hash, plan.layout);
    const priority = checkedPriority(options.priority ?? plan.priority);
    const backpressure = this.#backpressure;
    const start = { runId, hash, definition, input, identity, priority, backpressure };
    return this.#recorded(() => startRun(this.#parts, start));
  }

  async start(
    workflowId: string,
    options: StartOptions,
  ): Promise<Submitted & { readonly hash: string }> {
    const { hash, input = {}, priority } = options;
    const request = {
      workflowId,
      input,
      ...addressed(options),
      backpressure: this.#backpressure,
      ...(priority === undefined ? {} : { priority: checkedPriority(priority) }),
      ...given({ hash }),
    };
    return this.#recorded(() => startRegistered(this.#parts, request));
  }

  /**
   * A run that is recorded is accepted, whatever becomes of adding its jobs: that is waited for as long as Redis
   * answers, and done by a worker otherwise. So these are two waits, and the second one has no say.
   */
  async #recorded<T extends Started>(starting: () => Promise<T>): Promise<Omit<T, "added">> {
    const { added, ...submitted } = await this.#deadlines.kept(starting);
    await this.#deadlines.soon(added).catch(() => {});
    return submitted;
  }
}
