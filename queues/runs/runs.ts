import type { Redis } from "ioredis";

import type { RunDefinition } from "../definition.ts";
import type { Identity } from "../jobs.ts";
import type { Keys } from "../names.ts";
import {
  FIELDS,
  shownAs,
  type Abort,
  type RunHeader,
  type RunState,
  type StepError,
} from "./run-record.ts";
import {
  CANCEL_RUN_SCRIPT,
  CANCEL_STEPS_SCRIPT,
  CREATE_RUN_SCRIPT,
  FINISH_RUN_SCRIPT,
  FORGET_RUN_SCRIPT,
} from "./scripts/runs.ts";

/** What is written when a run is submitted. */
export interface NewRun extends Identity {
  readonly runId: string;
  readonly definition: RunDefinition;
  readonly definitionHash: string;
  /** What stands in the record: JSON or a reference. */
  readonly input: string;
  /** What `input` refers to, when it is too large for the record. */
  readonly largeInput?: string;
  readonly inputHash: string;
}

/** What a run ended with. */
export interface RunEnding {
  readonly state: RunState;
  /** JSON or a reference. */
  readonly output?: string;
  readonly error?: StepError;
  readonly unmetCriteria?: readonly string[];
}

/** What was found under the id of a run that was submitted before. */
export interface ExistingRun {
  readonly definitionHash: string;
  readonly inputHash: string;
  readonly state: RunState;
  readonly epoch: number;
}

interface Commands {
  tuttiCreateRun(...args: (string | number)[]): Promise<[string, ...string[]]>;
  tuttiFinishRun(...args: (string | number)[]): Promise<RunState | null>;
  tuttiCancelRun(...args: (string | number)[]): Promise<[RunState, RunState] | null>;
  tuttiCancelSteps(...args: (string | number)[]): Promise<number[]>;
  tuttiForgetRun(...args: (string | number)[]): Promise<number>;
}

/** Steps that one call ends when a run is cancelled; keeps Redis free for others in between. */
const CANCEL_CHUNK = 500;

