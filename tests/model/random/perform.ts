/** Runs random workflows on the product and writes down what is seen of them. */
import type { RunState, RunView } from "../../../src/index.ts";
import type { Orchestra } from "../../support/deployment/orchestra.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { differences } from "../compare.ts";
import { CONTRACT } from "../rules.ts";
import type { Ending, History, Outcome } from "../words.ts";
import { NOT_KEPT } from "./features.ts";
import { isEndless, type Case } from "./generator.ts";
import type { Stage } from "./stage.ts";

/** A run that waits for nothing but calls that hang is cancelled. Milliseconds. */
const QUIET_MS = 150;
/** Longest time of one run. Milliseconds. */
const PATIENCE_MS = 60_000;

let runs = 0;

interface Cancel {
  readonly asked: number;
  readonly answered: number;
  readonly state: RunState;
}

/** Performs a case once. */
async function perform(
  { tutti }: Pick<Orchestra, "tutti">,
  stage: Stage,
  { workflow, script, cancelAfter }: Case,
): Promise<History> {
  const runId = `r${++runs}`;
  let cancelled: Promise<Cancel> | undefined;
  const cancel = (): void => {
    cancelled ??= (async () => {
      const asked = Date.now();
      const { state } = await tutti.cancel(runId);
      return { asked, answered: Date.now(), state };
    })();
  };
  stage.prepare(runId, script, (count) => {
    if (count === cancelAfter) cancel();
  });
  await tutti.submit(workflow, { runId });
  let over = false;
  const result = tutti.result(runId, { timeoutMs: PATIENCE_MS }).finally(() => (over = true));
  if (workflow.timeoutMs === undefined && isEndless(workflow, script))
    await eventually(
      () => {
        if (stage.quietMs(runId) > QUIET_MS) cancel();
        if (!over && cancelled === undefined) throw new Error("still going");
      },
      { timeoutMs: PATIENCE_MS },
    );
  const run = await result;
  const cancelling = await cancelled;
  // A call that was aborted learns so a moment after its run has ended.
  await eventually(() => {
    if (stage.callsOf(runId).some(({ how }) => how === "running")) throw new Error("still running");
  }).catch(() => undefined);
  return historyOf(run, stage, tookEffect(run, cancelling) ? cancelling : undefined);
}

/** What a cancel was answered says whether it came in time; `compensating` says so only with the end. */
function tookEffect(run: RunView, cancel: Cancel | undefined): boolean {
  const { state } = cancel ?? {};
  if (state === "compensating") return run.state === "cancelled";
  return state === "cancelled" || state === "cancelling";
}

function historyOf(run: RunView, stage: Stage, cancel: History["cancel"]): History {
  const ms = (iso: string | null): number => (iso === null ? Number.NaN : Date.parse(iso));
  const endings: Record<string, Ending> = {};
  for (const [key, step] of Object.entries(run.steps)) {
    const endedAt = step.finishedAt ?? step.decidedAt;
    if (endedAt === undefined) continue;
    endings[key] = {
      outcome: step.state as Outcome,
      attempts: step.attempts,
      startedAt: step.startedAt === null ? null : ms(step.startedAt),
      finishedAt: ms(endedAt),
      code: step.error?.code,
      reason: step.reason,
    };
  }
  return {
    state: run.state,
    startedAt: ms(run.submittedAt),
    finishedAt: ms(run.finishedAt),
    code: run.error?.code,
    endings,
    calls: stage.callsOf(run.runId),
    cancel,
  };
}

/** @throws Error that tells the workflow, the script, and how the run differs from the contract. */
export async function expectAsTheContractSays(
  orchestra: Pick<Orchestra, "tutti">,
  stage: Stage,
  one: Case,
): Promise<History> {
  const history = await perform(orchestra, stage, one);
  const found = differences(
    { workflow: one.workflow, script: one.script, history },
    { ...CONTRACT, ...NOT_KEPT },
  );
  if (found.length > 0) throw new Error(report(one, history, found));
  return history;
}

/** One line for each thing, in the order in which it ended. */
function report(
  { workflow, script, cancelAfter }: Case,
  history: History,
  found: string[],
): string {
  const { steps, ...rest } = workflow;
  const zero = Math.min(...Object.values(history.endings).map((ending) => ending.finishedAt));
  const endings = Object.entries(history.endings)
    .toSorted(([, a], [, b]) => a.finishedAt - b.finishedAt)
    .map(([key, { outcome, code, reason, attempts, finishedAt }]) => {
      const why = code ?? reason ?? "";
      return `  +${finishedAt - zero} ms ${key} ${outcome} ${why} (${attempts} attempts)`;
    });
  const calls = history.calls.map(
    ({ key, how, began, ended, aborted }) =>
      `  ${key} ${began}..${ended} ${how}${aborted ? ", aborted" : ""}`,
  );
  const after = (time: number) => `+${time - zero} ms`;
  return [
    "The run is not as the contract says:",
    ...found.map((line) => `  ${line}`),
    `The workflow: ${JSON.stringify(rest)}`,
    ...steps.map((step) => `  ${JSON.stringify(step)}`),
    "What its tools do:",
    ...Object.entries(script).map(([key, list]) => `  ${key}: ${JSON.stringify(list)}`),
    `Cancelled after ${cancelAfter ?? "no number of"} calls: ${
      history.cancel === undefined
        ? "no"
        : `asked ${after(history.cancel.asked)}, answered ${after(history.cancel.answered)}`
    }`,
    `The run was ${history.state}, error ${history.code ?? "none"}. Its steps, as they ended:`,
    ...endings,
    "Calls, in the order of their beginnings:",
    ...calls,
  ].join("\n");
}
