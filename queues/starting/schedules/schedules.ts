import type { Redis } from "ioredis";

import { quoted, TuttiError, type JsonObject, type Timing } from "../../../config/index.ts";
import { defineScripts, script, type Commands } from "../../connection/index.ts";
import type { Keys } from "../../names.ts";
import type { CatchUp } from "./catch-up.ts";
import { DECIDE_FIRING, PAUSE_SCHEDULE, PUT_SCHEDULE, SETTLE_FIRING } from "./scripts/generated.ts";

/** What happens to a firing while the previous run has not ended. */
export const OVERLAPS = ["skip", "queue", "cancel_previous"] as const;
type Overlap = (typeof OVERLAPS)[number];

/** A schedule as requested, with defaults filled in. */
export interface ScheduleSpec {
  readonly id: string;
  readonly workflowId: string;
  /** The version to start. Default: the current one when it fires. */
  readonly hash?: string;
  readonly when:
    | { readonly cron: string; readonly timeZone: string }
    | { readonly everyMs: number };
  readonly input: JsonObject;
  readonly overlap: Overlap;
  readonly catchUp: CatchUp;
  readonly catchUpWindowMs: number;
  readonly tenant: string;
  readonly actor: string;
}

/** The decision about a firing. It is stored first, then carried out. */
export type Decision = { readonly plannedMs: number; readonly manual?: true } & (
  | {
      readonly kind: "start";
      readonly runId: string;
      readonly hash: string;
      readonly covers: number;
      /** The run that must make room. */
      readonly cancel?: string;
    }
  | { readonly kind: "skip"; readonly reason: string; readonly covers: number }
  | { readonly kind: "fail"; readonly reason: string; readonly covers: number }
  | { readonly kind: "drop"; readonly count: number }
);

/** The result of a firing. */
export interface FiringRecord {
  readonly plannedMs: number;
  readonly decidedMs: number;
  readonly outcome: "started" | "skipped" | "failed" | "dropped";
  readonly runId?: string;
  /** Why there is no run. */
  readonly reason?: string;
  /** How many missed firings the run covers, or how many were dropped. */
  readonly covers?: number;
  /** Requested by hand. */
  readonly manual?: true;
}

/** Counts of what happened. */
export interface FiringCounts {
  readonly started: number;
  readonly skipped: number;
  readonly failed: number;
  readonly dropped: number;
}

/** Everything stored about a schedule. */
export interface ScheduleState {
  readonly spec: ScheduleSpec;
  readonly timing: Timing;
  readonly paused: boolean;
  /** Firings planned up to here are settled. */
  readonly handledMs: number;
  /** A decision that is not settled yet, as stored. */
  readonly pending: string | null;
  readonly lastRun: string | null;
  readonly counts: FiringCounts;
}

const SCRIPTS = {
  put: script<
    [schedule: string, schedules: string, id: string, spec: string, timing: string],
    [created: number, changed: number]
  >("tuttiPutSchedule", PUT_SCHEDULE, { keys: 2, once: true }),
  pause: script<[schedule: string, paused: "0" | "1"], number>(
    "tuttiPauseSchedule",
    PAUSE_SCHEDULE,
    { keys: 1 },
  ),
  decide: script<
    [schedule: string, decision: string, plannedMs: number, byHand: "0" | "1"],
    string | null
  >("tuttiDecideFiring", DECIDE_FIRING, { keys: 1 }),
  settle: script<
    [
      schedule: string,
      history: string,
      decision: string,
      record: string,
      plannedMs: number | "",
      runId: string,
      counter: string,
      by: number,
      kept: number,
    ],
    number
  >("tuttiSettleFiring", SETTLE_FIRING, { keys: 2 }),
};

/** Firings remembered per schedule. */
const HISTORY_KEPT = 20;

/** The records of schedules. BullMQ wakes them; these records hold what they did and will do. */
export class Schedules {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #scripts: Commands<typeof SCRIPTS>;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    this.#scripts = defineScripts(redis, keys.prefix, SCRIPTS);
  }

  /** Stores or replaces a schedule. With another timing it begins anew. */
  async put(spec: ScheduleSpec): Promise<{ created: boolean; retimed: boolean }> {
    const [created, changed] = await this.#scripts.put(
      this.#keys.schedule(spec.id),
      this.#keys.schedules,
      spec.id,
      JSON.stringify(spec),
      JSON.stringify(spec.when),
    );
    return { created: created === 1, retimed: changed === 1 };
  }

  /** Ids of all schedules, in alphabetical order. */
  ids(): Promise<string[]> {
    return this.#redis.zrange(this.#keys.schedules, "0", "-1");
  }

  /** @throws TuttiError `schedule_not_found`. */
  async require(id: string): Promise<ScheduleState> {
    const found = await this.find(id);
    if (found === null) {
      throw new TuttiError("schedule_not_found", `there is no schedule ${quoted(id)}`);
    }
    return found;
  }

  async find(id: string): Promise<ScheduleState | null> {
    const kept = await this.#redis.hgetall(this.#keys.schedule(id));
    if (kept["spec"] === undefined) return null;
    const spec = JSON.parse(kept["spec"]) as ScheduleSpec;
    const count = (name: keyof FiringCounts) => Number(kept[name] ?? 0);
    return {
      spec,
      timing:
        "cron" in spec.when
          ? spec.when
          : { everyMs: spec.when.everyMs, anchorMs: Number(kept["anchorMs"]) },
      paused: kept["paused"] !== undefined,
      handledMs: Number(kept["handledMs"]),
      pending: kept["pending"] ?? null,
      lastRun: kept["lastRun"] ?? null,
      counts: {
        started: count("started"),
        skipped: count("skipped"),
        failed: count("failed"),
        dropped: count("dropped"),
      },
    };
  }

  /** The last 20 firings, newest first. */
  async history(id: string): Promise<FiringRecord[]> {
    const texts = await this.#redis.lrange(this.#keys.scheduleHistory(id), 0, -1);
    return texts.map((text) => JSON.parse(text) as FiringRecord);
  }

  /** False if there is no such schedule. */
  async setPaused(id: string, paused: boolean): Promise<boolean> {
    const answer = await this.#scripts.pause(this.#keys.schedule(id), paused ? "1" : "0");
    return answer === 1;
  }

  async remove(id: string): Promise<void> {
    await this.#redis
      .multi()
      .del(this.#keys.schedule(id), this.#keys.scheduleHistory(id))
      .zrem(this.#keys.schedules, id)
      .exec();
  }

  /** Stores a decision, unless another one is pending. Returns the pending one, as stored. */
  decide(id: string, decision: Decision): Promise<string | null> {
    return this.#scripts.decide(
      this.#keys.schedule(id),
      JSON.stringify(decision),
      decision.plannedMs,
      decision.manual === true ? "1" : "0",
    );
  }

  /** Notes that a decision was carried out. */
  async settle(id: string, pending: string, record: FiringRecord): Promise<void> {
    await this.#scripts.settle(
      this.#keys.schedule(id),
      this.#keys.scheduleHistory(id),
      pending,
      JSON.stringify(record),
      record.manual === true ? "" : record.plannedMs,
      record.runId ?? "",
      record.outcome,
      record.outcome === "dropped" ? (record.covers ?? 1) : 1,
      HISTORY_KEPT,
    );
  }
}
