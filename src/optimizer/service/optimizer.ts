import type { Redis } from "ioredis";

import { PASS_MS, TuttiError } from "../../../config/index.ts";
import { OptimizerStore, type Runs } from "../../../queues/client.ts";
import { Canaries, type Gate, type Keys, type Samples } from "../../../queues/index.ts";
import type { Alert } from "../metrics/alerts.ts";
import { canaryOf } from "../metrics/canary.ts";
import {
  NOTHING_KNOWN,
  REPORT_VERSION,
  think,
  type OptimizerReport,
  type OptimizerState,
} from "../think.ts";
import type { Adjustment, Room, Wish } from "../tuning/adjustment.ts";
import { NO_CAPS, pinCap, type CapChange, type CapState } from "../tuning/caps.ts";
import { rollBack, withdraw } from "../tuning/state.ts";
import { isTimeToAim, wishesFor } from "./aiming.ts";
import { eventsOf, isMade, isTakenBack, type AuditEntry, type AuditEvent } from "./audit.ts";
import { convergePins, readCaps } from "./caps.ts";
import type { PlanFacts } from "./planning.ts";
import type { Recorded } from "./record.ts";
import { foretoldBefore, Recorder } from "./recorder.ts";
import { converge, readRoom } from "./room.ts";
import { ShapeReader } from "./shapes.ts";

/** Samples of one pass at most: after a pause the older ones say nothing about now. */
const SAMPLES_READ = 30;
/** Somebody else may be faster so often before it is given up. */
const TRIES = 5;

/** What a pass has come to. */
type Thought = NonNullable<ReturnType<typeof think>>;

/** On, off, or only saying what it would do. */
export type OptimizerMode = boolean | "dry-run";

/** Tells others of an alert. */
export type Announce = (alert: Alert, what: "raised" | "resolved") => Promise<void>;

/** What the optimizer works with. */
interface OptimizerParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly samples: Samples;
  readonly gate: Gate;
  readonly runs: Runs;
  /** How often passes come. Milliseconds; default: as shipped. */
  readonly intervalMs?: number;
  /** Lets Bull Board, and workers without a gate, go by the limits of tools as they are now. */
  readonly show: (tools: readonly string[]) => Promise<void>;
  /** Says that an alert was raised or resolved. Default: it stands in the report only. */
  readonly announce?: Announce;
}

/** The passes of the optimizer: reads samples, thinks, keeps what it found, changes limits. */
export class Optimizer {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #samples: Samples;
  readonly #gate: Gate;
  readonly #show: OptimizerParts["show"];
  readonly #announce: Announce | undefined;
  readonly #intervalMs: number;
  readonly #recorder: Recorder;
  readonly #runs: Runs;
  readonly #shapes: ShapeReader;
  readonly #canaries: Canaries;
  readonly #store: OptimizerStore<OptimizerState, OptimizerReport, AuditEvent>;

  constructor(parts: OptimizerParts) {
    const { redis, keys, samples, gate, runs, show, announce, intervalMs = PASS_MS } = parts;
    this.#intervalMs = intervalMs;
    this.#show = show;
    this.#announce = announce;
    this.#redis = redis;
    this.#keys = keys;
    this.#samples = samples;
    this.#gate = gate;
    this.#recorder = new Recorder(samples, gate);
    this.#runs = runs;
    this.#shapes = new ShapeReader(runs);
    this.#canaries = new Canaries(redis, keys);
    this.#store = new OptimizerStore(redis, keys);
  }

