/**
 * Whether a run that went through crashes is one that docs/semantics.md allows.
 *
 * Crashes may change three things, and nothing else:
 * - A call whose worker died is made again, when its tool is idempotent: more calls, the same attempt.
 * - A call of a tool that is not idempotent is not made again: its step fails with `effect_unknown`.
 * - A step that lost its worker three times fails with `worker_lost`.
 *
 * So the history is rewritten as if the workers had lived: of each attempt the call that the record is
 * about is kept, and where a crash failed a step, its script is replaced by that failure. What follows from
 * it, policies, joins, compensations and the state of the run, is then judged by the whole model.
 */
import type { RunView } from "../../../src/index.ts";
import { differences } from "../../model/compare.ts";
import { compensationCourse, courseOf } from "../../model/course.ts";
import type { Case } from "../../model/random/generator.ts";
import { CONTRACT } from "../../model/rules.ts";
import {
  stepOf,
  type Action,
  type Call,
  type Ending,
  type History,
  type Outcome,
  type Script,
} from "../../model/words.ts";
import { grouped, type WitnessedCall } from "./witness.ts";

/** What became of one run. */
export interface Verdict {
  /** Differences from the model, in words. */
  readonly wrong: readonly string[];
  /** Steps and items that crashes failed, by code. */
  readonly unknown: number;
  readonly lost: number;
  /** Calls that were made again because a worker died. */
  readonly again: number;
  /** Keys of tools that are not idempotent and were called more than once. */
  readonly doubles: readonly string[];
}

const ms = (iso: string | null): number => (iso === null ? Number.NaN : Date.parse(iso));

/** A call of which nothing is known but that it failed: it overlaps with nothing and precedes nothing. */
const unseen = (key: string): Call => ({
  key,
  began: Number.NaN,
  beganMs: Number.NaN,
  ended: Number.NaN,
  how: "threw",
  aborted: false,
});

export function judge(
  { workflow, script }: Case,
  run: RunView,
  calls: readonly WitnessedCall[],
  cancel: History["cancel"],
): Verdict {
  const wrong: string[] = [];
  const crashed = new Map<string, string>();
  const endings: Record<string, Ending> = {};
  const byKey = grouped(calls, ({ key }) => key);
  const rewritten: Record<string, readonly Action[]> = { ...script };
  const kept: Call[] = [];
  for (const [key, view] of Object.entries(run.steps)) {
    const endedAt = view.finishedAt ?? view.decidedAt;
    if (endedAt === undefined) continue;
    const step = workflow.steps.find(({ id }) => id === stepOf(key))!;
    const code = view.error?.code;
    const isCall = step.forEach === undefined || key !== step.id;
    const expected = courseOf(step, script[key] ?? [], CONTRACT);
    // A script may say effect_unknown too; a crash before that call is no different.
    const byCrash =
      isCall && ((code === "effect_unknown" && step.tool === "effect") || code === "worker_lost");
    if (byCrash) {
      if (expected.code !== code) crashed.set(key, code);
      rewritten[key] = [{ do: "fail", code, turns: 0 }];
      kept.push(unseen(key));
    } else if (isCall) {
      const { output, error } = view;
      const named = callOfOutput(output) ?? Number(/^call (\d+)$/.exec(error?.message ?? "")?.[1]);
      const mine = byKey.get(key) ?? [];
      if (
        view.state === "completed" &&
        !mine.some(({ id, how }) => id === named && how === "returned")
      )
        wrong.push(`${key}: completed with the result of no call that returned`);
      kept.push(...asIfNobodyDied(mine, named, view.state === "cancelled"));
    }
    endings[key] = {
      outcome: view.state as Outcome,
      attempts: byCrash ? 1 : view.attempts,
      startedAt: view.startedAt === null ? null : ms(view.startedAt),
      finishedAt: ms(endedAt),
      code,
      reason: view.reason,
    };
  }
  for (const [key, mine] of byKey) {
    if (!key.startsWith("~")) continue;
    if (isLeftUndone(run, key.slice(1)) && !failsByItself({ workflow, script }, key)) {
      crashed.set(key, "worker_lost");
      rewritten[key] = [{ do: "fail", code: "worker_lost", turns: 0 }];
      kept.push({ ...mine[0]!, how: "threw", ended: mine[0]!.began + 0.5 });
    } else kept.push(...asIfNobodyDied(mine, undefined, false));
  }
  const history: History = {
    state: run.state,
    startedAt: ms(run.submittedAt),
    finishedAt: ms(run.finishedAt),
    code: run.error?.code,
    endings,
    calls: kept.toSorted((a, b) => a.began - b.began),
    cancel,
  };
  wrong.push(...differences({ workflow, script: rewritten, history }));
  const once = new Set(workflow.steps.filter(({ tool }) => tool === "effect").map(({ id }) => id));
  const codes = [...crashed.values()];
  const attempts = new Set(calls.map(({ key, attempt }) => `${key} ${attempt}`));
  return {
    wrong,
    unknown: codes.filter((code) => code === "effect_unknown").length,
    lost: codes.filter((code) => code === "worker_lost").length,
    again: calls.length - attempts.size,
    doubles: [...byKey]
      .filter(([key, mine]) => !key.startsWith("~") && once.has(stepOf(key)) && mine.length > 1)
      .map(([key]) => key),
  };
}

function callOfOutput(output: unknown): number | undefined {
  if (typeof output !== "object" || output === null || !("call" in output)) return undefined;
  return Number(output.call);
}

/** Of each attempt one call: that of the record, else the last that began and ended. */
function asIfNobodyDied(
  calls: readonly WitnessedCall[],
  named: number | undefined,
  cancelled: boolean,
): Call[] {
  const kept: Call[] = [];
  for (const [, mine] of grouped(calls, ({ attempt }) => attempt)) {
    const ended = mine.filter(({ how }) => how !== "running");
    const one = ended.find(({ id }) => id === named) ?? ended.at(-1);
    if (one === undefined) continue;
    // The worker of a call that returned may have died before it could say so, and then the run was stopped.
    kept.push(cancelled ? { ...one, how: "aborted", aborted: true } : one);
  }
  return kept;
}

/** Whether the run says that a compensation failed. */
function isLeftUndone({ error }: RunView, key: string): boolean {
  const steps: unknown = error?.details?.["steps"];
  return error?.code === "compensation_failed" && Array.isArray(steps) && steps.includes(key);
}

function failsByItself(
  { workflow, script }: Pick<Case, "workflow"> & { script: Script },
  key: string,
) {
  const step = workflow.steps.find(({ id }) => id === stepOf(key))!;
  return compensationCourse(step, script[key] ?? [], CONTRACT).outcome !== "completed";
}
