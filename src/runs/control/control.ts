import {
  iso,
  checkPlainData,
  REFUSED_VALUE_KEYS,
  INLINE_VALUE_BYTES,
  readJson,
  TuttiError,
  type Json,
  type ToolRegistry,
} from "../../../config/index.ts";
import {
  decideStep,
  reopenRun,
  setRunPriority,
  unpauseRun,
  type Decided,
} from "../../../queues/client.ts";
import {
  cancelRun,
  FIELDS,
  isOpen,
  pauseRun,
  runOf,
  type RunParts,
  type RunState,
  type WaitDecision,
} from "../../../queues/index.ts";
import { withDeadlines, type Deadlines } from "../../deadlines.ts";
import { checkForm } from "../../forms.ts";
import {
  byForm,
  decisionForm,
  pauseForm,
  resumeForm,
  type ByForm,
  type DecisionForm,
  type PauseForm,
  type ResumeForm,
} from "./forms.ts";
import { checkReopen, refusePausedOptions } from "./reopen.ts";
import { checkedPriority, noRun } from "./run-options.ts";

/** What became of a resumption. */
export interface Resumed {
  readonly state: RunState;
  /** Counts the resumptions of a run that had ended. */
  readonly epoch: number;
  /** The steps that run again; empty when a paused run goes on. */
  readonly steps: readonly string[];
}

/** The decision about a step that stands. */
export interface Decision {
  readonly step: string;
  readonly decision: "approved" | "rejected";
  readonly by: string;
  /** ISO 8601 with milliseconds. */
  readonly at: string;
  /** False when somebody decided the same before. */
  readonly first: boolean;
}

/** What a client does to its runs. */
export function openControl(
  parts: RunParts,
  registry: ToolRegistry,
  deadlines: Deadlines,
): RunControl {
  return withDeadlines(new RunControl(parts, registry), deadlines, {
    cancel: "kept",
    pause: "kept",
    resume: "kept",
    decide: "kept",
    signal: "kept",
    setPriority: "kept",
  });
}

/** Everything that people do to a run that is there. Its methods are those of the client. */
export class RunControl {
  readonly #parts: RunParts;
  readonly #registry: ToolRegistry;

  constructor(parts: RunParts, registry: ToolRegistry) {
    this.#parts = parts;
    this.#registry = registry;
  }

  async cancel(runId: string, reason: string): Promise<{ state: RunState }> {
    const state = await cancelRun(this.#parts, runId, { kind: "cancel", reason });
    if (state === null) throw noRun(runId);
    return { state };
  }

  async pause(runId: string, options: PauseForm): Promise<{ state: RunState }> {
    const { actor = "unknown" } = checkForm(pauseForm, options);
    const state = await pauseRun(this.#parts, runId, actor);
    if (state === null) throw noRun(runId);
    if (state !== "paused")
      throw new TuttiError("state_conflict", `run ${runId} is ${state}; it cannot be paused`);
    return { state };
  }

  async resume(runId: string, options: ResumeForm): Promise<Resumed> {
    const { actor = "unknown", ...what } = checkForm(resumeForm, options);
    const run = await runOf(this.#parts, runId);
    if (run === null) throw noRun(runId);
    const { epoch } = run.address;
    if (run.state === "paused") {
      refusePausedOptions(runId, what);
      const state = await unpauseRun(this.#parts, runId);
      if (state === null) throw noRun(runId);
      return { state, epoch, steps: [] };
    }
    // Before the options: what is wrong with them does not matter yet.
    if (isOpen(run.state))
      throw new TuttiError(
        "resume_refused",
        `run ${runId} is ${run.state}; only one that is paused or has ended can be resumed`,
      );
    const asked = checkReopen(run.definition, this.#registry, what);
    const reopened = await reopenRun(this.#parts, runId, { ...asked, actor });
    if (reopened === null) throw noRun(runId);
    const header = await this.#parts.runs.header(runId);
    return { ...reopened, state: header?.state ?? "queued" };
  }

  async decide(
    runId: string,
    stepId: string,
    kind: Decision["decision"],
    options: DecisionForm,
  ): Promise<Decision> {
    const { by = "unknown", data = null } = checkForm(decisionForm, options);
    checkData(data);
    const atMs = await this.#parts.runs.now();
    const decided = await decideStep(this.#parts, runId, stepId, { kind, by, data, atMs });
    const [text] = await this.#parts.runs.fields(runId, [FIELDS.decision(stepId)]);
    if (isGone(decided) || !text) throw noRun(runId);
    const stands = readJson<WaitDecision>(text);
    if (stands.kind !== kind)
      throw new TuttiError(
        "decision_late",
        `${stepId} of run ${runId} was ${stands.kind} by ${stands.by} before`,
      );
    return {
      step: stepId,
      decision: kind,
      by: stands.by,
      at: iso(stands.atMs),
      first: decided?.status === "kept",
    };
  }

  async signal(
    runId: string,
    event: string,
    data: Json,
    options: ByForm,
  ): Promise<{ steps: readonly string[] }> {
    const { by = "unknown" } = checkForm(byForm, options);
    checkData(data);
    const run = await runOf(this.#parts, runId);
    if (run === null) throw noRun(runId);
    const waits = Object.entries(run.definition.steps).flatMap(([stepId, { wait }]) =>
      wait?.kind === "event" ? [{ stepId, name: wait.name }] : [],
    );
    const steps = waits.filter(({ name }) => name === event).map(({ stepId }) => stepId);
    if (steps.length === 0) {
      const known = [...new Set(waits.map(({ name }) => name))].join(", ");
      throw new TuttiError(
        "request_invalid",
        `no step of run ${runId} waits for event ${JSON.stringify(event.slice(0, 100))}; ${known === "" ? "none waits for any" : `they wait for: ${known}`}`,
      );
    }
    const atMs = await this.#parts.runs.now();
    const reached: string[] = [];
    let late: unknown;
    for (const stepId of steps) {
      try {
        await decideStep(this.#parts, runId, stepId, { kind: "event", by, atMs, data });
        reached.push(stepId);
      } catch (thrown) {
        late = thrown;
      }
    }
    if (reached.length === 0) throw late;
    return { steps: reached };
  }

  async setPriority(
    runId: string,
    priority: number,
  ): Promise<{ state: RunState; priority: number }> {
    checkedPriority(priority);
    const state = await setRunPriority(this.#parts, runId, priority);
    if (state === null) throw noRun(runId);
    return { state, priority };
  }
}

const isGone = (decided: Decided | null): boolean => decided === null || decided.status === "gone";

/** @throws TuttiError `payload_too_large`, `request_invalid`. */
function checkData(data: Json): void {
  const [problem] = checkPlainData(data, INLINE_VALUE_BYTES, REFUSED_VALUE_KEYS);
  if (problem === undefined) return;
  const tooLarge = problem.code === "document_too_large";
  throw new TuttiError(
    tooLarge ? "payload_too_large" : "request_invalid",
    `data: ${problem.message}`,
  );
}
