import type { Redis } from "ioredis";

import { Gather } from "../../connection/gather.ts";
import { ADDING_FUNCTION, ADDING_TEXTS, defineScripts, script } from "../../connection/index.ts";
import type { RunDefinition } from "../../definition.ts";
import type { Identity } from "../../jobs.ts";
import type { Keys } from "../../names.ts";
import type { ParentStep, RunState } from "../record/run-record.ts";
import { CREATE_RUN } from "../scripts/generated.ts";
import { wordsOf, type FlowTemplate, type FlowTemplates } from "./flow-template.ts";

/** The facts written when a run is submitted. */
export interface NewRun extends Identity {
  readonly runId: string;
  readonly definition: RunDefinition;
  readonly hash: string;
  /** The text in the record: JSON or a reference. */
  readonly input: string;
  /** The value behind the reference, if the input is too large for the record. */
  readonly largeInput?: string;
  readonly inputHash: string;
  /** 1 to 10, 10 the most urgent. */
  readonly priority: number;
  /** Runs with the same key run one after another. */
  readonly serialKey?: string;
  readonly parent?: ParentStep;
  /** The value of each step's `key`. */
  readonly lanes?: Readonly<Record<string, string>>;
  /** Longest time from admission to end. Milliseconds. */
  readonly timeoutMs: number;
}

/** What was found under the id of a run that was submitted before. */
interface ExistingRun {
  readonly hash: string;
  readonly inputHash: string;
  readonly state: RunState;
  readonly epoch: number;
}

/** The answer to a submission. */
export interface Created {
  readonly existing: ExistingRun | null;
  /** BullMQ's priority of its jobs; null if the run waits for its turn. */
  readonly rank: number | null;
  /** Its jobs are there. */
  readonly added: boolean;
  readonly admitted: readonly string[];
}

/** A submission to be sent. With `defines`, its definition is sent along. */
interface Creation {
  readonly run: NewRun;
  readonly facts: string;
  readonly template: FlowTemplate | null;
  readonly defines: boolean;
}

/**
 * Weight that one call creates at most, counting each run and each job, unless one run alone exceeds it. Lets Redis
 * serve others in between.
 */
const MAX_CREATED = 64;
/** This many characters of an input count as one job. */
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

/** Creates the records of runs, and the jobs of those that need not wait. */
export class Creations {
  readonly #templates: FlowTemplates | undefined;
  readonly #creations: Gather<Creation, readonly string[]>;

  /** @param templates add jobs together with their record. Default: the submitter adds them afterwards. */
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
   * Writes the record of a new run, and adds its jobs if it need not wait and its workflow has a template. `existing`
   * is the earlier record, if the run was submitted before. `admitted` are other runs whose jobs can be added now.
   * Submissions at about the same time share a call.
   */
  async create(run: NewRun, maxRunning: number): Promise<Created> {
    // The jobs of a sub-run are tied to a job of its parent.
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

/** The facts of a run for the script, as JSON. */
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

/** How often a workflow calls each tool, as far as known before it runs. A forEach counts as one. */
function callsOf(definition: RunDefinition): [tool: string, calls: number][] {
  const calls = new Map<string, number>();
  for (const { tool, wait, workflow } of Object.values(definition.steps))
    if (wait === undefined && workflow === undefined) calls.set(tool, (calls.get(tool) ?? 0) + 1);
  return [...calls];
}
