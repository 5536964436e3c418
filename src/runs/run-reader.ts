import { LRUCache } from "lru-cache";

import { SAMPLES_MAX, partOf, type RunHeader, type Runs } from "../../queues/client.ts";
import {
  FIELDS,
  takeOversOf,
  type RunDefinition,
  type Samples,
  type RunState,
  type StepRecord,
  type TakeOver,
  type ToolQueues,
  type Values,
} from "../../queues/index.ts";
import { withDeadlines, type Deadlines } from "../deadlines.ts";
import { analyzeRun, type RunAnalysis } from "./analysis/analyze.ts";
import { noRun } from "./control/run-options.ts";
import { readRun, summaryOf, type RunSummary, type RunView } from "./view/run-view.ts";

/** Headers read at once when runs are listed. */
const LIST_CHUNK = 100;
/** Runs looked at when only those in one state are asked for. */
const LOOKED_AT = 10_000;

/** What a client reads of runs. */
export function openReader(reader: RunReader, deadlines: Deadlines): RunReader {
  return withDeadlines(reader, deadlines, {
    view: "soon",
    takeOvers: "soon",
    analysis: "soon",
    definition: "soon",
    list: "soon",
  });
}

/** Reads records of runs as people see them. */
export class RunReader {
  readonly #runs: Runs;
  readonly #values: Values;
  readonly #queues: ToolQueues;
  readonly #samples: Samples;
  /** What a hash names never changes. */
  readonly #definitions = new LRUCache<string, RunDefinition>({ max: 200 });

  constructor(runs: Runs, values: Values, queues: ToolQueues, samples: Samples) {
    this.#samples = samples;
    this.#runs = runs;
    this.#values = values;
    this.#queues = queues;
  }

  /** @throws TuttiError `run_not_found`. */
  async view(runId: string, outputs: boolean): Promise<RunView> {
    const found = await this.#header(runId);
    if (found === null) throw noRun(runId);
    const parts = { runs: this.#runs, values: this.#values, queues: this.#queues };
    return readRun(parts, found.header, found.definition, { outputs });
  }

  /** The take-overs of one step or item, or of what undoes it, since it began. */
  async takeOvers(
    runId: string,
    shown: string,
    record: StepRecord,
    undo: boolean,
  ): Promise<readonly TakeOver[]> {
    const [text] = await this.#runs.fields(runId, [FIELDS.takeOvers]);
    return takeOversOf(text, {
      ...partOf(shown.replace(/\[(\d+)\]$/, ".$1")),
      undo,
      sinceMs: record.startedAtMs,
    });
  }

  /** @throws TuttiError `run_not_found`. */
  async analysis(runId: string): Promise<RunAnalysis> {
    const found = await this.#header(runId);
    if (found === null) throw noRun(runId);
    const [view, kept] = await Promise.all([
      this.view(runId, false),
      this.#samples.after(null, SAMPLES_MAX),
    ]);
    return analyzeRun(
      view,
      found.definition,
      kept.map(({ sample }) => sample),
    );
  }

  /** @throws TuttiError `run_not_found`. */
  async definition(runId: string): Promise<RunDefinition> {
    const found = await this.#header(runId);
    if (found === null) throw noRun(runId);
    return found.definition;
  }

  /** The newest first. */
  async list(limit: number, state: RunState | undefined): Promise<RunSummary[]> {
    const ids = await this.#runs.newest(state === undefined ? limit : Math.max(limit, LOOKED_AT));
    const found: RunSummary[] = [];
    for (let from = 0; from < ids.length && found.length < limit; from += LIST_CHUNK) {
      const headers = await Promise.all(
        ids.slice(from, from + LIST_CHUNK).map((id) => this.#header(id)),
      );
      for (const one of headers) {
        if (one !== null && (state === undefined || one.header.state === state))
          found.push(summaryOf(one.header));
      }
    }
    return found.slice(0, limit);
  }

  async #header(runId: string): Promise<{ header: RunHeader; definition: RunDefinition } | null> {
    const found = await this.#runs.header(runId);
    if (found === null) return null;
    const { workflowId, hash, ...rest } = found;
    const definition = this.#definitions.get(hash) ?? (await this.#runs.definition(hash));
    if (definition === null) return null;
    this.#definitions.set(hash, definition);
    return {
      header: { ...rest, workflow: { id: workflowId, name: definition.workflow.name, hash } },
      definition,
    };
  }
}
