import { given } from "../../../config/index.ts";
import { shownAs, CONTROL_PREFIX } from "../../../queues/client.ts";
import { jobOf, placesOf, partName, subRunId, type StepRecord } from "../../../queues/index.ts";
import { stepOfJob } from "../limits/permits.ts";
import { bare, outlookOf, unknown, type Outlook } from "./outlook.ts";
import { partsOfShown, RunFacts } from "./run-facts.ts";
import type { Moment } from "./scene.ts";
import {
  isWaiting,
  type Eta,
  type Why,
  type WhyReason,
  type WhyRoot,
  type WhyParts,
} from "./why.ts";
import { sayOnce, sentenceOf } from "./words.ts";

/** Steps of a run that are explained; more would say the same again. */
const MAX_STEPS = 20;
/** Steps that are looked at for one answer. */
const MAX_LOOKED_AT = 60;

const ended = (state: string): Outlook =>
  bare({ kind: "ended", state }, { atMs: null, basis: "it has ended" });

/** Answers for one run. What is found out about a step is found out once. */
export class RunQuestion {
  readonly #parts: WhyParts;
  readonly #facts: RunFacts;
  readonly #moment: Moment;
  readonly #known = new Map<string, Promise<Why>>();

  constructor(parts: WhyParts, facts: RunFacts, moment: Moment) {
    this.#parts = parts;
    this.#facts = facts;
    this.#moment = moment;
  }

  async run(): Promise<Why> {
    const { runId, state, startedAtMs, tenant } = this.#facts.header;
    const nowMs = this.#moment.gate.nowMs;
    const subject = `run ${runId}`;
    const answer = (outlook: Outlook, steps?: readonly Why[]): Why => ({
      runId,
      state,
      waits: isWaiting(outlook.reasons),
      ...outlook,
      sentence: sentenceOf(subject, { ...outlook, nowMs }),
      nowMs,
      ...given({ steps }),
    });
    if (!this.#facts.isOpen) return answer(ended(state));
    const kept = await this.#keptAsAWhole();
    const steps = await this.#front();
    if (kept !== null) return answer(kept, steps);
    const waiting = steps.filter(({ waits }) => waits);
    if (waiting.length === 0 || waiting.length < steps.length) {
      const runs = bare(
        { kind: "running", sinceMs: startedAtMs },
        unknown("the end of a whole run is not reckoned"),
      );
      return answer(runs, steps);
    }
    const etas = waiting.map(({ eta }) => eta).filter(({ atMs }) => atMs !== null);
    const names = waiting.map(({ step = "" }) => step);
    const outlook = {
      reasons: [
        { kind: "steps", steps: names } as const,
        ...(this.#facts.away !== null ? [{ kind: "away", tenant } as const] : []),
      ],
      holders: waiting.flatMap(({ holders }) => holders).slice(0, MAX_STEPS),
      // It goes on with the first of them.
      eta: etas.toSorted((a, b) => a.atMs! - b.atMs!)[0] ?? waiting[0]!.eta,
    };
    const all = sayOnce(waiting.map(({ step = "", sentence }) => ({ subject: step, sentence })));
    const sentences = all.slice(0, 3).map((sentence) => sentence.replace(/\.$/, ""));
    const more = all.length > 3 ? `; and ${all.length - 3} more` : "";
    const away =
      this.#facts.away !== null
        ? ` Its place among the runs of ${tenant} that are at work went to another, as nothing of it can start.`
        : "";
    return {
      ...answer(outlook, steps),
      sentence: `${subject} waits: ${sentences.join("; ")}${more}.${away}`,
    };
  }

  /** The answer for a step or an item, by the name that people use. */
  step(shown: string): Promise<Why> {
    const known = this.#known.get(shown) ?? this.#step(shown);
    this.#known.set(shown, known);
    return known;
  }

  async #step(shown: string): Promise<Why> {
    const { stepId, item } = partsOfShown(shown);
    const record = this.#facts.record(stepId, item);
    const { runId } = this.#facts.header;
    const outlook = await this.#stepOutlook(stepId, item, record);
    const nowMs = this.#moment.gate.nowMs;
    const tool = this.#facts.definition.steps[stepId]?.tool;
    return {
      runId,
      step: shown,
      ...given({ tool }),
      state: record.state,
      waits: isWaiting(outlook.reasons),
      ...outlook,
      sentence: sentenceOf(shown, { ...outlook, nowMs }),
      nowMs,
    };
  }

  async #stepOutlook(
    stepId: string,
    item: number | undefined,
    record: StepRecord,
  ): Promise<Outlook> {
    if (record.finishedAtMs !== null) return ended(record.state);
    if (!this.#facts.isOpen) return ended(`not called, its run is ${this.#facts.header.state}`);
    if (record.state === "running") return this.#running(stepId, item, record);
    const kept = await this.#keptAsAWhole();
    const own = await this.#own(stepId, item, record, kept);
    if (kept === null) return own;
    const calm = !isWaiting(own.reasons);
    return calm ? kept : together([kept, own]);
  }

  /** What keeps a step that does not run by itself. */
  async #own(
    stepId: string,
    item: number | undefined,
    record: StepRecord,
    kept: Outlook | null,
  ): Promise<Outlook> {
    if (record.state === "waiting") return this.#outside(stepId, record);
    if (record.state === "pending") {
      const before = this.#facts.before(stepId, item);
      if (before.length > 0) return this.#dependency(stepId, before);
    }
    // Its job stands aside, or is not there yet.
    if (kept !== null) return bare({ kind: "starting" }, kept.eta);
    return this.#queued(stepId, item, record);
  }

