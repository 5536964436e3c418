/** What a step can be instead of a call of a tool. */
const OTHERS = ["workflow", "approval", "waitMs", "event"];

/** A workflow document out of steps; `tool` is `probe` unless a step says otherwise. */
export function workflow(steps: readonly object[], more: object = {}): object {
  return {
    tutti: 1,
    id: "wf",
    steps: steps.map((step) =>
      OTHERS.some((other) => other in step) ? step : { tool: "probe", ...step },
    ),
    ...more,
  };
}

/** A policy whose pauses are short and known. */
export const SOON = { backoff: "fixed", baseDelayMs: 1, jitter: false } as const;

/** A pause that no test waits for. */
export const NEVER = { backoff: "fixed", baseDelayMs: 3_600_000, maxDelayMs: 3_600_000 } as const;
