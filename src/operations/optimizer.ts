import * as z from "zod";

import { STRATEGY_NAMES, TARGETS } from "../../config/index.ts";
import { applyForm, plansForm, simulationForm } from "../optimizer/service/door.ts";
import { changeOf } from "./command/values.ts";
import { choice, flag, many, needed, otherwise, whole } from "./command/words.ts";
import { callOf, clientOperation, command, operation } from "./operation.ts";
import { appliedText, plansText } from "./text/plans-text.ts";
import { historyText, reportText } from "./text/report-text.ts";
import { simulationText } from "./text/simulation-text.ts";

/** Who says so when nobody else does: there is no identity yet. */
const API = "the API";

const report = operation({
  name: "optimizer.report",
  summary: "Show metrics, health, bottlenecks and alerts, as the last pass saw them.",
  scope: "read",
  input: z.strictObject({}),
  run: ({ tutti }) => tutti.optimizer.report(),
  http: { method: "get", path: "/v1/optimizer", bodyOf: (seen) => ({ report: seen }) },
  command: { words: "optimize report", given: {}, input: () => ({}) },
  printed: { text: reportText },
});

const history = operation({
  name: "optimizer.history",
  summary: "Show what was changed, by whom and why, and what it did, the newest first.",
  scope: "read",
  input: z.strictObject({
    // Which numbers there are is checked by the client.
    limit: z.coerce.number().optional().describe("Entries at most. Default: 100."),
  }),
  run: ({ tutti }, options) => tutti.optimizer.history(options),
  http: { method: "get", path: "/v1/optimizer/history", bodyOf: (entries) => ({ entries }) },
  command: {
    words: "optimize history",
    given: { limit: otherwise(whole("--limit <count>", "entries at most"), 20) },
    input: (given) => given,
  },
  printed: { text: historyText },
});

const rollback = operation({
  name: "optimizer.rollback",
  summary: "Take an adjustment back; its tool is then left alone for half an hour.",
  scope: "admin",
  errors: ["adjustment_not_found"],
  input: z.strictObject({
    id: z.coerce.number().describe("Of an adjustment, as the history tells it."),
    by: z.string().min(1).max(200).default(API).describe(`Who says so. Default: ${API}.`),
    dryRun: z.boolean().optional().describe("Only say what would be taken back."),
  }),
  run: ({ tutti }, asked) => tutti.optimizer.rollback(asked),
  http: { method: "post", path: "/v1/optimizer/history/:id/rollback" },
  command: {
    words: "optimize rollback",
    given: {
      id: whole("<id>", "of an adjustment, as the history tells it"),
      dryRun: flag("--dry-run", "only say what would be taken back"),
    },
    input: (given, { actor: by }) => ({ ...given, by }),
  },
  printed: {
    text({ tool, from, what }, { dryRun = false }) {
      const had = what === "cap" && from === null ? "no cap" : `${what} ${from}`;
      return `${tool} ${dryRun ? "would have" : "has"} ${had} again`;
    },
  },
});

export const simulate = clientOperation({
  name: "optimizer.simulate",
  summary: "Say what other limits would have done to the load of the last minutes.",
  scope: "read",
  errors: ["nothing_recorded"],
  input: simulationForm,
  run: ({ tutti }, change) => tutti.optimizer.simulate(change),
  http: { method: "post", path: "/v1/optimizer/simulate" },
  command: {
    words: "optimize simulate",
    given: {
      set: many(
        "--set <what=value>",
        "tool.concurrency=4, tool.rate=100/1m or machines=3; may be repeated",
      ),
      plays: otherwise(
        whole("--plays <count>", "how often the load is played, each time by another chance"),
        20,
      ),
    },
    input: ({ set, plays }) => ({ ...changeOf(set), plays }),
  },
  printed: { text: simulationText },
});

const strategy = choice(
  "--strategy <strategy>",
  "how daringly machines are filled; as they are",
  STRATEGY_NAMES,
);
const plays = otherwise(whole("--plays <count>", "how often the load is played"), 5);

const plans = clientOperation({
  name: "optimizer.plans",
  summary:
    "Say what should be changed for a target, and what that would have done to the load of the last minutes.",
  scope: "read",
  errors: ["nothing_recorded"],
  input: plansForm,
  run: ({ tutti }, orders) => tutti.optimizer.plans(orders),
  http: { method: "post", path: "/v1/optimizer/plans" },
  command: {
    words: "optimize plan",
    given: {
      target: choice("--target <target>", "what it aims at; without it all of them", TARGETS),
      strategy,
      plays,
    },
    input: ({ target, strategy: how = null, plays: times }) => ({
      targets: target === undefined ? undefined : [target],
      strategies: [how],
      plays: times,
    }),
  },
  printed: { text: plansText },
});

const apply = operation({
  name: "optimizer.apply",
  summary:
    "Make a plan and follow it: its changes are made one after another, measured, and taken back where they do harm.",
  scope: "admin",
  errors: ["nothing_recorded", "optimizer_inactive"],
  input: applyForm.extend({
    by: applyForm.shape.by.removeDefault().default(API).describe(`Who says so. Default: ${API}.`),
  }),
  run: ({ tutti }, orders) => tutti.optimizer.apply(orders),
  http: { method: "post", path: "/v1/optimizer/apply", status: 202 },
  printed: { text: appliedText },
});

/** What the scheduled optimizer sees, and what it is asked for. */
export const optimizerOperations = [report, history, rollback, simulate, plans, apply];

export const applyCommand = command({
  words: "optimize apply",
  summary: apply.summary,
  given: {
    target: needed(choice("--target <target>", "what it aims at", TARGETS)),
    strategy,
    plays,
    dryRun: flag("--dry-run", "only show the plan"),
  },
  operations: [apply, plans],
  call({ target, strategy: how = null, plays: times, dryRun = false }, { actor: by }) {
    return dryRun
      ? callOf(plans, { targets: [target], strategies: [how], plays: times })
      : callOf(apply, { target, strategy: how, plays: times, by });
  },
});
