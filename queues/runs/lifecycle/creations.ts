import type { Redis } from "ioredis";

import { Gather } from "../../connection/gather.ts";
import { ADDING_FUNCTION, ADDING_TEXTS, defineScripts, script } from "../../connection/index.ts";
import type { RunDefinition } from "../../definition.ts";
import type { Identity } from "../../jobs.ts";
import type { Keys } from "../../names.ts";
import type { ParentStep, RunState } from "../record/run-record.ts";
import { CREATE_RUN } from "../scripts/generated.ts";
import { wordsOf, type FlowTemplate, type FlowTemplates } from "./flow-template.ts";

/** What is written when a run is submitted. */
export interface NewRun extends Identity {
  readonly runId: string;
  readonly definition: RunDefinition;
  readonly hash: string;
  /** What stands in the record: JSON or a reference. */
  readonly input: string;
  /** What `input` refers to, when it is too large for the record. */
  readonly largeInput?: string;
  readonly inputHash: string;
  /** 1 to 10, 10 the most urgent. */
  readonly priority: number;
  /** Runs with the same word run one after another. */
  readonly serialKey?: string;
  readonly parent?: ParentStep;
  /** What the `key` of each step that has one has yielded. */
  readonly lanes?: Readonly<Record<string, string>>;
  /** Longest time from its admission to its end. Milliseconds. */
  readonly timeoutMs: number;
}

/** What was found under the id of a run that was submitted before. */
interface ExistingRun {
  readonly hash: string;
  readonly inputHash: string;
  readonly state: RunState;
  readonly epoch: number;
}

/** What became of a submission. */
export interface Created {
  readonly existing: ExistingRun | null;
  /** BullMQ's priority of its jobs; null when it waits for its turn. */
  readonly rank: number | null;
  /** Its jobs are there. */
  readonly added: boolean;
  readonly admitted: readonly string[];
}

/** A submission on its way; with `defines` its definition goes along. */
interface Creation {
  readonly run: NewRun;
  readonly facts: string;
  readonly template: FlowTemplate | null;
  readonly defines: boolean;
}

/** What one call creates, each run and each of its jobs counted, unless one alone is more; keeps Redis free for others in between. */
const MAX_CREATED = 64;
/** So much of an input counts like a job. Characters. */
const CHARS_LIKE_JOB = 10_000;

const SCRIPTS = {
  create: script<
    [keyCount: number, ...recordsAndDefinitions: string[]],
    [found: "created" | "exists" | "define" | "failed", ...facts: string[]][]
  >("tuttiCreateRun", `${ADDING_FUNCTION}\n${CREATE_RUN}`, {
    keys: "counted",
    once: true,
  }),
};

/** Begins the records of runs, and the jobs of those that need not wait. */
export class Creations {
  readonly #templates: FlowTemplates | undefined;
  readonly #creations: Gather<Creation, readonly string[]>;

  /** @param templates how jobs are added together with their record. Default: who submits adds them then. */
  constructor(redis: Redis, keys: Keys, templates?: FlowTemplates) {
    this.#templates = templates;
    const scripts = defineScripts(redis, keys.prefix, SCRIPTS);
    this.#creations = new Gather(MAX_CREATED, (batch) =>
      scripts.create(
        2 * batch.length,
        ...batch.flatMap(({ run }) => [keys.run(run.runId), keys.definition(run.hash)]),
        ...batch.flatMap(({ run, facts, template, defines }) => [
          facts,
          defines ? JSON.stringify(run.definition) : "",
          run.input,
          run.largeInput ?? "",
          defines ? (template?.text ?? "") : "",
        ]),
      ),
    );
  }

  /**
   * Writes the record of a new run, and adds its jobs if it need not wait and its workflow has a template. `existing` is
   * what stands there when it was written before; `admitted` are the other runs whose jobs can be added now. What is
   * submitted at about the same time shares a call.
   */
  async create(run: NewRun, maxRunning: number): Promise<Created> {
    // What works for another run is tied to a job of that.
    const template =
      run.parent === undefined
        ? ((await this.#templates?.of(run.definition, run.hash)) ?? null)
        : null;
    const asked = { run, facts: factsOf(run, maxRunning, template), template };
    let answer = await this.#created(asked, false);
    if (answer[0] === "define") answer = await this.#created(asked, true);
    if (answer[0] === "failed") throw new Error(answer[1]);
    if (answer[0] === "created") {
      const [, rank, added, ...admitted] = answer;
      return { existing: null, rank: rank ? Number(rank) : null, added: added === "1", admitted };
    }
    const [, hash = "", inputHash = "", state = "", epoch = "0"] = answer;
    const existing = { hash, inputHash, state: state as RunState, epoch: Number(epoch) };
    return { existing, rank: null, added: false, admitted: [] };
  }

  #created({ run, facts, template }: Omit<Creation, "defines">, defines: boolean) {
    const chars = run.input.length + (run.largeInput?.length ?? 0);
    const weight = 1 + (template?.jobs ?? 0) + chars / CHARS_LIKE_JOB;
    return this.#creations.add({ run, facts, template, defines }, weight);
  }
}

/** What the script is told of a run, as JSON. */
function factsOf(run: NewRun, maxRunning: number, template: FlowTemplate | null): string {
  const { tenant, actor, correlationId, definition, parent, lanes } = run;
  const { listens, parks, width, target } = definition;
  return JSON.stringify({
    hash: run.hash,
    workflowId: definition.workflow.id,
    identity: JSON.stringify({ tenant, actor, correlationId } satisfies Identity),
    tenant,
    inputHash: run.inputHash,
    timeoutMs: run.timeoutMs,
    priority: String(run.priority),
    cap: maxRunning,
    calls: callsOf(definition),
    serial: run.serialKey,
    parent: parent && JSON.stringify(parent),
    lanes: lanes && JSON.stringify(lanes),
    listens: listens && JSON.stringify(listens),
    parks: parks === true ? "1" : undefined,
    width: width === undefined ? undefined : String(width),
    target,
    flow:
      template === null
        ? undefined
        : {
            field: template.field,
            texts: ADDING_TEXTS,
            mark: template.mark,
            words: wordsOf(run),
          },
  });
}

/** How often a workflow calls each tool, as far as it is known before it runs: a forEach counts as one. */
function callsOf(definition: RunDefinition): [tool: string, calls: number][] {
  const calls = new Map<string, number>();
  for (const { tool, wait, workflow } of Object.values(definition.steps))
    if (wait === undefined && workflow === undefined) calls.set(tool, (calls.get(tool) ?? 0) + 1);
  return [...calls];
}