  /** What keeps every step of the run; null when nothing does. */
  async #keptAsAWhole(): Promise<Outlook | null> {
    const { header, admittedAtMs, pausedBy, away } = this.#facts;
    const { runId, tenant, state } = header;
    if (state === "paused")
      return bare(
        { kind: "paused_run", by: pausedBy ?? "unknown" },
        unknown("somebody has to resume the run"),
      );
    if (state === "cancelling" || state === "compensating")
      return bare(
        { kind: "stopping", steps: this.#facts.running() },
        unknown("nobody knows how long what is being stopped takes"),
      );
    const isNew = state === "queued" && admittedAtMs === null;
    if (!isNew && away === null) return null;
    const { serial, ahead, atWork } = await this.#parts.turns.of(away ?? runId, tenant);
    // Who gave its place stands in line when something of it can start again.
    if (!isNew && ahead === null) return null;
    const eta = unknown("nobody knows when a run that is at work ends");
    if (serial !== undefined) {
      const { word, holder } = serial;
      const holders = holder === null ? [] : [{ of: `the turn of ${word}`, runId: holder }];
      return { reasons: [{ kind: "serial", ...serial }], holders, eta };
    }
    const of = `a place among the runs of ${tenant}`;
    return {
      reasons: [{ kind: "admission", tenant, ahead: ahead ?? 0, atWork: atWork.length }],
      holders: atWork.slice(0, MAX_STEPS).map((holder) => ({ of, runId: holder })),
      eta,
    };
  }

