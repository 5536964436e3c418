/** Random workflows with what their tools do, and when they are cancelled. */
import {
  array,
  boolean,
  constant,
  constantFrom,
  integer,
  nat,
  oneof,
  record,
  type Arbitrary,
} from "fast-check";

import { courseOf } from "../course.ts";
import { CONTRACT } from "../rules.ts";
import {
  itemKey,
  type Action,
  type Group,
  type Policy,
  type Script,
  type Step,
  type Workflow,
} from "../words.ts";
import type { Features } from "./features.ts";

/** A workflow, what its tools do, and when somebody cancels it. */
export interface Case {
  readonly workflow: Workflow;
  readonly script: Script;
  /** Cancelled when so many calls have begun; `null`: only when nothing else would end it. */
  readonly cancelAfter: number | null;
}

const SOON = { backoff: "fixed", baseDelayMs: 1, jitter: false };
const CALL_TIMEOUT_MS = 20;
const RUN_TIMEOUT_MS = 250;
const CALM: readonly Action[] = [{ do: "return", turns: 1 }];
/** Every so many steps of a calm workflow may fail. */
const CALM_EVERY = 4;
const GROUPS = ["g0", "g1", "g2"];

/** A value that is absent `freq` times as often as it is there. */
const seldom = <T>(arbitrary: Arbitrary<T>, freq: number): Arbitrary<T | undefined> =>
  oneof(
    { withCrossShrink: true },
    { weight: freq, arbitrary: constant(undefined) },
    { weight: 1, arbitrary },
  );

const turns = oneof(
  { weight: 5, arbitrary: nat({ max: 4 }) },
  { weight: 1, arbitrary: integer({ min: 5, max: 60 }) },
);

/** Failures are frequent, else a workflow of 25 steps is one that succeeds. */
function actions(features: Features): Arbitrary<readonly Action[]> {
  const returns = turns.map((count): Action => ({ do: "return", turns: count }));
  const failing = (...codes: string[]) =>
    record({ do: constant("fail" as const), code: constantFrom(...codes), turns });
  const retryable = failing("step_execution_failed", "tool_unavailable");
  const terminal = failing("tool_failed", "tool_denied");
  const unknown = failing("effect_unknown");
  return oneof(
    { weight: 12, arbitrary: returns.map((one) => [one]) },
    { weight: 2, arbitrary: terminal.map((one) => [one]) },
    { weight: 1, arbitrary: retryable.map((one) => [one]) },
    {
      weight: 1,
      arbitrary: array(retryable, { minLength: 1, maxLength: 3 }).chain((failures) =>
        returns.map((last) => [...failures, last]),
      ),
    },
    ...(features.adaptive
      ? [
          {
            weight: 1,
            arbitrary: returns.map((last): Action[] => [{ do: "busy" }, { do: "busy" }, last]),
          },
          { weight: 1, arbitrary: unknown.map((one) => [one]) },
        ]
      : []),
    { weight: 1, arbitrary: turns.map((count): Action[] => [{ do: "heedless", turns: count }]) },
    { weight: 1, arbitrary: constant<Action[]>([{ do: "hang" }]) },
  );
}

/** A step before it knows who stands before it. */
function genes(features: Features) {
  const policies: Policy[] = ["fail_fast", "resilient"];
  if (features.recovery) policies.push("recovery");
  if (features.adaptive) policies.push("adaptive");
  const policy = constantFrom(...policies);
  return {
    policy,
    step: record({
      /** How many places before it its dependencies stand. */
      on: array(integer({ min: 1, max: 6 }), { maxLength: 3 }),
      join: seldom(
        constantFrom(
          ...(features.any ? (["settled", "any", "any"] as const) : (["settled"] as const)),
        ),
        3,
      ),
      when: seldom(
        constantFrom(
          "false",
          "true",
          "gone",
          "completed",
          "failed",
          "not skipped",
          "value",
          "code",
        ),
        6,
      ),
      bad: seldom(constantFrom("with", "check", "result" as const), 14),
      items: seldom(nat({ max: 5 }), 5),
      maxParallel: seldom(integer({ min: 1, max: 3 }), 1),
      optional: seldom(constant(true), 7),
      onError: features.stepPolicy ? seldom(policy, 7) : constant(undefined),
      group: features.groups ? seldom(constantFrom(...GROUPS), 2) : constant(undefined),
      compensate: features.recovery ? boolean() : constant(false),
      attempts: integer({ min: 1, max: 3 }),
      patient: boolean(),
      effect: seldom(constant(true), 9),
      /** Of the step, of its items and of their compensations. */
      script: array(actions(features), { minLength: 6, maxLength: 6 }),
      undo: constantFrom<"returns" | "again" | "fails">("returns", "returns", "again", "fails"),
    }),
  };
}

