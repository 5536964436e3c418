import { iso, quoted, isTuttiError, TuttiError, type Json, given } from "../../../config/index.ts";
import {
  reopenRun,
  shownAs,
  partOf,
  partOfShown,
  type DeadLetter,
  type DeadLetters,
} from "../../../queues/client.ts";
import {
  FIELDS,
  parseStepRecord,
  runOf,
  partName,
  stepsOf,
  type FoundRun,
  type Items,
  type RunParts,
  type Values,
} from "../../../queues/index.ts";
import { withDeadlines, type Deadlines } from "../../deadlines.ts";
import { checkForm } from "../../forms.ts";
import {
  pageForm,
  pauseForm,
  replayAllForm,
  tenantForm,
  type PageForm,
  type PauseForm,
  type ReplayAllForm,
  type TenantForm,
} from "../control/forms.ts";
import { noRun } from "../control/run-options.ts";
import { groupFailures, type FailureGroup } from "./failure-groups.ts";
import type { DeadLetterSummary, DeadLetterView, Replayed, DeadLetterPage } from "./letters.ts";

interface DeadLetterParts {
  readonly run: RunParts;
  readonly values: Values;
  readonly items: Items;
  readonly letters: DeadLetters;
}

/** Letters that a page holds unless somebody says otherwise. */
const PAGE = 50;
/** Letters whose failures are grouped. */
const LOOKED_AT = 1_000;
/** Letters looked at in one go when all are concerned. */
const BATCH = 200;

/** The dead letters of a client's deployment. */
export function openDeadLetters(parts: DeadLetterParts, deadlines: Deadlines): DeadLetterDoor {
  return withDeadlines(new DeadLetterDoor(parts), deadlines, {
    list: "soon",
    groups: "soon",
    show: "soon",
    replay: "kept",
    replayAll: "kept",
    discard: "kept",
    discardAll: "kept",
  });
}

/**
 * Steps that failed after their last attempt, also the optional ones: `tutti.deadLetters`. A letter goes
 * when its step runs again, when its run is removed, or when it is discarded. What fails inside a run that
 * works for a step of another one is the failure of that step.
 */
export class DeadLetterDoor {
  readonly #parts: DeadLetterParts;

  constructor(parts: DeadLetterParts) {
    this.#parts = parts;
  }

  /**
   * One page of them, the newest first.
   *
   * @param options `limit`: 1 to 1,000, default 50. `offset`: how many to leave out. `tenant`.
   * @throws ValidationError `request_invalid`.
   */
  async list(options: PageForm = {}): Promise<DeadLetterPage> {
    const { limit = PAGE, offset = 0, tenant } = checkForm(pageForm, options);
    return this.#list(limit, offset, tenant);
  }

  /**
   * What is alike among the newest of them, the largest group first.
   *
   * @param options `limit`: letters that are looked at, 1 to 1,000, default 1,000. `tenant`.
   * @throws ValidationError `request_invalid`.
   */
  async groups(options: Omit<PageForm, "offset"> = {}): Promise<FailureGroup[]> {
    const { letters } = await this.list({ limit: LOOKED_AT, ...options });
    return groupFailures(letters);
  }

  async #list(limit: number, offset: number, tenant: string | undefined): Promise<DeadLetterPage> {
    const { letters } = this.#parts;
    const [page, total] = await Promise.all([
      letters.newest(offset, limit, tenant),
      letters.count(tenant),
    ]);
    const runs = new Map<string, Promise<FoundRun | null>>();
    for (const { runId } of page)
      if (!runs.has(runId)) runs.set(runId, runOf(this.#parts.run, runId));
    const found = await Promise.all(
      page.map(async (letter) => {
        const run = await runs.get(letter.runId);
        // Removed since the page was read.
        return run ? this.#summary(run, letter) : null;
      }),
    );
    return { letters: found.filter((one) => one !== null), total };
  }

  async #summary(run: FoundRun, { slot: text, atMs }: DeadLetter): Promise<DeadLetterSummary> {
    const { stepId, item } = partOf(text);
    const { runId, workflowId } = run.address;
    const [record] = await this.#parts.run.runs.fields(runId, [FIELDS.record(stepId, item)]);
    const { error, attempts } = parseStepRecord(record);
    return {
      runId,
      step: shownAs(stepId, item),
      workflowId,
      tool: run.definition.steps[stepId]?.tool ?? "",
      tenant: run.identity.tenant,
      error: error ?? null,
      attempts,
      failedAt: iso(atMs),
    };
  }