  /** One pass. Null when nothing was sampled since the last one, or when another one was faster. */
  async pass(): Promise<OptimizerReport | null> {
    const { version, state } = await this.#store.read();
    const known = state ?? NOTHING_KNOWN;
    if (known.off === true) return null;
    // Who kept them last may have died before it told anybody; telling twice is telling once.
    await this.#announceAll(known.unannounced);
    const samples = await this.#samples.after(known.lastId, SAMPLES_READ);
    const room = await readRoom(this.#gate);
    const shapes = await this.#shapes.of(known, samples);
    const canary = canaryOf(await this.#canaries.read(), await this.#runs.now());
    const caps = await readCaps(this.#redis, this.#keys);
    const intervalMs = this.#intervalMs;
    const facts = { intervalMs, room, shapes, canary, caps, dryRun: known.dryRun ?? false };
    let thought = think(known, samples, facts);
    const idea = thought?.report.adjustments.made ?? thought?.report.adjustments.proposed;
    // Thinking costs little: once more, with what the model says of the idea.
    if (idea !== undefined && idea.asked === undefined && idea.ahead === undefined) {
      const before = (await this.report())?.adjustments.proposed;
      const foretold = foretoldBefore(idea, before) ?? (await this.#recorder.foretell(idea));
      if (foretold !== null)
        thought = think(known, samples, { ...facts, foretold: { [idea.tool]: foretold } });
    }
    if (thought === null) return null;
    thought = await this.#aim(thought, room);
    const events = eventsOf(thought.report);
    // What is decided is written down first: who dies now has it done by the next pass.
    if (!(await this.#store.keep(version, thought.state, events, thought.report))) return null;
    await this.#converge(thought.state.tuning.desired, thought.state.caps?.pins);
    // It was turned off meanwhile: what was just done must not stay.
    if ((await this.#store.read()).state?.off === true) await this.#converge({});
    await this.#announceAll(thought.state.unannounced);
    return thought.report;
  }

  /** Asks for what plans say that are made for what runs aim at, when it is time for that. */
  async #aim(thought: Thought, room: Room): Promise<Thought> {
    const { state, report } = thought;
    const { targets } = report.aims;
    if (!isTimeToAim(state, targets)) return thought;
    const recorded = await this.#recorder.record();
    if (recorded === null) return thought;
    const planned = wishesFor(targets, recorded, { room, state });
    const wishes = state.dryRun === true ? [] : planned;
    return {
      state: {
        ...state,
        aims: { asked: state.aims?.asked ?? {}, windows: 0, planned },
        tuning: { ...state.tuning, wishes },
      },
      report: {
        ...report,
        aims: { targets, planned },
        adjustments: { ...report.adjustments, wishes },
      },
    };
  }

  /**
   * A worker starts. On: passes have an effect again. Off, or in a dry run: limits are those of the catalogues and
   * of people again.
   */
  async turn(mode: OptimizerMode): Promise<void> {
    await this.#remember(mode);
    if (mode !== true) await this.#converge({});
  }

  async #remember(mode: OptimizerMode): Promise<void> {
    const off = mode === false;
    const dryRun = mode === "dry-run";
    for (let n = 0; n < TRIES; n++) {
      const { version, state } = await this.#store.read();
      const known = state ?? NOTHING_KNOWN;
      if ((known.off ?? false) === off && (known.dryRun ?? false) === dryRun) return;
      const room = await readRoom(this.#gate);
      const why = off ? "the optimizer was turned off" : "the optimizer only says what it would do";
      const { state: tuning, made } = withdraw(known.tuning, room, why, Date.now());
      const events =
        mode === true
          ? []
          : made.map((adjustment) => ({ event: "made" as const, by: "settings", adjustment }));
      const { caps = NO_CAPS } = known;
      const free = { ...caps, pins: {} };
      const next = { ...known, off, dryRun, ...(mode === true ? {} : { tuning, caps: free }) };
      if (await this.#store.keep(version, next, events)) return;
    }
  }

  async #announceAll(alerts: OptimizerState["unannounced"] = []): Promise<void> {
    for (const { alert, what } of alerts) await this.#announce?.(alert, what);
  }

  /** Lets the gate, and whoever looks at queues, go by what tools should have. */
  async #converge(
    desired: Readonly<Record<string, number>>,
    pins: CapState["pins"] = {},
  ): Promise<void> {
    await convergePins(this.#gate, pins);
    const changed = await converge(this.#gate, await readRoom(this.#gate), desired);
    if (changed.length > 0) await this.#show(changed);
  }

  /** What the last pass saw; null before the first. */
  async report(): Promise<OptimizerReport | null> {
    const report = await this.#store.report();
    return report?.version === REPORT_VERSION ? report : null;
  }

  /** What was changed and what came of it, the newest first. */
  history(limit: number): Promise<AuditEntry[]> {
    return this.#store.audit(limit);
  }

  /**
   * The load of the last minutes, to try changes on.
   *
   * @throws TuttiError `nothing_recorded`: there are fewer than two samples.
   */
  async record(): Promise<Recorded> {
    const recorded = await this.#recorder.record();
    if (recorded !== null) return recorded;
    throw new TuttiError("nothing_recorded", "there are no samples yet; start a worker first");
  }

  /** What a plan goes by beside the recording. */
  async planFacts(): Promise<PlanFacts> {
    const room = await readRoom(this.#gate);
    const { state } = await this.#store.read();
    return { room, state };
  }

  /**
   * Has the next passes make changes that somebody asks for, one after another, in the place of what was asked for before.
   *
   * @throws TuttiError `optimizer_inactive`: it is turned off, or only says what it would do.
   */
  async ask(wishes: readonly Wish[]): Promise<void> {
    for (let n = 0; n < TRIES; n++) {
      const { version, state } = await this.#store.read();
      const known = state ?? NOTHING_KNOWN;
      if (known.off === true || known.dryRun === true)
        throw new TuttiError(
          "optimizer_inactive",
          known.off === true
            ? "the optimizer is turned off: nobody would make the changes"
            : "the optimizer runs dry: it makes no changes",
        );
      const next = { ...known, tuning: { ...known.tuning, wishes } };
      if (await this.#store.keep(version, next, [])) return;
    }
    throw new TuttiError("internal_error", "the optimizer's state changed too often");
  }

  /**
   * Takes an adjustment back by hand; the optimizer then leaves its tool alone for half an hour.
   *
   * @throws TuttiError `adjustment_not_found`: there is none with this id, or it is not in force any more.
   */
  async rollBack(id: number, by: string, dryRun = false): Promise<Adjustment | CapChange> {
    for (let n = 0; n < TRIES; n++) {
      const { version, state } = await this.#store.read();
      const entries = await this.#store.audit(Number.MAX_SAFE_INTEGER);
      const own = entries.filter((entry) => entry.adjustment.id === id);
      // Another one may have come to the same number since; one that was declined was never made.
      const adjustment = own.some(isTakenBack) ? undefined : own.find(isMade)?.adjustment;
      if (adjustment?.what === "cap" && state?.off === true)
        throw new TuttiError(
          "optimizer_inactive",
          "the optimizer is turned off: nobody would end it",
        );
      const next =
        state === null || adjustment === undefined
          ? null
          : without(state, adjustment, await readRoom(this.#gate), await this.#runs.now());
      if (state === null || adjustment === undefined || next === null)
        throw new TuttiError(
          "adjustment_not_found",
          `there is no adjustment ${id} that is in force`,
          { details: { id } },
        );
      if (dryRun) return adjustment;
      if (!(await this.#store.keep(version, next, [{ event: "rolled_back", by, adjustment }])))
        continue;
      await this.#converge(next.tuning.desired, next.caps?.pins);
      return adjustment;
    }
    throw new TuttiError("internal_error", "the optimizer's state changed too often");
  }
}

/** Null: it is not in force. */
function without(
  state: OptimizerState,
  adjustment: Adjustment | CapChange,
  room: Room,
  nowMs: number,
): OptimizerState | null {
  if (adjustment.what === "cap") {
    const caps = pinCap(state.caps ?? NO_CAPS, adjustment, nowMs);
    return caps === null ? null : { ...state, caps };
  }
  const tuning = rollBack(state.tuning, adjustment, room);
  return tuning === null ? null : { ...state, tuning };
}
