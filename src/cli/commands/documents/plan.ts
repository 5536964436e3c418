import { word } from "../../../operations/command/words.ts";
import { table, duration } from "../../../operations/text/table.ts";
import type { Plan } from "../../../workflow/plan/plan.ts";
import { prepare } from "../../../workflow/prepare.ts";
import { readSource } from "../../console/document.ts";
import { EXIT } from "../../console/exit.ts";
import { DOCUMENT, localCommand } from "../../console/frame.ts";
import { openCatalogue } from "../../console/session.ts";

export const planWorkflow = localCommand({
  words: "plan",
  summary: "Show what a run would do: order, queues, critical path, expected time, shares.",
  given: { path: word("<file>", DOCUMENT) },
  async act(cli, { path }, flags) {
    const { registry } = openCatalogue(cli, flags);
    const source = await readSource(cli, path);
    const planned = prepare(source.text, registry, { file: source.file });
    cli.print(flags.output, planData(planned), () => planText(planned));
    return EXIT.completed;
  },
});

/** What the steps of a level hold together when all of them run at once, in shares of one machine. */
function sharesOf(plan: Plan, level: readonly string[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const step of plan.steps) {
    if (!level.includes(step.id)) continue;
    for (const [resource, share] of Object.entries(step.resources)) {
      // Shares are written with few digits; sums of binary fractions are not.
      total[resource] = Number(((total[resource] ?? 0) + share).toFixed(6));
    }
  }
  return total;
}

function planData(plan: Plan): object {
  return {
    workflow: plan.workflow,
    steps: plan.steps.map((step) => Object.assign({ queue: step.tool }, step)),
    levels: plan.levels.map((steps) => ({ steps, shares: sharesOf(plan, steps) })),
    mode: plan.mode,
    priority: plan.priority,
    target: plan.target,
    criticalPath: plan.criticalPath,
    jobs: plan.jobs,
  };
}

function planText(plan: Plan): string {
  const levelOf = new Map(
    plan.levels.flatMap((steps, level) => steps.map((id) => [id, level + 1] as const)),
  );
  const critical = new Set(plan.criticalPath.steps);
  const steps = plan.steps
    .toSorted((a, b) => (levelOf.get(a.id) ?? 0) - (levelOf.get(b.id) ?? 0))
    .map((step) => [
      String(levelOf.get(step.id) ?? ""),
      `${step.id}${step.forEach ? "[]" : ""}${step.when === undefined ? "" : "?"}`,
      critical.has(step.id) ? "*" : "",
      step.tool,
      step.expectedMs === null ? "unknown" : duration(step.expectedMs),
      step.dependencies.join(", "),
    ]);
  const { expectedMs, unknown } = plan.criticalPath;
  const rest = unknown === 0 ? "" : `, and ${unknown} steps of unknown duration`;
  return [
    `${plan.workflow.name} (${plan.workflow.id}, ${plan.workflow.hash.slice(0, 12)})`,
    `${plan.steps.length} steps on ${plan.levels.length} levels, ${plan.jobs} jobs`,
    `mode: ${plan.mode.mode}, because ${plan.mode.reason}`,
    `target: ${plan.target}`,
    `critical path: ${plan.criticalPath.steps.join(" -> ")}`,
    `expected: ${expectedMs === null ? "unknown" : `${duration(expectedMs)}${rest}`}`,
    "",
    table(["LEVEL", "STEP", "", "QUEUE", "EXPECTED", "DEPENDS ON"], steps),
    "",
    "shares of one machine, when a level runs at once:",
    ...plan.levels.map((level, index) => `  ${index + 1}  ${sharesText(sharesOf(plan, level))}`),
    "",
    "* on the critical path, [] once per item, ? only if its condition holds",
  ].join("\n");
}

function sharesText(shares: Readonly<Record<string, number>>): string {
  const parts = Object.entries(shares).map(([resource, share]) => `${resource} ${share}`);
  return parts.length === 0 ? "none declared" : parts.join(", ");
}
