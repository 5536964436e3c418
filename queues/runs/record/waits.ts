import type { Redis } from "ioredis";

import { readJson, type Json } from "../../../config/index.ts";
import { defineScripts, script, type Commands } from "../../connection/index.ts";
import type { Keys } from "../../names.ts";
import {
  CALLED_BACK,
  DECIDE,
  GIVE_PLACE,
  PARK_RUN,
  PAUSE_RUN,
  UNPAUSE_RUN,
} from "../scripts/generated.ts";
import type { Aside } from "./ledger-answers.ts";
import type { StepAddress } from "./ledger.ts";
import { partName } from "./part-names.ts";
import { FIELDS, type RunState } from "./run-record.ts";
import { listOf } from "./runs.ts";

/** A decision from outside about a waiting step. */
export interface WaitDecision {
  readonly kind: "approved" | "rejected" | "event";
  /** Who decided. */
  readonly by: string;
  readonly atMs: number;
  readonly data: Json;
}

/** A step as somebody saw it, of the run in question or of one that works for it. */
export interface SeenStep {
  readonly runId: string;
  readonly field: string;
  readonly record: string | null;
}

/** The answer to a decision. */
export interface Decided {
  /**
   * `kept`: it stands. `again`: an earlier decision stands. `late`: the step has ended without one. `gone`: there is no
   * such run.
   */
  readonly status: "kept" | "again" | "late" | "gone";
}

const SCRIPTS = {
  decide: script<
    [record: string, field: string, decision: string, step: string],
    [status: Decided["status"], state?: RunState]
  >("tuttiDecide", DECIDE, { keys: 1, once: true }),
  givePlace: script<[record: string, cap: number, ...runFieldRecord: string[]], string[] | null>(
    "tuttiGivePlace",
    GIVE_PLACE,
    { keys: 1, once: true },
  ),
  park: script<[record: string, version: string, cap: number], string[] | null>(
    "tuttiParkRun",
    PARK_RUN,
    { keys: 1, once: true },
  ),
  pause: script<[record: string, cap: number, actor: string], string | null>(
    "tuttiPauseRun",
    PAUSE_RUN,
    { keys: 1, once: true },
  ),
  unpause: script<[record: string, cap: number], string | null>("tuttiUnpauseRun", UNPAUSE_RUN, {
    keys: 1,
    once: true,
  }),
  calledBack: script<[record: string, ...slots: string[]], number>("tuttiCalledBack", CALLED_BACK, {
    keys: 1,
  }),
};

/**
 * Everything that waits for somebody outside. There is one protocol. The waker first writes the decision, then promotes
 * the job. The parker first moves the job aside, then reads the decision again. So no decision is lost, whichever comes
 * first.
 */
export class Waits {
  readonly #redis: Redis;
  readonly #scripts: Commands<typeof SCRIPTS>;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    this.#scripts = defineScripts(redis, keys.prefix, SCRIPTS);
  }

  /** Stores a decision, whether or not its step waits already. The first one stands. */
  async decide(runId: string, stepId: string, decision: WaitDecision): Promise<Decided> {
    const [status] = await this.#scripts.decide(
      this.#keys.run(runId),
      FIELDS.decision(stepId),
      JSON.stringify(decision),
      FIELDS.record(stepId),
    );
    return { status };
  }

  /** Parks a run, unless it has changed since `version`. Returns the runs that got its place. */
  async parkRun(runId: string, version: string, maxRunning: number): Promise<string[] | null> {
    return this.#scripts.park(this.#keys.run(runId), version, maxRunning);
  }

  /**
   * Takes a run out of those at work, unless one of these steps has begun meanwhile. Returns the runs that got its
   * place; null if it keeps its place.
   */
  async givePlace(
    runId: string,
    seen: readonly SeenStep[],
    maxRunning: number,
  ): Promise<string[] | null> {
    const steps = seen.flatMap((step) => [step.runId, step.field, step.record ?? ""]);
    return this.#scripts.givePlace(this.#keys.run(runId), maxRunning, ...steps);
  }

  /** Holds a run. Null if there is none. */
  async pause(
    runId: string,
    actor: string,
    maxRunning: number,
  ): Promise<{ readonly before: RunState; readonly admitted: readonly string[] } | null> {
    const answer = await this.#scripts.pause(this.#keys.run(runId), maxRunning, actor);
    if (answer === null) return null;
    const { before, admitted } = readJson<{ before: RunState; admitted?: unknown }>(answer);
    return { before, admitted: listOf(admitted) };
  }

  /** Lets a paused run go on. Null if there is none. */
  async unpause(
    runId: string,
    maxRunning: number,
  ): Promise<{
    readonly before: RunState;
    readonly now: RunState;
    readonly parked: readonly string[];
    readonly admitted: readonly string[];
  } | null> {
    const answer = await this.#scripts.unpause(this.#keys.run(runId), maxRunning);
    if (answer === null) return null;
    const found = readJson<{
      before: RunState;
      now: RunState;
      parked?: unknown;
      admitted?: unknown;
    }>(answer);
    return { ...found, parked: listOf(found.parked), admitted: listOf(found.admitted) };
  }

  /** Slots of a run whose jobs were moved aside, because the run is held or has no place for them. */
  async aside(runId: string): Promise<string[]> {
    const [parked, width] = await Promise.all([
      this.#redis.smembers(this.#keys.parked(runId)),
      this.#redis.zrange(this.#keys.width(runId), "0", "-1"),
    ]);
    return [...parked, ...width];
  }

  /** How many steps of a run wait before this one for a place among its calls; null if it does not wait. */
  placesBefore(runId: string, slotName: string): Promise<number | null> {
    return this.#redis.zrank(this.#keys.width(runId), slotName);
  }

  /**
   * Slots that stand aside for a pause or a place. Once their run goes on and has a place, somebody must call them
   * back.
   */
  heldBack(runId: string): Promise<string[]> {
    return this.#redis.smembers(this.#keys.parked(runId));
  }

  /** Notes that slots no longer stand aside, unless the run is held again or has no place. */
  async calledBack(runId: string, slots: readonly string[]): Promise<void> {
    if (slots.length > 0) await this.#scripts.calledBack(this.#keys.run(runId), ...slots);
  }

  /** Whether the reason for which a job was moved aside is over, so that it may go on by itself. */
  async mayGoOn(step: StepAddress, status: Aside): Promise<boolean> {
    const name = partName(step.stepId, step.item, step.undo);
    const fields = [
      "state",
      FIELDS.abort,
      FIELDS.groupAbort(step.group ?? ""),
      FIELDS.place(name),
      FIELDS.away,
    ];
    const [state, abort, groupAbort, place, away] = await this.#redis.hmget(
      this.#keys.run(step.runId),
      ...fields,
    );
    if (abort || groupAbort) return true;
    if (status === "away") return !away || !(await this.isAway(away));
    return status === "paused" ? state !== "paused" : Boolean(place);
  }

  /** Whether a run gave up its place and has not got one back. */
  async isAway(runId: string): Promise<boolean> {
    return (await this.#redis.hexists(this.#keys.run(runId), FIELDS.away)) === 1;
  }

  /** Notes that the steps of a run that has a place again were called. */
  async cameBack(runId: string): Promise<void> {
    await this.#redis.hdel(this.#keys.run(runId), FIELDS.returned);
  }

  /** Open runs with a step that waits for this event. */
  listeners(event: string): Promise<string[]> {
    return this.#redis.smembers(this.#keys.listeners(event));
  }
}
