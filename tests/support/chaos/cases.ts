/** Random workflows whose outcomes can be judged although processes die. */
import { sample } from "fast-check";

import { EVERYTHING } from "../../model/random/features.ts";
import { isEndless, randomCase, type Case } from "../../model/random/generator.ts";
import { stepOf, type Action, type Step } from "../../model/words.ts";

/** Runs with a call that ends only when it is aborted have this time. Milliseconds. */
const RUN_TIMEOUT_MS = 6_000;
const STEPS = 12;

/**
 * As the generator makes them, but for what a slow machine would decide: a call that hangs until its own
 * deadline says so at once, and no service is busy, because a call that is made again after a death would
 * be as busy again.
 */
export function chaosCases(seed: number, count: number): Case[] {
  return sample(randomCase(EVERYTHING, STEPS), { seed, numRuns: count }).map(
    ({ workflow, script, cancelAfter }) => {
      const byId = new Map(workflow.steps.map((step) => [step.id, step]));
      const steps = workflow.steps.map(withoutDeadline);
      const { timeoutMs, ...rest } = workflow;
      const calmer = Object.fromEntries(
        Object.entries(script).map(([key, list]) => {
          const hasDeadline = byId.get(stepOf(key))?.timeoutMs !== undefined;
          const kept = list.filter((action) => action.do !== "busy");
          return [key, kept.map((action) => decided(action, hasDeadline))] as const;
        }),
      );
      const bare = { ...rest, steps };
      const endless = isEndless(bare, calmer);
      // Half of those that never end by themselves are cancelled, the others run out of time.
      const timed = endless && (timeoutMs !== undefined || cancelAfter === null);
      return {
        workflow: timed ? { ...bare, timeoutMs: RUN_TIMEOUT_MS } : bare,
        script: calmer,
        cancelAfter,
      };
    },
  );
}

const decided = (action: Action, hasDeadline: boolean): Action =>
  action.do === "hang" && hasDeadline ? { do: "fail", code: "tool_timeout", turns: 1 } : action;

function withoutDeadline(step: Step): Step {
  const { timeoutMs: _, ...rest } = step;
  return rest;
}
