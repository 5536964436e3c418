/** Many random workflows at once; the first that differs from the contract is made small. */
import { asyncProperty, check, sample } from "fast-check";

import type { Orchestra } from "../../support/deployment/orchestra.ts";
import { differences } from "../compare.ts";
import { interpret } from "../interpreter.ts";
import { CONTRACT, type Rule } from "../rules.ts";
import type { History } from "../words.ts";
import { FEATURES, NOT_KEPT } from "./features.ts";
import { randomCase, type Case } from "./generator.ts";
import { expectAsTheContractSays } from "./perform.ts";
import { Stage } from "./stage.ts";

/** How long a difference is made smaller. Milliseconds. */
const SHRINK_MS = 20_000;

/**
 * @param atOnce Runs in flight at once.
 * @throws Error with the seed, and the smallest case found that differs.
 */
export async function explore(
  orchestra: Orchestra,
  { seed, runs, atOnce }: { seed: number; runs: number; atOnce: number },
): Promise<readonly { one: Case; history: History }[]> {
  const stage = new Stage();
  await orchestra.work(stage.handlers);
  // Calls fail at random here, which may be all the deployment does for a while: it must not rest because of that.
  const untiring = { set: { breaker: { failures: 1_000 } } };
  const tools = Object.keys(stage.handlers).map((tool) => [tool, untiring] as const);
  await orchestra.parts.gate.configure({ level: 0, tools: Object.fromEntries(tools) });
  const cases = randomCase(FEATURES);
  const all = sample(cases, { seed, numRuns: runs });
  const performed: { one: Case; history: History }[] = [];
  const failed: { index: number; error: unknown }[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < all.length && failed.length === 0) {
      const index = next++;
      const one = all[index]!;
      try {
        performed.push({ one, history: await expectAsTheContractSays(orchestra, stage, one) });
      } catch (error) {
        failed.push({ index, error });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  const [first] = failed.toSorted((a, b) => a.index - b.index);
  if (first === undefined) return performed;
  const smaller = await check(
    asyncProperty(cases, async (one) => {
      await expectAsTheContractSays(orchestra, stage, one);
    }),
    { seed, path: String(first.index), numRuns: 1, interruptAfterTimeLimit: SHRINK_MS },
  );
  const shown = smaller.failed ? smaller.errorInstance : first.error;
  const how = smaller.failed
    ? `made smaller ${smaller.numShrinks} times`
    : "not seen again when run alone: it depends on timing";
  const text = shown instanceof Error ? shown.message : String(shown);
  throw new Error(`seed ${seed}, workflow ${first.index} of ${runs}, ${how}\n${text}`);
}

/** Whether some run would be wrong if the contract did not have this rule. */
function isNoticed(rule: Rule, performed: readonly { one: Case; history: History }[]): boolean {
  const rules = { ...CONTRACT, ...NOT_KEPT, [rule]: false };
  return performed.some(({ one: { workflow, script }, history }) => {
    return differences({ workflow, script, history }, rules).length > 0;
  });
}

/** How often things happened: outcomes of steps and items, states of runs, runs that could end in
 * one way only, and rules that no run was about. */
export function tally(performed: readonly { one: Case; history: History }[]) {
  const count = (words: readonly string[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
    return counts;
  };
  const endings = performed.flatMap(({ history }) => Object.values(history.endings));
  const exact = performed.filter(({ one: { workflow, script }, history }) => {
    const { ways, states, stopped } = interpret({ workflow, script, history });
    return !stopped && states.size === 1 && [...ways.values()].every(({ length }) => length === 1);
  });
  return {
    outcomes: count(endings.map(({ outcome }) => outcome)),
    states: count(performed.map(({ history }) => history.state)),
    calls: performed.flatMap(({ history }) => history.calls).length,
    exact: exact.length,
    unnoticed: (Object.keys(CONTRACT) as Rule[]).filter((rule) => !isNoticed(rule, performed)),
  };
}