  async #running(stepId: string, item: number | undefined, record: StepRecord): Promise<Outlook> {
    const step = this.#facts.definition.steps[stepId]!;
    if (step.workflow !== undefined) return this.#subRun(stepId, record);
    if (step.forEach !== undefined && item === undefined) return this.#items(stepId, record);
    const { runId } = this.#facts.header;
    const shown = shownAs(stepId, item);
    const permit = this.#moment.gate.permits.find(({ job }) => {
      const found = job === null ? null : stepOfJob(job);
      return found?.runId === runId && found.step === shown;
    });
    const sinceMs = permit?.sinceMs ?? record.startedAtMs;
    const endMs = permit === undefined ? Infinity : this.#moment.endOf(permit);
    const calls = this.#moment.service(step.tool)?.calls;
    const eta = Number.isFinite(endMs)
      ? { atMs: endMs, basis: `mean of ${calls} calls of ${step.tool}` }
      : unknown(`nobody knows how long this call of ${step.tool} takes`);
    return bare({ kind: "running", sinceMs }, eta);
  }

  async #subRun(stepId: string, record: StepRecord): Promise<Outlook> {
    const runId = subRunId(this.#facts.address, stepId);
    const eta = unknown("the end of a whole run is not reckoned");
    const facts = await RunFacts.read(this.#parts.runs, runId).catch(() => null);
    if (facts === null) return bare({ kind: "running", sinceMs: record.startedAtMs }, eta);
    const why = await new RunQuestion(this.#parts, facts, this.#moment).run();
    if (!why.waits) return bare({ kind: "running", sinceMs: record.startedAtMs }, eta);
    const root = { subject: `run ${runId}`, sentence: why.sentence };
    return { reasons: [{ kind: "sub_run", runId, root }], holders: why.holders, eta };
  }

  async #items(stepId: string, record: StepRecord): Promise<Outlook> {
    const open = this.#facts.openItems(stepId);
    const eta = unknown("the end of all items is not reckoned");
    const first = open[0];
    if (first === undefined || open.some((one) => one.record.state === "running"))
      return bare({ kind: "running", sinceMs: record.startedAtMs }, eta);
    const shown = shownAs(stepId, first.item);
    const why = await this.step(shown);
    const root = { subject: shown, sentence: why.sentence };
    return {
      reasons: [{ kind: "items", open: open.length, root }],
      holders: why.holders,
      eta: { atMs: why.eta.atMs, basis: why.eta.basis },
    };
  }

  /** It waits for somebody or something outside. */
  #outside(stepId: string, record: StepRecord): Outlook {
    const { wait, timeoutMs } = this.#facts.definition.steps[stepId]!;
    const reason = record.reason ?? "";
    const endMs =
      timeoutMs > 0 && record.startedAtMs !== null ? record.startedAtMs + timeoutMs : null;
    switch (wait?.kind) {
      case "approval": {
        const message = reason.replace(/^approval: /, "");
        return bare(
          { kind: "approval", message, untilMs: endMs },
          unknown("somebody has to decide"),
        );
      }
      case "event":
        return bare(
          { kind: "event", name: wait.name, untilMs: endMs },
          unknown("nobody knows when the event comes"),
        );
      case "timer": {
        const untilMs = Date.parse(reason.replace(/^until /, ""));
        return bare({ kind: "timer", untilMs }, { atMs: untilMs, basis: "exact" });
      }
      case undefined:
        return bare({ kind: "running", sinceMs: record.startedAtMs }, unknown("it waits"));
    }
  }

  async #dependency(stepId: string, steps: readonly string[]): Promise<Outlook> {
    const root = await this.#rootOf(steps[0]!);
    const reason: WhyReason = { kind: "dependency", steps, root: root?.root ?? null };
    const isAny = this.#facts.definition.steps[stepId]?.join === "any";
    const ends: Eta[] = [];
    for (const shown of steps) {
      if (this.#known.size > MAX_LOOKED_AT) {
        ends.push(unknown("too many steps stand before it"));
        break;
      }
      ends.push(await this.#endOf(shown));
    }
    const eta = isAny ? earliest(ends) : latest(ends);
    return { reasons: [reason], holders: root?.holders ?? [], eta };
  }

  /** What the first of those in the way waits for in the end. */
  async #rootOf(
    shown: string,
  ): Promise<{ readonly root: WhyRoot; readonly holders: Why["holders"] } | null> {
    if (this.#known.size > MAX_LOOKED_AT) return null;
    const why = await this.step(shown);
    const [reason] = why.reasons;
    if (reason?.kind === "dependency" && reason.root !== null)
      return { root: reason.root, holders: why.holders };
    return { root: { subject: shown, sentence: why.sentence }, holders: why.holders };
  }

  async #endOf(shown: string): Promise<Eta> {
    const { stepId, item } = partsOfShown(shown);
    const { eta, state } = await this.step(shown);
    const step = this.#facts.definition.steps[stepId]!;
    if (eta.atMs === null || state === "running" || state === "waiting") return eta;
    if (step.wait !== undefined || step.workflow !== undefined)
      return unknown(`nobody knows how long ${shown} takes`);
    if (step.forEach !== undefined && item === undefined)
      return unknown("the end of all items is not reckoned");
    const service = this.#moment.service(step.tool);
    if (service === undefined)
      return unknown(`fewer than 5 counted calls of ${step.tool} have ended`);
    return {
      atMs: eta.atMs + service.meanMs,
      basis: `mean of ${service.calls} calls of ${step.tool}`,
    };
  }

  /** What keeps a step whose job may be called. */
  async #queued(stepId: string, item: number | undefined, record: StepRecord): Promise<Outlook> {
    const { definition, address, header } = this.#facts;
    const whose = { ...address, tenant: header.tenant };
    const { queue, jobId } = jobOf(await placesOf(this.#parts, definition, whose), {
      stepId,
      ...given({ item }),
    });
    if (queue.startsWith(CONTROL_PREFIX)) {
      if (this.#moment.hasWorkers) return this.#starting();
      return bare({ kind: "no_worker", tool: queue }, unknown("no worker is alive"));
    }
    const [explained, places] = await Promise.all([
      this.#parts.gate.explain(queue, jobId),
      header.width === undefined
        ? null
        : this.#parts.waits.placesBefore(header.runId, partName(stepId, item)),
    ]);
    if (places !== null)
      return bare(
        { kind: "width", width: header.width ?? 0, ahead: places },
        this.#placeEta(places),
      );
    if (typeof explained.dueMs === "number" && record.state === "retrying") {
      const { attempts, error } = record;
      const untilMs = explained.dueMs;
      return bare(
        { kind: "retry", untilMs, attempts, error: error?.code ?? "unknown" },
        { atMs: untilMs, basis: "exact" },
      );
    }
    // Some job in between has to move first: that takes a moment.
    if (typeof explained.ahead !== "number") return this.#starting();
    return outlookOf(queue, explained, this.#moment);
  }

  #starting(): Outlook {
    return bare({ kind: "starting" }, { atMs: this.#moment.gate.nowMs, basis: "nothing keeps it" });
  }

  /** When so many calls of the run have ended, and one more. */
  #placeEta(ahead: number): Eta {
    const { runId } = this.#facts.header;
    const ends = this.#moment.gate.permits
      .filter(({ job }) => job !== null && stepOfJob(job)?.runId === runId)
      .map((permit) => this.#moment.endOf(permit))
      .toSorted((a, b) => a - b);
    const atMs = ends[ahead];
    return atMs === undefined || atMs === Infinity
      ? unknown("nobody knows how long the calls of the run take")
      : { atMs, basis: "mean time of the calls of the run that are underway" };
  }

  /** The steps that could go on, or run. */
  async #front(): Promise<readonly Why[]> {
    const ids = this.#facts.steps.filter(
      ({ stepId, item }) =>
        item === undefined &&
        this.#facts.record(stepId).finishedAtMs === null &&
        (this.#facts.record(stepId).state !== "pending" || this.#facts.before(stepId).length === 0),
    );
    const front: Why[] = [];
    for (const { stepId } of ids.slice(0, MAX_STEPS)) front.push(await this.step(stepId));
    return front;
  }
}

/** All of it keeps at the same time. */
function together(outlooks: readonly Outlook[]): Outlook {
  return {
    reasons: outlooks.flatMap(({ reasons }) => reasons),
    holders: outlooks.flatMap(({ holders }) => holders),
    eta: latest(outlooks.map(({ eta }) => eta)),
  };
}

function latest(etas: readonly Eta[]): Eta {
  const nobody = etas.find(({ atMs }) => atMs === null);
  return nobody ?? etas.toSorted((a, b) => b.atMs! - a.atMs!)[0] ?? unknown("nothing is known");
}

function earliest(etas: readonly Eta[]): Eta {
  const known = etas.filter(({ atMs }) => atMs !== null);
  return known.toSorted((a, b) => a.atMs! - b.atMs!)[0] ?? etas[0] ?? unknown("nothing is known");
}