  /**
   * All that is known of one.
   *
   * @throws TuttiError `run_not_found`, `dead_letter_not_found`.
   */
  async show(runId: string, step: string): Promise<DeadLetterView> {
    const { run, letter } = await this.#find(runId, step);
    const { stepId, item } = partOf(letter.slot);
    const [input, edited, value] = await Promise.all([
      this.#value(runId, FIELDS.input),
      this.#value(runId, FIELDS.edited(stepId)),
      item === undefined ? undefined : this.#parts.items.get(runId, stepId, item),
    ]);
    return {
      ...(await this.#summary(run, letter)),
      with: edited ?? run.definition.steps[stepId]?.with ?? null,
      ...given({ item: value }),
      input: input ?? null,
      actor: run.identity.actor,
      correlationId: run.identity.correlationId,
    };
  }

  /**
   * Runs one again, with all that depends on it. An item takes the other failed items of its step along.
   *
   * @throws TuttiError `run_not_found`, `dead_letter_not_found`, `resume_refused` when its run is open.
   */
  async replay(runId: string, step: string, options: PauseForm = {}): Promise<Replayed> {
    const { actor = "unknown" } = checkForm(pauseForm, options);
    const { letter } = await this.#find(runId, step);
    const { stepId } = partOf(letter.slot);
    const reopened = await reopenRun(this.#parts.run, runId, { steps: [stepId], actor });
    if (reopened === null) throw noRun(runId);
    return { runId, letters: [step], ...reopened };
  }

  /**
   * Runs all of them again that are there now, the oldest first: each run is reopened once, for all of its
   * letters. What is refused stays, and says why.
   */
  async replayAll(options: ReplayAllForm = {}): Promise<Replayed[]> {
    const { tenant, actor = "unknown" } = checkForm(replayAllForm, options);
    const replayed = new Map<string, Replayed>();
    await this.#eachPage(tenant, async (page) => {
      for (const runId of new Set(page.map((letter) => letter.runId)))
        if (!replayed.has(runId)) replayed.set(runId, await this.#replayRun(runId, actor));
    });
    return [...replayed.values()];
  }

  async #replayRun(runId: string, actor: string): Promise<Replayed> {
    const { run: parts, letters } = this.#parts;
    let names: readonly string[] = [];
    try {
      const run = await runOf(parts, runId);
      if (run === null) throw noRun(runId);
      const all = await stepsOf(parts.runs, runId, run.definition);
      const slots = all.map(({ stepId, item }) => ({ runId, slot: partName(stepId, item) }));
      const times = await letters.times(slots);
      const dead = all.filter((_, index) => times[index] !== null);
      names = dead.map(({ stepId, item }) => shownAs(stepId, item));
      const steps = [...new Set(dead.map(({ stepId }) => stepId))];
      const reopened = await reopenRun(parts, runId, { steps, actor });
      if (reopened === null) throw noRun(runId);
      return { runId, letters: names, ...reopened };
    } catch (thrown) {
      if (!isTuttiError(thrown) || thrown.code === "redis_unavailable") throw thrown;
      const refused = { code: thrown.code, message: thrown.message };
      return { runId, letters: names, steps: [], refused };
    }
  }

  /**
   * Forgets one; its run stays as it is.
   *
   * @throws TuttiError `run_not_found`, `dead_letter_not_found`.
   */
  async discard(runId: string, step: string): Promise<void> {
    const { run, letter } = await this.#find(runId, step);
    await this.#parts.letters.discard(run.identity.tenant, [letter]);
  }

  /** Forgets all of them that are there now. Returns how many. */
  async discardAll(options: TenantForm = {}): Promise<{ discarded: number }> {
    const { tenant } = checkForm(tenantForm, options);
    let discarded = 0;
    await this.#eachPage(tenant, async (page) => {
      discarded += await this.#discardPage(page);
    });
    return { discarded };
  }

  async #discardPage(page: readonly DeadLetter[]): Promise<number> {
    const { run, letters } = this.#parts;
    const byTenant = new Map<string, DeadLetter[]>();
    for (const letter of page) {
      const [tenant] = await run.runs.fields(letter.runId, ["tenant"]);
      const name = tenant ?? "";
      byTenant.set(name, [...(byTenant.get(name) ?? []), letter]);
    }
    let discarded = 0;
    for (const [tenant, some] of byTenant) discarded += await letters.discard(tenant, some);
    return discarded;
  }

  /** Goes through those that are there now, the oldest first. What stays behind is not looked at again. */
  async #eachPage(
    tenant: string | undefined,
    work: (page: readonly DeadLetter[]) => Promise<void>,
  ): Promise<void> {
    const { letters, run } = this.#parts;
    // What fails anew while this goes on is younger.
    const untilMs = await run.runs.now();
    let offset = 0;
    for (;;) {
      const page = await letters.oldest(untilMs, offset, BATCH, tenant);
      if (page.length > 0) await work(page);
      if (page.length < BATCH) return;
      const times = await letters.times(page);
      offset += times.filter((time) => time !== null).length;
    }
  }

  async #find(runId: string, step: string): Promise<{ run: FoundRun; letter: DeadLetter }> {
    const run = await runOf(this.#parts.run, runId);
    if (run === null) throw noRun(runId);
    const text = partOfShown(step);
    const [atMs = null] =
      text === null ? [] : await this.#parts.letters.times([{ runId, slot: text }]);
    if (text === null || atMs === null)
      throw new TuttiError(
        "dead_letter_not_found",
        `${quoted(step)} of run ${runId} is no dead letter`,
      );
    return { run, letter: { runId, slot: text, atMs } };
  }

  async #value(runId: string, field: string): Promise<Json | undefined> {
    const [stored] = await this.#parts.run.runs.fields(runId, [field]);
    return this.#parts.values.get(runId, field, stored);
  }
}
