import type { Redis } from "ioredis";
import { LRUCache } from "lru-cache";

import { readJson } from "../../../config/index.ts";
import { defineScripts, type Commands } from "../../connection/index.ts";
import type { RunDefinition } from "../../definition.ts";
import type { StepError } from "../../jobs.ts";
import type { Keys } from "../../names.ts";
import { readHeader, type RecordHeader } from "./header.ts";
import { shownAs } from "./part-names.ts";
import { FIELDS, type Abort, type RunState } from "./run-record.ts";
import { RUN_SCRIPTS } from "./run-scripts.ts";
import { Tending } from "./tending.ts";

/** How a run ended. */
export interface RunEnding {
  readonly state: RunState;
  /** JSON or a reference. */
  readonly output?: string;
  readonly error?: StepError;
  readonly unmetCriteria?: readonly string[];
}

/** The answer to ending a run. */
export interface Finished {
  /** The resulting state. */
  readonly state: RunState;
  /** Runs that waited for its place. Their jobs can be added now. */
  readonly admitted: readonly string[];
}

/** Size of the cache of definitions, in characters of their JSON. */
const DEFINITIONS_CHARS = 32_000_000;

/** Steps that one call ends when a run is cancelled. Lets Redis serve others in between. */
const CANCEL_CHUNK = 500;

/** Steps and items that one call forgets when a run is removed. */
const FORGET_CHUNK = 500;

