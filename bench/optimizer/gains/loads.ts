import type { ScenarioClass, Vector } from "../../scenarios/definitions.ts";
import { chain, workTool, type WorkTool } from "../world/workload.ts";

/** Work that is there to be done, and what happens meanwhile. */
export interface Load {
  readonly name: LoadName;
  readonly tools: readonly WorkTool[];
  readonly classes: readonly ScenarioClass[];
  /** Runs of each workflow, and when they come. Milliseconds. */
  readonly runs: readonly { readonly at: number; readonly atMs: number; readonly count: number }[];
  /** What the catalogue says of concurrency, and how far it lets it be raised. By tool. */
  readonly concurrency?: ReadonlyMap<number, number>;
  readonly maxConcurrency?: ReadonlyMap<number, number>;
  readonly declared?: (tool: WorkTool) => Vector;
  /** What happens: a service carries so many calls at once from now on, or something else uses a machine. */
  readonly events: readonly LoadEvent[];
}

/** Milliseconds after the start. */
export type LoadEvent = { readonly atMs: number } & (
  | { readonly knee: number; readonly service: string }
  | { readonly machine: number; readonly background: Vector }
);

export const LOADS = ["skew", "shift", "knee", "misdeclared", "flood", "background"] as const;
export type LoadName = (typeof LOADS)[number];

/** The six loads, each by its seed where chance has a part in it. */
export const loadOf: Readonly<Record<LoadName, (random: () => number) => Load>> = {
  /** One tool has 24 times the work of the others, and its catalogue starts low. */
  skew: () => ({
    name: "skew",
    tools: [
      workTool("light", [0.05, 0.05, 0, 0], 0.25),
      workTool("heavy", [0.07, 0.05, 0, 0], 6),
      workTool("last", [0.05, 0.05, 0, 0], 0.25),
    ],
    classes: [chain("w", 0, 1, 2)],
    runs: [{ at: 0, atMs: 0, count: 440 }],
    concurrency: new Map([[1, 6]]),
    maxConcurrency: new Map([[1, 30]]),
    events: [],
  }),
  /** What is scarce changes with the mix of what comes. */
  shift: () => ({
    name: "shift",
    tools: [
      workTool("parse", [0.25, 0.1, 0, 0], 2),
      workTool("load", [0.05, 0.3, 0.05, 0], 2.5),
      workTool("send", [0.05, 0.05, 0.3, 0], 2.25),
      workTool("write", [0.05, 0.1, 0, 0.2], 1.75),
    ],
    classes: [chain("a", 0, 3), chain("b", 1, 3), chain("c", 2, 3)],
    runs: [
      { at: 0, atMs: 0, count: 280 },
      { at: 1, atMs: 60_000, count: 180 },
      { at: 2, atMs: 120_000, count: 200 },
    ],
    events: [],
  }),
  /** A service carries 16 calls at once, then 8, then 16 again; nobody says so. */
  knee: () => ({
    name: "knee",
    tools: [
      workTool("prepare", [0.1, 0.1, 0, 0], 0.75),
      workTool("ask", [0, 0, 0, 0], 5, true),
      workTool("post", [0.1, 0.1, 0, 0.05], 0.75),
    ],
    classes: [chain("w", 0, 1, 2)],
    runs: [{ at: 0, atMs: 0, count: 680 }],
    concurrency: new Map([[1, 24]]),
    events: [
      { atMs: 0, service: "ask", knee: 16 },
      { atMs: 80_000, service: "ask", knee: 8 },
      { atMs: 200_000, service: "ask", knee: 16 },
    ],
  }),
  /** What catalogues say of needs is wrong by 0.6 to 1.6. */
  misdeclared: (random) => {
    const factors = Array.from({ length: 6 }, () => 0.6 + random());
    return {
      name: "misdeclared",
      tools: Array.from({ length: 6 }, (_, index) =>
        workTool(`t${index}`, [0.08 + 0.02 * index, 0.14 - 0.01 * index, 0, 0], 3),
      ),
      classes: [chain("a", 0, 3), chain("b", 1, 4), chain("c", 2, 5)],
      runs: [0, 1, 2].map((at) => ({ at, atMs: 0, count: 220 })),
      declared: ({ id, use }) => {
        const factor = factors[Number(id.slice(1))]!;
        return use.map((share) => share * factor) as unknown as Vector;
      },
      events: [],
    };
  },
  /** Batch work of 1.5 times what there is comes on top of what interactive runs need. */
  flood: () => ({
    name: "flood",
    tools: [
      workTool("lookup", [0.1, 0.05, 0.05, 0], 0.5),
      workTool("transform", [0.2, 0.15, 0, 0], 2.5),
      workTool("enrich", [0.15, 0.1, 0.2, 0], 2),
      workTool("notify", [0.05, 0.02, 0.1, 0], 0.5),
    ],
    classes: [chain("interactive", 0, 2, 3), chain("batch", 0, 1, 3)],
    runs: [
      ...Array.from({ length: 30 }, (_, index) => ({ at: 0, atMs: 6_000 * index, count: 5 })),
      ...Array.from({ length: 12 }, (_, index) => ({
        at: 1,
        atMs: 30_000 + 6_000 * index,
        count: 44,
      })),
    ],
    events: [],
  }),
  /** Something else takes half of one of the two machines. */
  background: () => ({
    name: "background",
    tools: [
      workTool("read", [0.1, 0.12, 0, 0], 2),
      workTool("work", [0.2, 0.2, 0, 0], 3),
      workTool("store", [0.08, 0.08, 0, 0.05], 1.25),
    ],
    classes: [chain("w", 0, 1, 2)],
    runs: [{ at: 0, atMs: 0, count: 360 }],
    events: [{ atMs: 20_000, machine: 0, background: [0.55, 0.55, 0, 0] }],
  }),
};
