import type { Pickup } from "./pickup.ts";
import type { Saturation } from "./saturation.ts";

/** What `npm run bench:gate -- --json` prints. */
export interface GateReport extends Saturation, Pickup {
  readonly ungatedRatio: number | null;
  /** CPU of Node and Redis per job that does nothing, by number of budgets. Milliseconds. */
  readonly dispatchCostMs: Readonly<Record<string, number | null>>;
  readonly dispatch: Readonly<Record<string, Readonly<Record<string, number | null>>>>;
  readonly commit: string;
  readonly quick: boolean;
  readonly seed: number;
  readonly samples: Readonly<Record<string, number>>;
  readonly load: { readonly before: number | null; readonly after: number | null };
}

const WIDTH = 12;

/** The report as tables. */
export function print(report: GateReport): string {
  const cell = (value: string | number | null | undefined) => String(value ?? "-").padStart(WIDTH);
  const columns = ["cpuMs", "nodeMs", "redisMs", "perJobMs"];
  const lines = [
    `commit ${report.commit}${report.quick ? " (quick)" : ""}, seed ${report.seed}, load average ${report.load.before} before, ${report.load.after} after`,
    `saturated for ${report.saturatedMs} ms: true use at most ${report.maxUse}, of the binding resource ${report.meanBindingUse} on average (${JSON.stringify(report.bindingUse)}), ${report.finished} of ${report.jobs} jobs done`,
    `with room (${report.pickups} jobs an arm): pickup p50 ${report.pickupP50Ms} ms, p99 ${report.pickupP99Ms} ms; bare p50 ${report.barePickupP50Ms} ms, p99 ${report.barePickupP99Ms} ms`,
    `a tool without limits: ${report.ungatedRatio} of bare throughput (${report.samples["ungatedRounds"]} rounds)`,
    `${"per job".padEnd(WIDTH)}${columns.map(cell).join("")}`,
    ...Object.entries(report.dispatch).map(
      ([arm, cost]) =>
        `${(arm === "bare" ? arm : `${arm} budgets`).padEnd(WIDTH)}${columns.map((name) => cell(cost[name])).join("")}`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}
