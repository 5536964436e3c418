import type { Action } from "../../optimizer/planning/plan.ts";
import type { Applied } from "../../optimizer/service/following.ts";
import type { Plans, LoadFared } from "../../optimizer/service/planning.ts";
import { table, duration } from "./table.ts";

/** Plans, for people: what each would change, and what that does. */
export function plansText({ recordedMs, plays, before, plans }: Plans): string {
  const rows = plans.map(({ target, actions, after }) => [
    target,
    ...faredCells(after),
    actions.length === 0 ? "nothing" : actions.map(actionText).join(", "),
  ]);
  return [
    `the load of the last ${duration(recordedMs)}, played ${plays} times`,
    table(
      ["TARGET", "CALLS THAT END", "MEAN WAIT", "LEFT WAITING", "MACHINES", "CHANGES"],
      [["as it is", ...faredCells(before), ""], ...rows],
    ),
    ...plans.flatMap(({ target, actions }) =>
      actions.map((action) => `${target}: ${actionText(action)}, as ${action.why}`),
    ),
  ].join("\n");
}

export function appliedText(applied: Applied): string {
  const { asked, left } = applied;
  return [
    plansText(applied),
    asked.length === 0
      ? "there is nothing for the optimizer to change"
      : `the optimizer makes these changes, one after another: ${asked.map(actionText).join(", ")}`,
    ...(left.length === 0 ? [] : [`left to you: ${left.map(actionText).join(", ")}`]),
  ].join("\n");
}

const faredCells = ({ ended, waitMs, waiting, machines }: LoadFared): string[] => [
  String(ended),
  waitMs === null ? "none began" : duration(waitMs),
  String(waiting),
  String(machines),
];

export function actionText(action: Action): string {
  const name = action.what === "machines" ? "machines" : `${action.tool}.concurrency`;
  return `${name} ${action.from ?? "none"} -> ${action.to}`;
}
