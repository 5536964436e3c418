import type { Sample } from "../../../queues/client.ts";
import type { StepDefinition } from "../../../queues/index.ts";

/** Something that kept a tool's calls, and for how long between two moments. */
export interface WaitReason {
  /** As the gate counts it: `slots:<budget>`, `rate:<budget>`, `resource:<name>` ...; `no_worker`: none served it. */
  readonly reason: string;
  readonly ms: number;
}

/**
 * What kept the calls of a tool between two moments, as samples tell: the most first. Samples are of the tool, not of
 * the step, and reach back for a quarter of an hour or so; where there are none nothing is said.
 */
export function waitReasons(
  samples: readonly Sample[],
  tool: string,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): WaitReason[] {
  const sums = new Map<string, number>();
  const add = (reason: string, ms: number): void => {
    if (ms > 0) sums.set(reason, (sums.get(reason) ?? 0) + ms);
  };
  for (const { atMs, ms, tools } of samples) {
    const overlap = Math.min(atMs, toMs) - Math.max(atMs - ms, fromMs);
    const of = tools[tool];
    if (overlap <= 0 || ms <= 0 || of === undefined) continue;
    if (of.servedBy === 0) add("no_worker", overlap);
    else
      for (const [reason, blocked] of Object.entries(of.blockedMs))
        add(reason, (blocked * overlap) / ms / of.servedBy);
  }
  return [...sums]
    .map(([reason, ms]) => ({ reason, ms: Math.round(ms) }))
    .toSorted((a, b) => b.ms - a.ms);
}

/** What a step waits for that calls no tool. */
export function reasonOf({ wait, workflow }: StepDefinition): string | undefined {
  if (workflow !== undefined) return `the run of workflow ${workflow}`;
  switch (wait?.kind) {
    case undefined:
      return undefined;
    case "approval":
      return `approval: ${wait.message}`;
    case "event":
      return `event ${wait.name}`;
    case "timer":
      return "its time";
  }
}
