import { iso, isoOrNull, completeRunInput, nextTime } from "../../config/index.ts";
import {
  armSchedule,
  disarmSchedule,
  fireNow,
  type FiringCounts,
  type FiringRecord,
  type ScheduleSpec,
  type ScheduleState,
} from "../../queues/client.ts";
import { type FireParts, type ToolQueues } from "../../queues/index.ts";
import { plannedTimes, type PlannedTimesForm } from "./planned-times.ts";
import { checkSchedule, type ScheduleForm } from "./schedule-form.ts";

/** What became of a firing. Times are ISO 8601 with milliseconds. */
export interface FiringView {
  readonly plannedAt: string;
  readonly decidedAt: string;
  readonly outcome: FiringRecord["outcome"];
  readonly runId?: string;
  /** Why there is no run. */
  readonly reason?: string;
  /** How many missed firings the run stands for besides its own, or how many were dropped. */
  readonly covers?: number;
  /** Asked for by hand. */
  readonly manual?: true;
}

/** A schedule in a list. */
export interface ScheduleSummary extends Omit<ScheduleSpec, "when"> {
  readonly cron?: string;
  readonly timeZone?: string;
  readonly everyMs?: number;
  readonly paused: boolean;
  /** ISO 8601; null while it is paused, or when nothing is planned any more. */
  readonly nextAt: string | null;
  /** How often each thing happened. */
  readonly counts: FiringCounts;
}

/** Everything that is known of a schedule. */
export interface ScheduleView extends ScheduleSummary {
  /** The last 20 firings, newest first. */
  readonly history: readonly FiringView[];
}

/** What the door of the schedules works with. */
export interface ScheduleDoorParts {
  readonly fire: FireParts;
  readonly queues: ToolQueues;
}

/** Workflows that start at planned times: `tutti.schedules`. Workers fire them, so one has to be alive. */
export class ScheduleDoor {
  readonly #parts: ScheduleDoorParts;

  constructor(parts: ScheduleDoorParts) {
    this.#parts = parts;
  }

  /**
   * Adds a schedule, or replaces the one of this id: its history stays, and with another `cron`,
   * `timeZone` or `everyMs` it begins anew.
   *
   * @throws ValidationError `request_invalid` with every problem of the form, `input_invalid` with every
   * problem of the input.
   * @throws TuttiError `workflow_not_found`.
   */
  async add(form: ScheduleForm): Promise<{ id: string; created: boolean }> {
    const spec = checkSchedule(form);
    const { fire, queues } = this.#parts;
    const { definition } = await fire.registry.resolve(spec.workflowId, spec.hash);
    completeRunInput(definition.inputs, spec.input);
    const { created, retimed } = await fire.schedules.put(spec);
    if (retimed) await disarmSchedule(queues, spec.id);
    const state = await fire.schedules.require(spec.id);
    if (!state.paused) await armSchedule(queues, state, await fire.runs.now());
    return { id: spec.id, created };
  }

  /**
   * When a schedule with a cron expression would fire: see {@link plannedTimes}. Needs no Redis.
   *
   * @throws ValidationError `request_invalid` with every problem of the form.
   */
  plannedTimes(form: PlannedTimesForm): string[] {
    return plannedTimes(form);
  }

  /** All schedules, by id. */
  async list(): Promise<ScheduleSummary[]> {
    const { schedules, runs } = this.#parts.fire;
    const [ids, nowMs] = await Promise.all([schedules.ids(), runs.now()]);
    const states = await Promise.all(ids.map((id) => schedules.find(id)));
    return states.filter((one) => one !== null).map((one) => summaryOf(one, nowMs));
  }

  /** @throws TuttiError `schedule_not_found`. */
  async show(id: string): Promise<ScheduleView> {
    const { schedules, runs } = this.#parts.fire;
    const state = await schedules.require(id);
    const history = await schedules.history(id);
    return { ...summaryOf(state, await runs.now()), history: history.map(firingView) };
  }

  /**
   * Fires nothing until it is resumed.
   *
   * @throws TuttiError `schedule_not_found`.
   */
  async pause(id: string): Promise<void> {
    await this.#setPaused(id, true);
  }

  /**
   * Fires again. What was planned while it paused is not made up for.
   *
   * @throws TuttiError `schedule_not_found`.
   */
  async resume(id: string): Promise<void> {
    await this.#setPaused(id, false);
  }

  async #setPaused(id: string, paused: boolean): Promise<void> {
    const { fire, queues } = this.#parts;
    await fire.schedules.setPaused(id, paused);
    const state = await fire.schedules.require(id);
    if (paused) await disarmSchedule(queues, id);
    else await armSchedule(queues, state, await fire.runs.now());
  }

  /**
   * Fires now, also while it is paused. The rule about overlaps holds; what is planned stays as it is.
   *
   * @throws TuttiError `schedule_not_found`.
   */
  async run(id: string): Promise<FiringView> {
    return firingView(await fireNow(this.#parts.fire, id));
  }

  /**
   * Removes a schedule. Runs that it started go on.
   *
   * @throws TuttiError `schedule_not_found`.
   */
  async remove(id: string): Promise<void> {
    const { fire, queues } = this.#parts;
    await fire.schedules.require(id);
    await fire.schedules.remove(id);
    await disarmSchedule(queues, id);
  }

  /** Ids of the schedules that start this workflow. */
  async of(workflowId: string): Promise<string[]> {
    const all = await this.list();
    return all.filter((one) => one.workflowId === workflowId).map((one) => one.id);
  }
}

function summaryOf(state: ScheduleState, nowMs: number): ScheduleSummary {
  const { when, ...spec } = state.spec;
  const next = state.paused ? null : nextTime(state.timing, nowMs);
  return {
    ...spec,
    ...when,
    paused: state.paused,
    nextAt: isoOrNull(next),
    counts: state.counts,
  };
}

function firingView({ plannedMs, decidedMs, ...rest }: FiringRecord): FiringView {
  return { plannedAt: iso(plannedMs), decidedAt: iso(decidedMs), ...rest };
}
