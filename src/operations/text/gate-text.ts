import type { RateWindow } from "../../../config/index.ts";
import type { BudgetView, GateView, ToolLimitsView, TroubleView } from "../../gate/limits/show.ts";
import { table, duration, elapsed } from "./table.ts";

/** What the gate knows, for people: what is empty is left out. */
export function gateText(view: GateView): string {
  const { now, machines, permits, claims, troubles } = view;
  const age = (since: string): string => elapsed(since, now);
  const parts = [
    part(
      ["MACHINE", "CALLS", "USED", "KEPT FOR"],
      machines.map(({ machine, calls, resources, drainedFor }) => [
        machine,
        String(calls),
        Object.entries(resources)
          .map(([name, { used, capacity }]) => `${name} ${used} of ${capacity ?? "any"}`)
          .join(", "),
        drainedFor ?? "",
      ]),
    ),
    part(
      ["PERMIT", "TOOL", "RUN", "STEP", "MACHINE", "FOR", "HOLDS"],
      permits.map(({ id, tool, runId, step, machine, since, resources, slots }) => [
        id,
        tool,
        runId ?? "",
        step ?? "",
        machine,
        age(since),
        Object.entries({ ...resources, ...slots })
          .map(([name, amount]) => `${name} ${amount}`)
          .join(", "),
      ]),
    ),
    part(
      ["IN LINE", "MACHINE", "FOR", "WHY"],
      claims.map(({ tool, machine, since, reason }) => [tool, machine, age(since), reason ?? ""]),
    ),
    part(
      ["BUDGET", "SLOTS USED", "RATES USED", "SET"],
      view.budgets.map((budget) => [
        budget.budget,
        slotsText(budget),
        windowsText(budget),
        budget.layers.includes("set") ? "yes" : "",
      ]),
    ),
    part(["TROUBLE", "OF", "UNTIL"], troubles.map(troubleRow)),
    part(
      ["CATALOGUE", "VERSIONS", "WORKERS"],
      view.catalogues.length < 2
        ? []
        : view.catalogues.map(({ hash, versions, workers }) => [
            hash,
            versions.join(", ") || "none",
            workers.join(", "),
          ]),
    ),
    part(
      ["TOOL", "RUNNING", "MEAN", "BLOCKED BY", "SET"],
      view.tools
        .filter((tool) => tool.running > 0 || Object.keys(tool.blockedMs).length > 0 || isSet(tool))
        .map((tool) => [
          tool.tool,
          String(tool.running),
          tool.service === null ? "" : duration(tool.service.meanMs),
          Object.entries(tool.blockedMs)
            .map(([what, ms]) => `${what} ${duration(ms)}`)
            .join(", "),
          isSet(tool) ? "yes" : "",
        ]),
    ),
  ].filter((text) => text !== "");
  const level = view.level === "normal" ? [] : [`level ${view.level}`];
  const disputes = view.disagreements.map(({ sentence }) => sentence);
  const texts = [...level, ...parts, ...disputes];
  return texts.length === 0 ? "no machine, no limits" : texts.join("\n\n");
}

/** The limits of a tool on one line. */
export function toolText(tool: ToolLimitsView): string {
  const facts = [
    tool.concurrency === null ? "no concurrency" : `concurrency ${tool.concurrency}`,
    tool.rates.length === 0
      ? "no rate"
      : `rates ${tool.rates.map(rateText).join(", ")} at ${tool.cost} a call`,
    ...Object.entries(tool.resources).map(([name, share]) => `${name} ${share}`),
    tool.importance,
    isSet(tool) ? "set" : "as declared",
  ];
  return `${tool.tool}: ${facts.join("; ")}`;
}

/** A budget on one line. */
export function budgetText(budget: BudgetView): string {
  const facts = [
    budget.slots === null ? "no slots" : `slots ${slotsText(budget)}`,
    budget.windows.length === 0 ? "no rates" : `rates ${windowsText(budget)}`,
    budget.layers.includes("set") ? "set" : "as declared",
  ];
  return `${budget.budget}: ${facts.join("; ")}`;
}

const isSet = ({ layers }: ToolLimitsView): boolean => layers.includes("set");

const rateText = ({ max, durationMs }: RateWindow): string => `${max} in ${duration(durationMs)}`;

const slotsText = ({ slots }: BudgetView): string =>
  slots === null ? "" : `${slots.used} of ${slots.capacity}`;

const windowsText = ({ windows }: BudgetView): string =>
  windows.map(({ used, ...window }) => `${used} of ${rateText(window)}`).join(", ");

function troubleRow(trouble: TroubleView): string[] {
  if (trouble.kind === "breaker") return [`breaker ${trouble.state}`, trouble.tool, trouble.until];
  if (trouble.kind === "cool_down") return ["asked for a pause", trouble.upstream, trouble.until];
  return [`ramp ${trouble.allowed} of ${trouble.goal}`, trouble.upstream, trouble.until];
}

function part(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? "" : table(head, rows);
}
