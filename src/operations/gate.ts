import * as z from "zod";

import { IMPORTANCES, given } from "../../config/index.ts";
import { LEVELS, type LevelView } from "../../queues/client.ts";
import { budgetChange, levelChange, toolChange } from "../gate/limits/forms.ts";
import { shareOf, timeFrom, windowOf, wrongUse } from "./command/values.ts";
import { choice, flag, many, word } from "./command/words.ts";
import { budgetName, toolId } from "./fields.ts";
import { callOf, clientOperation, command, operation } from "./operation.ts";
import { simulate } from "./optimizer.ts";
import { budgetText, gateText, toolText } from "./text/gate-text.ts";

const show = operation({
  name: "gate.get",
  summary: "Show machines, permits, who stands in line and why, limits, budgets, troubles.",
  scope: "read",
  input: z.strictObject({}),
  run: ({ tutti }) => tutti.gate.show(),
  http: { method: "get", path: "/v1/gate" },
  command: { words: "gate show", given: {}, input: () => ({}) },
  printed: { text: gateText },
});

const limitsText = (view: Parameters<typeof toolText>[0] | Parameters<typeof budgetText>[0]) =>
  "tool" in view ? toolText(view) : budgetText(view);

const setTool = clientOperation({
  name: "gate.set_tool",
  summary: "Change limits of a tool at once, for calls that wait too; what is left out stays.",
  scope: "admin",
  errors: ["tool_not_found"],
  input: z.strictObject({ ...toolChange.shape, id: toolId }),
  run: ({ tutti }, { id, ...change }) => tutti.gate.set({ ...change, tool: id }),
  http: { method: "patch", path: "/v1/gate/tools/:id" },
  printed: { text: limitsText },
});

const setBudget = clientOperation({
  name: "gate.set_budget",
  summary: "Change a budget at once; what is left out stays.",
  scope: "admin",
  errors: ["budget_not_found"],
  input: z.strictObject({ ...budgetChange.shape, name: budgetName }),
  run: ({ tutti }, { name, ...change }) => tutti.gate.set({ ...change, budget: name }),
  http: { method: "patch", path: "/v1/gate/budgets/:name" },
  printed: { text: limitsText },
});

const resetTool = operation({
  name: "gate.reset_tool",
  summary: "Go back to the limits that the catalogue declares for a tool.",
  scope: "admin",
  errors: ["tool_not_found"],
  input: z.strictObject({ id: toolId }),
  run: ({ tutti }, { id }) => tutti.gate.reset({ tool: id }),
  http: { method: "delete", path: "/v1/gate/tools/:id" },
  printed: { text: limitsText },
});

const resetBudget = operation({
  name: "gate.reset_budget",
  summary: "Go back to what the catalogue declares of a budget.",
  scope: "admin",
  errors: ["budget_not_found"],
  input: z.strictObject({ name: budgetName }),
  run: ({ tutti }, { name }) => tutti.gate.reset({ budget: name }),
  http: { method: "delete", path: "/v1/gate/budgets/:name" },
  printed: { text: limitsText },
});

const level = operation({
  name: "gate.get_level",
  summary: "Show at which level the deployment works, who fixed it, and its last changes.",
  scope: "read",
  input: z.strictObject({}),
  run: ({ tutti }) => tutti.gate.level(),
  http: { method: "get", path: "/v1/gate/level" },
  printed: { text: levelText },
});

const setLevel = clientOperation({
  name: "gate.set_level",
  summary: "Fix the level at which the deployment works, or leave it to what fails.",
  scope: "admin",
  input: levelChange,
  run: ({ tutti }, setting) => tutti.gate.setLevel(setting),
  http: { method: "put", path: "/v1/gate/level" },
  printed: { text: levelText },
});

/** The limits that decide which calls start. */
export const gateOperations = [show, setTool, setBudget, resetTool, resetBudget, level, setLevel];

const target = {
  tool: word("[tool]"),
  budget: word("--budget <name>", "a budget of the catalogues, instead of a tool"),
};

/** @throws TuttiError `request_invalid` unless it is one of both. */
function targetOf(tool: string | undefined, budget: string | undefined) {
  if (tool !== undefined && budget === undefined) return { tool };
  if (tool === undefined && budget !== undefined) return { budget };
  throw wrongUse(
    `expected either a tool or --budget, got: ${tool === undefined ? "neither" : "both"}`,
  );
}

