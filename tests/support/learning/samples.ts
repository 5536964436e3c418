import { type Sample } from "../../../queues/client.ts";
import { Durations } from "../../../queues/index.ts";
import { windowOf, type Window } from "../../../src/optimizer/metrics/window.ts";

type ToolSample = Sample["tools"][string];

const encoded = (times: readonly number[]): string | undefined => {
  const durations = Durations.empty();
  for (const ms of times) durations.record(ms);
  return durations.encode();
};

/** A tool in a sample of a second, with nothing of what is not said. */
export function toolOf({
  serviceMs = [],
  waitMs = [],
  ...more
}: Partial<ToolSample> & {
  readonly serviceMs?: readonly number[];
  readonly waitMs?: readonly number[];
}): ToolSample {
  const service = encoded(serviceMs);
  const wait = encoded(waitMs);
  return {
    waiting: 0,
    active: 0,
    delayed: 0,
    arrivals: 0,
    uncalled: 0,
    ok: 0,
    failed: 0,
    limited: 0,
    blockedMs: {},
    places: {},
    servedBy: 1,
    ...(service === undefined ? {} : { service }),
    ...(wait === undefined ? {} : { wait }),
    ...more,
  };
}

/** A sample of a second. */
export function sampleOf(more: Partial<Sample>): Sample {
  return { atMs: 1_000, ms: 1_000, level: 0, tools: {}, machines: {}, admitted: {}, ...more };
}

export function windowFrom(samples: readonly Sample[]): Window {
  const window = windowOf(samples);
  if (window === null) throw new Error("no samples");
  return window;
}