/** The records of runs: the truth about them (D12). */
export class Runs {
  readonly #redis: Redis;
  readonly #commands: Commands;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    redis.defineCommand("tuttiCreateRun", { lua: CREATE_RUN_SCRIPT, numberOfKeys: 6 });
    redis.defineCommand("tuttiFinishRun", { lua: FINISH_RUN_SCRIPT, numberOfKeys: 3 });
    redis.defineCommand("tuttiCancelRun", { lua: CANCEL_RUN_SCRIPT, numberOfKeys: 1 });
    redis.defineCommand("tuttiCancelSteps", { lua: CANCEL_STEPS_SCRIPT, numberOfKeys: 1 });
    redis.defineCommand("tuttiForgetRun", { lua: FORGET_RUN_SCRIPT, numberOfKeys: 6 });
    this.#commands = redis as unknown as Commands;
  }

  /** Writes the record of a new run. Null when it was written now, else what stands there. */
  async create(run: NewRun): Promise<ExistingRun | null> {
    const identity: Identity = {
      tenant: run.tenant,
      actor: run.actor,
      correlationId: run.correlationId,
    };
    const send = (definition: string) =>
      this.#commands.tuttiCreateRun(
        this.#keys.run(run.runId),
        this.#keys.definition(run.definitionHash),
        this.#keys.runs,
        this.#keys.open,
        this.#keys.tenants,
        this.#keys.value(run.runId, FIELDS.input),
        run.runId,
        run.definitionHash,
        run.definition.workflow.id,
        definition,
        JSON.stringify(identity),
        run.input,
        run.inputHash,
        run.tenant,
        run.definition.timeoutMs,
        run.largeInput ?? "",
      );
    let answer = await send("");
    if (answer[0] === "define") answer = await send(JSON.stringify(run.definition));
    if (answer[0] === "created") return null;
    const [, definitionHash = "", inputHash = "", state = "", epoch = "0"] = answer;
    return { definitionHash, inputHash, state: state as RunState, epoch: Number(epoch) };
  }

  /** The definition with this content hash; null when no run uses it any more. */
  async definition(hash: string): Promise<RunDefinition | null> {
    const text = await this.#redis.hget(this.#keys.definition(hash), "json");
    return text === null ? null : (JSON.parse(text) as RunDefinition);
  }

  /** What a run is; null when there is none of this id. Its workflow's name is in the definition. */
  async header(
    runId: string,
  ): Promise<(Omit<RunHeader, "workflow"> & { workflowId: string; hash: string }) | null> {
    const fields = [
      "state",
      "def",
      "workflow",
      "identity",
      "epoch",
      "submittedAt",
      "startedAt",
      "finishedAt",
      "error",
      "unmet",
    ];
    const [
      state,
      hash,
      workflowId,
      identity,
      epoch,
      submittedAt,
      startedAt,
      finishedAt,
      error,
      unmet,
    ] = await this.#redis.hmget(this.#keys.run(runId), ...fields);
    if (!state || !hash || !workflowId || !identity) return null;
    return {
      runId,
      workflowId,
      hash,
      ...(JSON.parse(identity) as Identity),
      epoch: Number(epoch),
      state: state as RunState,
      submittedAtMs: Number(submittedAt),
      startedAtMs: startedAt ? Number(startedAt) : null,
      finishedAtMs: finishedAt ? Number(finishedAt) : null,
      ...(error ? { error: JSON.parse(error) as StepError } : {}),
      ...(unmet ? { unmetCriteria: JSON.parse(unmet) as string[] } : {}),
    };
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

  /** Notes a fact of our own about a run, such as how far its tree is added. */
  async note(runId: string, field: string, value: string): Promise<void> {
    await this.#redis.hset(this.#keys.run(runId), field, value);
  }

  /** Ends a run, unless it has ended. Returns the state that stands. */
  finish(runId: string, tenant: string, ending: RunEnding): Promise<RunState | null> {
    const kept = ending.state === "completed" || ending.state === "cancelled" ? "done" : "failed";
    return this.#commands.tuttiFinishRun(
      this.#keys.run(runId),
      this.#keys.open,
      this.#keys.ended(tenant, kept),
      runId,
      ending.state,
      ending.output ?? "",
      ending.error === undefined ? "" : JSON.stringify(ending.error),
      ending.unmetCriteria === undefined ? "" : JSON.stringify(ending.unmetCriteria),
      this.#keys.events(runId),
    );
  }

  /** Asks a run to stop. Null when there is no such run. */
  async cancel(runId: string, abort: Abort): Promise<{ before: RunState; now: RunState } | null> {
    const answer = await this.#commands.tuttiCancelRun(
      this.#keys.run(runId),
      JSON.stringify(abort),
      this.#keys.events(runId),
      this.#keys.control,
      runId,
    );
    return answer === null ? null : { before: answer[0], now: answer[1] };
  }

  /** Ends those of `steps` that are not running. Returns the others. */
  async cancelSteps<T extends { stepId: string; item?: number; force?: boolean }>(
    runId: string,
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
      const positions = await this.#commands.tuttiCancelSteps(
        this.#keys.run(runId),
        reason,
        this.#keys.events(runId),
        ...args,
      );
      for (const position of positions) running.push(steps[from + position]!);
    }
    return running;
  }

  /** Gives back the caller's share of `left`. True when no step runs any more. */
  async cancelSettled(runId: string): Promise<boolean> {
    return (await this.#redis.hincrby(this.#keys.run(runId), "left", -1)) === 0;
  }

  /** Tells all workers that the rest of a run must not start. */
  async tellAbort(runId: string, abort: Abort): Promise<void> {
    await this.#redis.publish(this.#keys.control, `abort\n${runId}\n${JSON.stringify(abort)}`);
  }

  /** Ids of runs, newest first. */
  newest(limit: number): Promise<string[]> {
    return this.#redis.zrevrange(this.#keys.runs, 0, limit - 1);
  }

  /** Open runs whose deadline has passed. */
  overdue(nowMs: number): Promise<string[]> {
    return this.#redis.zrangebyscore(this.#keys.open, "-inf", nowMs);
  }

  /** Open runs, those with the nearest deadline first. */
  open(): Promise<string[]> {
    return this.#redis.zrange(this.#keys.open, "0", "-1");
  }

  /** Ended runs of a tenant that are past their time or beyond the number to keep. */
  async expired(
    tenant: string,
    kept: "done" | "failed",
    beforeMs: number,
    keep: number,
    limit: number,
  ): Promise<string[]> {
    const key = this.#keys.ended(tenant, kept);
    const old = await this.#redis.zrangebyscore(key, "-inf", beforeMs, "LIMIT", 0, limit);
    const surplus = (await this.#redis.zcard(key)) - keep;
    const oldest =
      surplus > 0 ? await this.#redis.zrange(key, "0", String(Math.min(surplus, limit) - 1)) : [];
    return [...new Set([...old, ...oldest])];
  }

  tenants(): Promise<string[]> {
    return this.#redis.smembers(this.#keys.tenants);
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
      values: readonly string[];
    },
  ): Promise<void> {
    const keys = [
      ...facts.forEachSteps.map((step) => this.#keys.items(runId, step)),
      ...facts.values.map((field) => this.#keys.value(runId, field)),
    ];
    for (let from = 0; from < keys.length; from += 500)
      await this.#redis.unlink(...keys.slice(from, from + 500));
    await this.#commands.tuttiForgetRun(
      this.#keys.run(runId),
      this.#keys.definition(facts.hash),
      this.#keys.runs,
      this.#keys.open,
      this.#keys.ended(facts.tenant, "done"),
      this.#keys.ended(facts.tenant, "failed"),
      runId,
    );
  }
}
