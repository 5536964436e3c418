import { given } from "../../../config/index.ts";
import { silenceText, type StepError, type TakeOver } from "../../../queues/index.ts";
import type { Compensated } from "../../runs/view/run-course.ts";
import type { RunView } from "../../runs/view/run-view.ts";
import type { RunEvent } from "../../runs/view/watch.ts";
import { table, elapsed } from "./table.ts";

/** A run as `tutti run -o json` prints it. Scripts depend on this form. */
export function runResult(run: RunView): object {
  const steps = Object.entries(run.steps).map(([id, step]) => {
    const { state, attempts, startedAt, finishedAt, output, error, reason } = step;
    const { via, cached, stale, ageMs } = step;
    const source = Object.entries({ via, cached, stale, ageMs }).filter(
      ([, value]) => value !== undefined,
    );
    const shown = { state, attempts, startedAt, finishedAt, ...Object.fromEntries(source) };
    if (step.name !== undefined) Object.assign(shown, { name: step.name });
    if (output !== undefined) Object.assign(shown, { output });
    if (error !== undefined) Object.assign(shown, { error });
    if (reason !== undefined) Object.assign(shown, { reason });
    if (step.takeOvers !== undefined) Object.assign(shown, { takeOvers: step.takeOvers });
    return [id, shown] as const;
  });
  return {
    runId: run.runId,
    state: run.state,
    output: run.output,
    steps: Object.fromEntries(steps),
    startedAt: run.startedAt,
    finishedAt: run.finishedAt,
    ...given({
      error: run.error,
      unmetCriteria: run.unmetCriteria,
      compensation: run.compensation,
    }),
  };
}

/** Of an answer or output that a failure came with. Characters. */
const MAX_ANSWER_CHARS = 300;

/** The beginning of what a service answered, or the end of what a command wrote, where its error keeps it. */
function answerOf({ details = {} }: StepError): string[] {
  const { body, stdout, stderr } = details;
  const line = (text: string): string => `  ${text.replaceAll(/\s+/g, " ")}`;
  if (typeof body === "string" && body.trim() !== "")
    return [line(body.trim().slice(0, MAX_ANSWER_CHARS))];
  const written = typeof stderr === "string" && stderr !== "" ? stderr : stdout;
  return typeof written === "string" && written !== ""
    ? [line(written.slice(-MAX_ANSWER_CHARS))]
    : [];
}

/** A take-over in words: what is known, and no more. */
export function takeOverText({ at, attempt, worker, silentMs }: TakeOver): string {
  return `${at} attempt ${attempt} was taken over: ${silenceText(worker, silentMs)}`;
}

/** How undoing a step went, or how far it is. */
export function compensationText(one: Compensated): string {
  const { step, tool, state, attempts, startedAt, finishedAt, error, reason, takeOvers } = one;
  const time = elapsed(startedAt, finishedAt);
  const last = takeOvers?.at(-1);
  const why =
    error === undefined
      ? (reason ?? (last === undefined ? "" : takeOverText(last)))
      : `${error.code}: ${error.message}`;
  return [
    `undoing ${step}${tool === undefined ? "" : ` by ${tool}`}: ${state}`,
    time === "" ? "" : ` after ${time}`,
    attempts > 1 ? `, attempt ${attempts}` : "",
    why === "" ? "" : `: ${why}`,
  ].join("");
}

/** A run for people: how it ended, what failed, what it gave. */
export function runText(run: RunView): string {
  const lines = [
    `${run.workflow.name}  ${run.state}  ${elapsed(run.startedAt, run.finishedAt)}`.trimEnd(),
    `run ${run.runId}`,
  ];
  const failures = Object.entries(run.steps).flatMap(([id, { state, error }]) =>
    state === "failed" && error !== undefined
      ? [`${id}: ${error.code}: ${error.message}`, ...answerOf(error)]
      : [],
  );
  // The run's own error only repeats the first of them.
  if (run.error !== undefined && failures.length === 0) {
    lines.push(`${run.error.code}: ${run.error.message}`);
  }
  const takenOver = Object.entries(run.steps).flatMap(([id, { takeOvers = [] }]) =>
    takeOvers.map((one) => `${id}: ${takeOverText(one)}`),
  );
  const undone = (run.compensation ?? []).map(compensationText);
  lines.push(
    ...failures,
    ...undone,
    ...takenOver,
    ...(run.unmetCriteria ?? []).map((criterion) => `not met: ${criterion}`),
  );
  if (run.output !== null) lines.push("", outputText(run.output));
  return lines.join("\n");
}

function outputText(output: RunView["output"]): string {
  return typeof output === "string" ? output : JSON.stringify(output, null, 2);
}

/** The steps of a run as a table. */
export function stepsText(run: RunView): string {
  return table(
    ["STEP", "STATE", "ATTEMPTS", "TIME", "WHY"],
    Object.entries(run.steps).map(([id, step]) => [
      id,
      step.state,
      String(step.attempts),
      elapsed(step.startedAt, step.finishedAt),
      step.error?.message ?? step.reason ?? "",
    ]),
  );
}

/** What happened in a run, on a line; all of it at first. */
export function eventText(event: RunEvent): string {
  switch (event.type) {
    case "snapshot":
      return [
        `${event.run.runId} ${event.run.state}`,
        stepsText(event.run),
        ...(event.run.compensation ?? []).map(compensationText),
      ].join("\n");
    case "step": {
      const taken = event.step.takeOvers?.at(-1);
      const why =
        event.step.error?.message ??
        event.step.reason ??
        (taken === undefined ? "" : takeOverText(taken));
      const time = elapsed(event.step.startedAt, event.step.finishedAt);
      return [event.stepId, event.step.state, time, why].filter((part) => part !== "").join("  ");
    }
    case "compensation":
      return compensationText(event.compensation);
    case "run":
      return `${event.runId} ${event.state}`;
  }
}