type Gene = ReturnType<typeof genes>["step"] extends Arbitrary<infer T> ? T : never;

const id = (index: number): string => `s${index}`;

/** A condition on the nearest dependency that a condition of its kind can be about. */
function whenOf({ when }: Gene, on: readonly Step[]): string | undefined {
  const about = on[0];
  const single = on.find(({ forEach }) => forEach === undefined);
  switch (when) {
    case undefined:
      return undefined;
    case "false":
    case "true":
      return when;
    case "gone":
      return "input.gone == 1";
    case "completed":
      return about === undefined ? "true" : `steps.${about.id}.state == 'completed'`;
    case "failed":
      return about === undefined ? "false" : `steps.${about.id}.state == 'failed'`;
    case "not skipped":
      return about === undefined ? "true" : `\${{ steps.${about.id}.state != 'skipped' }}`;
    case "value":
      return single === undefined ? "true" : `steps.${single.id}.output.n == 1`;
    case "code":
      return single === undefined ? "false" : `steps.${single.id}.error.code == 'tool_failed'`;
  }
}

function stepOfGene(gene: Gene, index: number, before: readonly Step[], features: Features): Step {
  const on = [
    ...new Set(gene.on.map((back) => before[index - back]).filter((one) => one !== undefined)),
  ];
  const items = gene.items;
  const hangs = gene.script.some((list) => list.some((action) => action.do === "hang"));
  const when = whenOf(gene, on);
  const { onError } = gene;
  return {
    id: id(index),
    tool: gene.effect === true ? "effect" : "probe",
    needs: on.map((one) => one.id),
    retry: { ...SOON, ...(gene.effect === true ? {} : { maxAttempts: gene.attempts }) },
    ...(gene.join === undefined ? {} : { join: gene.join }),
    ...(when === undefined ? {} : { when }),
    ...(items === undefined
      ? {}
      : { forEach: JSON.stringify(Array.from({ length: items }, (_, item) => item)) }),
    ...(items === undefined || gene.maxParallel === undefined
      ? {}
      : { maxParallel: gene.maxParallel }),
    ...(items === undefined ? {} : { with: { item: "${{ index }}" } }),
    ...(gene.bad === "with" && items === undefined ? { with: { x: "${{ input.gone }}" } } : {}),
    ...(gene.bad === "check" && features.checks ? { preconditions: [{ check: "false" }] } : {}),
    ...(gene.optional === undefined ? {} : { optional: true }),
    ...(gene.bad === "result" && features.checks ? { postconditions: [{ check: "false" }] } : {}),
    ...(onError === undefined ? {} : { onError }),
    ...(gene.group === undefined ? {} : { group: gene.group }),
    // Whether a call has completed when a check of its result fails is left open.
    ...(gene.compensate && gene.bad !== "result"
      ? {
          compensate: {
            tool: "two",
            with: { of: "${{ output.key }}" },
            retry: { ...SOON, maxAttempts: 2 },
          },
        }
      : {}),
    // A call that hangs is given up by its step in half of the cases, and by its run in the others.
    ...(gene.patient || !hangs ? {} : { timeoutMs: CALL_TIMEOUT_MS }),
  };
}

