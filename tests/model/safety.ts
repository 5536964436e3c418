/** What must hold of the calls themselves, whatever the outcomes are. */
import { covers, stopsOf } from "./policy.ts";
import type { Rules } from "./rules.ts";
import { decidableFrom, dependenciesOf } from "./start.ts";
import { stepOf, type Call, type Ending, type Seen, type Step } from "./words.ts";

const isCompensation = ({ key }: Call): boolean => key.startsWith("~");

/** A call that goes on after it was aborted is nobody's any more. */
const isLeft = ({ how, aborted }: Call): boolean => how === "running" || aborted;

const overlap = (a: Call, b: Call): boolean => a.began < b.ended && b.began < a.ended;

/** A tool is not called before its join allows it. */
function calledTooEarly(seen: Seen, rules: Rules): string[] {
  const { workflow, history } = seen;
  const found: string[] = [];
  const endingOf = (id: string): Ending => history.endings[id]!;
  for (const call of history.calls.filter((one) => !isCompensation(one))) {
    const step = workflow.steps.find(({ id }) => id === stepOf(call.key))!;
    const from = decidableFrom(seen, step, endingOf, rules);
    if (call.beganMs < from)
      found.push(`${call.key}: was called ${from - call.beganMs} ms before its join allowed it`);
    if (step.join === "any") continue;
    // The order within this process is exact, where times are whole milliseconds.
    const on = new Set(dependenciesOf(workflow, step));
    for (const other of history.calls)
      if (on.has(stepOf(other.key)) && !isCompensation(other) && !isLeft(other))
        if (other.ended > call.began) found.push(`${call.key}: was called while ${other.key} ran`);
  }
  return found;
}

/**
 * No step begins after the stop was written. A call may be seen a moment later than the mark of its
 * beginning, so the mark is what is compared; it is that of the first call.
 */
function begunAfterStop(seen: Seen, rules: Rules): string[] {
  const { workflow, history } = seen;
  const stops = stopsOf(seen, rules);
  const found: string[] = [];
  for (const { key } of history.calls.filter((call) => !isCompensation(call))) {
    const step = workflow.steps.find(({ id }) => id === stepOf(key))!;
    const startedAt = history.endings[key]?.startedAt ?? -Infinity;
    for (const { until, by } of stops.filter((stop) => covers(stop, step)))
      if (startedAt > until)
        found.push(`${key}: began ${startedAt - until} ms after ${by} had stopped it`);
  }
  return [...new Set(found)];
}

function left({ history }: Seen): string[] {
  const found: string[] = [];
  for (const call of history.calls) {
    if (call.how === "running") found.push(`${call.key}: its call was never aborted`);
    const ending = history.endings[call.key];
    if (ending === undefined) continue;
    // "A call that completes although its run was stopped meanwhile stays completed."
    if (call.how === "returned" && !call.aborted && ending.outcome === "cancelled")
      found.push(`${call.key}: its call returned before it was aborted, and it is cancelled`);
    if (ending.outcome === "skipped") found.push(`${call.key}: was skipped and called`);
    if (call.how === "aborted" && ending.outcome === "completed") {
      const last = history.calls.findLast(({ key }) => key === call.key);
      if (last === call) found.push(`${call.key}: was aborted and is completed`);
    }
  }
  return found;
}

function together({ workflow, history }: Seen): string[] {
  const found: string[] = [];
  const calls = history.calls.filter((call) => !isLeft(call));
  const steps = new Map<string, Step>(workflow.steps.map((step) => [step.id, step]));
  for (const [index, call] of calls.entries()) {
    for (const other of calls.slice(index + 1).filter((one) => overlap(call, one))) {
      const same = stepOf(call.key) === stepOf(other.key);
      const undone = isCompensation(call) || isCompensation(other);
      if (undone) found.push(`${call.key} and ${other.key} ran at once`);
      else if (call.key === other.key) found.push(`${call.key}: two calls at once`);
      else if (workflow.mode === "sequential" && !same)
        found.push(`${call.key} and ${other.key} ran at once in mode sequential`);
    }
    const most = steps.get(stepOf(call.key))?.maxParallel;
    const items = calls.filter(
      (one) =>
        !isCompensation(one) &&
        stepOf(one.key) === stepOf(call.key) &&
        one.began <= call.began &&
        call.began < one.ended,
    );
    if (most !== undefined && !isCompensation(call) && items.length > most)
      found.push(`${call.key}: ${items.length} items at once, ${most} may`);
  }
  return found;
}

/** Compensations begin when all steps of the run have ended. */
function undoneTooEarly({ history }: Seen): string[] {
  const last = Math.max(...Object.values(history.endings).map(({ finishedAt }) => finishedAt));
  return history.calls
    .filter((call) => isCompensation(call) && call.beganMs < last)
    .map(({ key }) => `${key}: began before all steps had ended`);
}

/** Promises about calls that this run broke. */
export function brokenPromises(seen: Seen, rules: Rules): string[] {
  return [
    ...calledTooEarly(seen, rules),
    ...begunAfterStop(seen, rules),
    ...(rules.lateCompletionStays ? left(seen) : []),
    ...together(seen),
    ...undoneTooEarly(seen),
  ];
}