/** The records of runs: the truth about them. */
export class Runs {
  readonly #redis: Redis;
  readonly #scripts: Commands<typeof RUN_SCRIPTS>;
  readonly #keys: Keys;
  readonly #definitions = new LRUCache<string, RunDefinition>({ maxSize: DEFINITIONS_CHARS });
  /** Which runs need somebody to look at them. */
  readonly tending: Tending;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    this.tending = new Tending(redis, keys);
    this.#scripts = defineScripts(redis, keys.prefix, RUN_SCRIPTS);
  }

  /**
   * The definition with this content hash; null if no run uses it any more. A hash always names the same content, so
   * definitions are cached.
   */
  async definition(hash: string): Promise<RunDefinition | null> {
    const kept = this.#definitions.get(hash);
    if (kept !== undefined) return kept;
    const text = await this.#redis.hget(this.#keys.definition(hash), "json");
    if (text === null) return null;
    const definition = JSON.parse(text) as RunDefinition;
    this.#definitions.set(hash, definition, { size: text.length });
    return definition;
  }

  /** The header of a run; null if there is no run with this id. */
  async header(runId: string): Promise<RecordHeader | null> {
    return (await this.headerAnd(runId, []))?.header ?? null;
  }

  /** Reads the header and more fields of the record in one command. */
  headerAnd(
    runId: string,
    fields: readonly string[],
  ): Promise<{ readonly header: RecordHeader; readonly more: readonly (string | null)[] } | null> {
    return readHeader(this.#redis, this.#keys.run(runId), runId, fields);
  }

  /** Fields of a record, in the order asked for. */
  async fields(runId: string, names: readonly string[]): Promise<(string | null)[]> {
    const found: (string | null)[] = [];
    for (let from = 0; from < names.length; from += 1_000) {
      found.push(
        ...(await this.#redis.hmget(this.#keys.run(runId), ...names.slice(from, from + 1_000))),
      );
    }
    return found;
  }

  /** Stores an internal fact about a run, such as how far its tree is added. */
  async note(runId: string, field: string, value: string): Promise<void> {
    await this.#redis.hset(this.#keys.run(runId), field, value);
  }

  /** Ends a run, unless it has ended or was resumed. Null if there is no such run. */
  async finish(
    runId: string,
    epoch: number,
    ending: RunEnding,
    maxRunning: number,
  ): Promise<Finished | null> {
    const kept = ending.state === "completed" || ending.state === "cancelled" ? "done" : "failed";
    const answer = await this.#scripts.finish(
      this.#keys.run(runId),
      JSON.stringify({
        epoch,
        kept,
        cap: maxRunning,
        state: ending.state,
        output: ending.output,
        error: ending.error === undefined ? undefined : JSON.stringify(ending.error),
        unmet:
          ending.unmetCriteria === undefined ? undefined : JSON.stringify(ending.unmetCriteria),
      }),
    );
    if (answer === null) return null;
    const { state, admitted } = readJson<{ state: RunState; admitted?: unknown }>(answer);
    return { state, admitted: listOf(admitted) };
  }

  /** Notes that a run is being undone. It ends like `ending` when that is done. Null if there is no such run. */
  beginUndo(
    runId: string,
    epoch: number,
    ending: RunEnding,
    slots: readonly string[],
  ): Promise<RunState | null> {
    return this.#scripts.beginUndo(
      this.#keys.run(runId),
      epoch,
      JSON.stringify(ending),
      JSON.stringify(slots),
    );
  }

  /**
   * Reopens steps of an ended run. `reopened` is the new epoch, missing if the run is not as the caller saw it. Null if
   * there is no such run.
   */
  async reopen(
    runId: string,
    asked: object,
  ): Promise<{ readonly reopened?: number; readonly admitted: readonly string[] } | null> {
    const answer = await this.#scripts.reopen(this.#keys.run(runId), JSON.stringify(asked));
    if (answer === null) return null;
    const found = readJson<{ reopened?: number; admitted?: unknown }>(answer);
    return { ...found, admitted: listOf(found.admitted) };
  }

  /** Stores a value that is too large for the record. */
  async keepValue(runId: string, field: string, text: string): Promise<void> {
    await this.#redis.set(this.#keys.value(runId, field), text);
  }

  /** Asks a run to stop. Null if there is no such run. */
  async cancel(runId: string, abort: Abort): Promise<{ before: RunState; now: RunState } | null> {
    const answer = await this.#scripts.cancel(this.#keys.run(runId), JSON.stringify(abort));
    return answer === null ? null : { before: answer[0], now: answer[1] };
  }

  /** Ends those of `steps` that are not running. Returns the others. */
  async cancelSteps<T extends { stepId: string; item?: number; force?: boolean }>(
    runId: string,
    epoch: number,
    steps: readonly T[],
    reason: string,
  ): Promise<T[]> {
    const running: T[] = [];
    for (let from = 0; from < steps.length; from += CANCEL_CHUNK) {
      const args = steps
        .slice(from, from + CANCEL_CHUNK)
        .flatMap(({ stepId, item, force }) => [
          FIELDS.record(stepId, item),
          shownAs(stepId, item),
          force === true ? "1" : "0",
        ]);
      const positions = await this.#scripts.cancelSteps(
        this.#keys.run(runId),
        reason,
        epoch,
        ...args,
      );
      for (const position of positions) running.push(steps[from + position]!);
    }
    return running;
  }

  /**
   * Changes the urgency of a run and moves it among the runs that wait for their turn. Existing jobs keep their
   * priority. Null if there is no such run.
   */
  setPriority(runId: string, priority: number): Promise<RunState | null> {
    return this.#scripts.setPriority(this.#keys.run(runId), priority);
  }

  /** Takes the caller off `left`. True if no step runs now. */
  async cancelSettled(runId: string): Promise<boolean> {
    return (await this.#scripts.cancelSettled(this.#keys.run(runId))) === 0;
  }

  /** Tells all workers that the rest of a run must not start. */
  async tellAbort(runId: string, abort: Abort): Promise<void> {
    await this.#redis.publish(this.#keys.control, `abort\n${runId}\n${JSON.stringify(abort)}`);
  }

  /** Ids of runs, newest first. */
  newest(limit: number): Promise<string[]> {
    return this.#redis.zrevrange(this.#keys.runs, 0, limit - 1);
  }

  /**
   * Open runs past their deadline, and admitted runs whose jobs nobody has added; the caller has some seconds to add
   * them. At most `limit` of each.
   */
  async due(limit: number): Promise<{
    readonly overdue: readonly string[];
    readonly withoutJobs: readonly string[];
  }> {
    const [overdue, withoutJobs] = await this.#scripts.due(
      this.#keys.open,
      this.#keys.adding,
      limit,
    );
    return { overdue, withoutJobs };
  }

  /** Notes that the jobs of a run are there. */
  async jobsAreThere(runId: string): Promise<void> {
    await this.#redis.zrem(this.#keys.adding, runId);
  }

  /** Open runs, nearest deadline first. */
  open(): Promise<string[]> {
    return this.#redis.zrange(this.#keys.open, "0", "-1");
  }

  /** Redis' clock, in milliseconds since 1970. */
  async now(): Promise<number> {
    const [seconds, micros] = await this.#redis.time();
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  }

  /** Removes the record, its large values and items. Its jobs must be gone. */
  async forget(
    runId: string,
    facts: {
      hash: string;
      tenant: string;
      forEachSteps: readonly string[];
      /** Its steps and items. */
      slots: readonly string[];
    },
  ): Promise<void> {
    const { hash, tenant, forEachSteps, slots } = facts;
    for (let from = 0; from === 0 || from < slots.length; from += FORGET_CHUNK) {
      const isLast = from + FORGET_CHUNK >= slots.length;
      const each = isLast ? forEachSteps : [];
      await this.#scripts.forget(
        this.#keys.run(runId),
        this.#keys.definition(hash),
        tenant,
        isLast ? "1" : "0",
        each.length,
        ...each,
        ...slots.slice(from, from + FORGET_CHUNK),
      );
    }
  }
}

/** Lua cannot tell an empty list from an empty object. */
export function listOf(value: unknown): string[] {
  return Array.isArray(value) ? (value as string[]) : [];
}
