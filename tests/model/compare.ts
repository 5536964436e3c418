import { interpret } from "./interpreter.ts";
/** Compares what was seen of a run with what the model allows. */
import { CONTRACT, type Rules } from "./rules.ts";
import { brokenPromises } from "./safety.ts";
import { stepOf, type Allowed, type Ending, type Seen, type Way } from "./words.ts";

const written = ({ outcome, calls, code, names }: Way): string =>
  [
    outcome,
    code,
    names === undefined ? undefined : `because of ${names}`,
    `after ${[...new Set(calls)].join(" to ")} calls`,
  ]
    .filter((part) => part !== undefined)
    .join(" ");

function fits(ending: Ending, calls: number, way: Way): boolean {
  return (
    ending.outcome === way.outcome &&
    calls >= way.calls[0] &&
    calls <= way.calls[1] &&
    (way.code === undefined || way.code === ending.code) &&
    (way.names === undefined || new RegExp(`\\b${way.names}\\b`).test(ending.reason ?? ""))
  );
}

function stepsThatDiffer({ workflow, history }: Seen, { ways }: Allowed): string[] {
  const found: string[] = [];
  for (const [key, allowed] of ways) {
    const ending = history.endings[key];
    const owner = stepOf(key);
    if (ending === undefined) {
      // Items that were never made ended with their step.
      const made = Object.keys(history.endings).some(
        (other) => other !== owner && stepOf(other) === owner,
      );
      if (key === owner || made || history.endings[owner]?.outcome === "completed")
        found.push(`${key}: has no ending`);
      continue;
    }
    const isForEach =
      key === stepOf(key) && workflow.steps.find(({ id }) => id === key)?.forEach !== undefined;
    const calls = history.calls.filter((call) => call.key === key).length;
    const way = allowed.find((one) => fits(ending, calls, one));
    const seen = `${ending.outcome} (${ending.code ?? ending.reason ?? "-"}) after ${calls} calls`;
    if (way === undefined) {
      const may = allowed.map((one) => `${written(one)} (${one.why})`).join(", or ");
      found.push(`${key}: was ${seen}, the contract says ${may || "nothing: it never ends"}`);
    } else if (!isForEach) {
      const attempts = way.attempts ?? calls;
      // A step that was cancelled may have been about to be called.
      const least = ending.outcome === "cancelled" ? 0 : attempts;
      const most = ending.outcome === "cancelled" ? calls + 1 : attempts;
      if (ending.attempts < least || ending.attempts > most)
        found.push(`${key}: ${ending.attempts} attempts recorded, ${attempts} expected`);
    }
  }
  for (const key of Object.keys(history.endings))
    if (!ways.has(key)) found.push(`${key}: is there, and should not be`);
  return found;
}

function compensationsThatDiffer({ history }: Seen, { compensated }: Allowed): string[] {
  const found: string[] = [];
  const began = [
    ...new Set(
      history.calls.filter(({ key }) => key.startsWith("~")).map(({ key }) => key.slice(1)),
    ),
  ];
  const byKey = new Map(compensated.map((one) => [one.key, one]));
  for (const key of began)
    if (!byKey.has(key)) found.push(`${key}: was compensated, and must not be`);
  for (const { key, need, calls: expected } of compensated) {
    const calls = history.calls.filter((call) => call.key === `~${key}`).length;
    if (calls === 0 && need === "must") found.push(`${key}: was not compensated`);
    else if (calls !== 0 && calls !== expected)
      found.push(`${key}: its compensation was called ${calls} times, not ${expected}`);
  }
  const times = began.map((key) => history.endings[key]?.finishedAt ?? 0);
  for (const [index, time] of times.slice(1).entries())
    if (time > times[index]!)
      found.push(`${began[index + 1]} completed after ${began[index]} and was undone after it`);
  const failed = compensated.some(({ key, fails }) => fails && began.includes(key));
  if (failed !== (history.code === "compensation_failed"))
    found.push(
      `the error of the run is ${history.code ?? "none"}; a compensation ${failed ? "has failed" : "has not failed"}`,
    );
  return found;
}

/** Every difference between the run and the contract, in words; none when it is allowed. */
export function differences(seen: Seen, rules: Rules = CONTRACT): string[] {
  const allowed = interpret(seen, rules);
  const found = [
    ...stepsThatDiffer(seen, allowed),
    ...compensationsThatDiffer(seen, allowed),
    ...brokenPromises(seen, rules),
  ];
  if (!allowed.states.has(seen.history.state))
    found.push(
      `the run: was ${seen.history.state}, the contract says ${[...allowed.states].join(" or ")}`,
    );
  return found;
}