const UNDO = {
  returns: [{ do: "return", turns: 0 }],
  again: [
    { do: "fail", code: "step_execution_failed", turns: 0 },
    { do: "return", turns: 0 },
  ],
  fails: [{ do: "fail", code: "tool_failed", turns: 0 }],
} as const satisfies Record<string, readonly Action[]>;

/** With a deadline of its own, a call ends before that or not at all. */
function settle(list: readonly Action[], step: Step): readonly Action[] {
  if (step.timeoutMs === undefined) return list;
  return list.map((action) => ("turns" in action ? { ...action, turns: 0 } : action));
}

function scriptOf(genesOfSteps: readonly Gene[], steps: readonly Step[], calm: boolean): Script {
  const script: Record<string, readonly Action[]> = {};
  for (const [index, step] of steps.entries()) {
    const gene = genesOfSteps[index]!;
    const keys =
      gene.items === undefined
        ? [step.id]
        : Array.from({ length: gene.items }, (_, item) => itemKey(step.id, item));
    for (const [place, key] of keys.entries()) {
      const quiet = calm && index % CALM_EVERY !== 0;
      script[key] = quiet ? CALM : settle(gene.script[place]!, step);
      if (step.compensate !== undefined) script[`~${key}`] = UNDO[gene.undo];
    }
  }
  return script;
}

/** Workflows of up to `maxSteps` steps. Shrinks by leaving out steps, then what they have. */
export function randomCase(features: Features, maxSteps = 25): Arbitrary<Case> {
  const { policy, step } = genes(features);
  const group: Arbitrary<Group> = record({
    onError: seldom(policy, 1),
    more: constantFrom(
      {},
      { optional: true },
      { escalate: true },
      { optional: true, escalate: true },
    ),
  }).map(({ onError, more }) => ({ ...(onError === undefined ? {} : { onError }), ...more }));
  return record({
    mode: seldom(constant("sequential" as const), 5),
    onError: seldom(policy, 1),
    /** Few of its calls fail, so that a policy that stops has something to stop. */
    calm: boolean(),
    steps: array(step, { minLength: 1, maxLength: maxSteps, size: "max" }),
    groups: record(Object.fromEntries(GROUPS.map((name) => [name, group]))),
    output: seldom(constantFrom("${{ input.gone }}", "${{ steps.s0.output.n == 1 }}"), 5),
    success: seldom(constantFrom("true", "false"), 5),
    cancelAfter: seldom(integer({ min: 1, max: 20 }), 4),
    timed: boolean(),
  }).map(({ mode, onError, calm, steps: list, groups, output, success, cancelAfter, timed }) => {
    const steps: Step[] = [];
    for (const [index, gene] of list.entries())
      steps.push(stepOfGene(gene, index, steps, features));
    const first = list[0]?.items === undefined;
    const used = Object.fromEntries(
      Object.entries(groups).filter(([name]) => steps.some((one) => one.group === name)),
    );
    const workflow: Workflow = {
      tutti: 1,
      id: "random",
      steps,
      ...(mode === undefined ? {} : { mode }),
      ...(onError === undefined ? {} : { onError }),
      ...(Object.keys(used).length === 0 ? {} : { groups: used }),
      ...(output === undefined || !first ? {} : { output }),
      ...(success === undefined ? {} : { success: [success] }),
    };
    const script = scriptOf(list, steps, calm);
    const timedOut = timed && isEndless(workflow, script);
    return {
      workflow: timedOut ? { ...workflow, timeoutMs: RUN_TIMEOUT_MS } : workflow,
      script,
      cancelAfter: cancelAfter ?? null,
    };
  });
}

/** Whether some call ends only when it is aborted. */
export function isEndless(workflow: Workflow, script: Script): boolean {
  return workflow.steps.some((step) =>
    Object.entries(script).some(
      ([key, list]) =>
        (key === step.id || key.startsWith(`${step.id}[`)) &&
        courseOf(step, list, CONTRACT).outcome === "endless",
    ),
  );
}