export const gateCommands = [
  command({
    words: "gate set",
    summary: "Change limits at once, for calls that wait too; what is left out stays.",
    help: "They stand over what the catalogues declare, also through restarts, until: tutti gate reset",
    given: {
      ...target,
      concurrency: word("--concurrency <calls>", "of a tool: calls at once, over all workers"),
      slots: word("--slots <count>", "of a budget: slots in all"),
      rate: many("--rate <max/time>", "units in any window, as 3/1s or 100/1m; may be repeated"),
      cost: word("--cost <units>", "of a tool: units of its own rates that a call costs"),
      resource: many("--resource <name=share>", "of a tool: share of one machine; may be repeated"),
      importance: choice("--importance <word>", "of a tool: what it is worth", IMPORTANCES),
      dryRun: flag(
        "--dry-run",
        "of --concurrency and --rate: only say what they would have done to the load of the last minutes",
      ),
    },
    operations: [setTool, setBudget, simulate],
    call({ tool, budget, dryRun, ...limits }) {
      const of = targetOf(tool, budget);
      const change = changeOf(limits);
      if (dryRun === true) return callOf(simulate, trialOf(of.tool, change));
      return of.tool === undefined
        ? callOf(setBudget, { ...change, name: of.budget })
        : callOf(setTool, { ...change, id: of.tool });
    },
  }),
  command({
    words: "gate reset",
    summary: "Go back to what the catalogues declare.",
    given: target,
    operations: [resetTool, resetBudget],
    call({ tool, budget }) {
      const of = targetOf(tool, budget);
      return of.tool === undefined
        ? callOf(resetBudget, { name: of.budget })
        : callOf(resetTool, { id: of.tool });
    },
  }),
  command({
    words: "gate level",
    summary: "Show at which level the deployment works, or fix it; auto: what fails decides.",
    given: {
      level: choice("[level]", "", [...LEVELS, "auto"] as const),
      reason: word("--reason <text>", "why; it stands in the history"),
      for: word("--for <time>", "for how long, as 30m; then what fails decides again"),
    },
    operations: [level, setLevel],
    call({ level: asked, reason, for: time }, { actor: by }) {
      const forMs = time === undefined ? undefined : timeFrom(time);
      return asked === undefined
        ? callOf(level, {})
        : callOf(setLevel, { level: asked, by, reason, forMs });
    },
  }),
];

/** What is wrong with the numbers is told with everything else, where they are checked. */
function changeOf({
  concurrency,
  slots,
  cost,
  importance,
  rate,
  resource,
}: {
  readonly concurrency: string | undefined;
  readonly slots: string | undefined;
  readonly cost: string | undefined;
  readonly importance: (typeof IMPORTANCES)[number] | undefined;
  readonly rate: readonly string[];
  readonly resource: readonly string[];
}) {
  return {
    ...(concurrency === undefined ? {} : { concurrency: Number(concurrency) }),
    ...(slots === undefined ? {} : { slots: Number(slots) }),
    ...(rate.length === 0 ? {} : { rates: rate.map(windowOf) }),
    ...(cost === undefined ? {} : { cost: Number(cost) }),
    ...(resource.length === 0 ? {} : { resources: Object.fromEntries(resource.map(shareOf)) }),
    ...given({ importance }),
  };
}

/** What the model of the gate can tell of a change. */
function trialOf(tool: string | undefined, change: ReturnType<typeof changeOf>) {
  const { concurrency, rates, ...rest } = change;
  if (tool === undefined || Object.keys(rest).length > 0 || (concurrency ?? rates) === undefined)
    throw wrongUse("expected --dry-run with --concurrency or --rate of a tool, and nothing else");
  return { tools: { [tool]: { concurrency, rates } } };
}

function levelText({ level: now, fixed, changes }: LevelView): string {
  const until = fixed?.until == null ? "" : ` until ${fixed.until}`;
  const head = fixed === undefined ? now : `${now}, fixed by ${fixed.by}${until}`;
  const lines = changes.map(
    ({ at, from, to, by, reason }) => `${at}  ${from} -> ${to}  ${by}: ${reason}`,
  );
  return [head, ...lines].join("\n");
}
