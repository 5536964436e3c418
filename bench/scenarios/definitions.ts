/** Shares of one machine: cpu, memory, network, storage. */
export type Vector = readonly [cpu: number, memory: number, network: number, storage: number];

export const RESOURCES = ["cpu", "memory", "network", "storage"] as const;

export interface ScenarioTool {
  readonly id: string;
  /** What a call really uses; also what is declared. */
  readonly use: Vector;
  /** Mean time of a call that is alone. Seconds. */
  readonly seconds: number;
  /** Standard deviation over mean. */
  readonly spread: number;
  /** Calls at once that the service behind it carries, over all machines; more slow each other down. */
  readonly knee?: number;
}

export interface ScenarioStep {
  readonly tool: number;
  readonly needs: readonly number[];
  /** Calls at once. */
  readonly times: number;
}

export interface ScenarioClass {
  readonly id: string;
  readonly steps: readonly ScenarioStep[];
}

/** From `fromS` on: runs a second of each class, and a knee that has moved. */
export interface Phase {
  readonly fromS: number;
  readonly rates: readonly number[];
  readonly knee?: number;
}

export interface Scenario {
  readonly name: string;
  readonly what: string;
  readonly seconds: number;
  readonly tools: readonly ScenarioTool[];
  readonly classes: readonly ScenarioClass[];
  readonly phases: readonly Phase[];
}

/** Machines of every scenario. */
export const MACHINES = 4;
/** A service beyond its knee: each of n calls takes (n / knee) to this power as long. */
export const KNEE_POWER = 1.4;

const v = (cpu = 0, memory = 0, network = 0, storage = 0): Vector => [
  cpu,
  memory,
  network,
  storage,
];

const tool = (
  id: string,
  use: Vector,
  seconds: number,
  more: { readonly spread?: number; readonly knee?: number } = {},
): ScenarioTool => ({ id, use, seconds, spread: 0.6, ...more });

const step = (at: number, needs: readonly number[] = [], times = 1): ScenarioStep => ({
  tool: at,
  needs,
  times,
});

/** Calls of each tool a second, when runs of the classes come at these rates. */
export function visitsOf(
  tools: readonly ScenarioTool[],
  classes: readonly ScenarioClass[],
  rates: readonly number[],
): readonly number[] {
  const visits = tools.map(() => 0);
  for (const [index, { steps }] of classes.entries())
    for (const { tool: at, times } of steps) visits[at]! += rates[index]! * times;
  return visits;
}

/** How much of each resource of all machines so many calls a second take; 1 is all there is. */
export function resourceLoads(
  tools: readonly ScenarioTool[],
  visits: readonly number[],
  machines: number,
): readonly number[] {
  return RESOURCES.map(
    (_, resource) =>
      tools.reduce((sum, one, at) => sum + visits[at]! * one.seconds * one.use[resource]!, 0) /
      machines,
  );
}

/** How much of the scarcest thing the classes take at these rates; 1 is all there is. */
function loadOf(
  tools: readonly ScenarioTool[],
  classes: readonly ScenarioClass[],
  rates: readonly number[],
  knee?: number,
): number {
  const visits = visitsOf(tools, classes, rates);
  const machine = resourceLoads(tools, visits, MACHINES);
  const service = tools.map((one, at) =>
    one.knee === undefined ? 0 : (visits[at]! * one.seconds) / (knee ?? one.knee),
  );
  return Math.max(...machine, ...service);
}

/** Rates in a mix whose load is so much. */
function mixed(
  { tools, classes }: Pick<Scenario, "tools" | "classes">,
  mix: readonly number[],
  load: number,
  knee?: number,
): readonly number[] {
  const whole = loadOf(tools, classes, mix, knee);
  return mix.map((part) => (part * load) / whole);
}

/** Rates at which each class alone makes its load. */
function each(
  { tools, classes }: Pick<Scenario, "tools" | "classes">,
  loads: readonly number[],
): readonly number[] {
  return loads.map(
    (load, index) =>
      load /
      loadOf(
        tools,
        classes,
        classes.map((_, other) => (other === index ? 1 : 0)),
      ),
  );
}

function shifting(): Scenario {
  const parts = {
    tools: [
      tool("ingest", v(0.05, 0.05, 0.2), 0.4),
      tool("parse", v(0.25, 0.1), 0.6),
      tool("infer", v(0.5, 0.3, 0.1), 1.5),
      tool("render", v(0.15, 0.1, 0, 0.25), 0.8),
      tool("upload", v(0.05, 0.05, 0.25), 0.9),
      tool("audit", v(0.05, 0.1, 0, 0.2), 0.5),
    ],
    classes: [
      { id: "a", steps: [step(0), step(1, [0]), step(2, [1]), step(5, [2])] },
      { id: "b", steps: [step(0), step(4, [0], 3), step(5, [1])] },
      { id: "c", steps: [step(1), step(3, [0], 3), step(5, [1])] },
    ],
  };
  const phases = [
    { fromS: 0, rates: mixed(parts, [8, 1, 1], 0.85) },
    { fromS: 200, rates: mixed(parts, [1, 8, 1], 0.85) },
    { fromS: 400, rates: mixed(parts, [1, 1, 8], 0.85) },
  ];
  return { name: "S1", what: "the bottleneck moves", seconds: 600, ...parts, phases };
}

function flood(): Scenario {
  const parts = {
    tools: [
      tool("lookup", v(0.1, 0.05, 0.05), 0.15),
      tool("transform", v(0.2, 0.1), 1),
      tool("enrich", v(0.15, 0.1, 0.2), 0.8),
      tool("report", v(0.2, 0.3, 0, 0.2), 1.2),
      tool("notify", v(0.05, 0.02, 0.1), 0.2),
    ],
    classes: [
      { id: "interactive", steps: [step(0), step(2, [0]), step(4, [1])] },
      { id: "batch", steps: [step(0), step(1, [0], 4), step(3, [1]), step(4, [2])] },
    ],
  };
  const calm = mixed(parts, [3, 1], 0.5);
  const interactive = loadOf(parts.tools, parts.classes, [calm[0]!, 0]);
  const flooded = [calm[0]!, each(parts, [0, 1.6 - interactive])[1]!];
  const phases = [
    { fromS: 0, rates: calm },
    { fromS: 100, rates: flooded },
    { fromS: 220, rates: calm },
  ];
  return { name: "S2", what: "a batch flood", seconds: 600, ...parts, phases };
}

function hiddenKnee(): Scenario {
  const parts = {
    tools: [
      tool("prepare", v(0.15, 0.1), 0.4),
      tool("ask", v(0.03, 0.03, 0.05), 2, { knee: 16 }),
      tool("post", v(0.2, 0.1, 0, 0.1), 0.5),
    ],
    classes: [{ id: "w", steps: [step(0), step(1, [0]), step(2, [1])] }],
  };
  const phases = [
    { fromS: 0, rates: mixed(parts, [1], 0.85) },
    { fromS: 200, rates: mixed(parts, [1], 1.1, 8), knee: 8 },
    { fromS: 350, rates: mixed(parts, [1], 0.7) },
  ];
  return { name: "S4", what: "a service with a hidden knee", seconds: 600, ...parts, phases };
}

function skewed(): Scenario {
  const parts = {
    tools: [
      tool("fetch", v(0.02, 0.02, 0.1), 0.05),
      tool("split", v(0.1, 0.1), 0.1),
      tool("transform", v(0.3, 0.1), 1.2, { spread: 1 }),
      tool("join", v(0.2, 0.4), 0.2),
      tool("publish", v(0.05, 0.05, 0.2), 0.1),
    ],
    classes: [
      { id: "p", steps: [step(0), step(1, [0]), step(2, [1], 8), step(3, [2]), step(4, [3])] },
    ],
  };
  const phases = [
    { fromS: 0, rates: mixed(parts, [1], 0.6) },
    { fromS: 150, rates: mixed(parts, [1], 0.8) },
    { fromS: 450, rates: mixed(parts, [1], 0.4) },
  ];
  return { name: "S6", what: "a skewed pipeline", seconds: 600, ...parts, phases };
}

function elephants(): Scenario {
  const parts = {
    tools: [
      tool("mouse", v(0.08, 0.02), 0.4),
      tool("middle", v(0.2, 0.1), 0.8),
      tool("elephant", v(0.7, 0.4), 2),
    ],
    classes: [
      { id: "small", steps: [step(0, [], 4), step(1, [0])] },
      { id: "big", steps: [step(2)] },
    ],
  };
  const phases = [{ fromS: 0, rates: each(parts, [0.7, 0.15]) }];
  return { name: "S7", what: "elephants and mice", seconds: 400, ...parts, phases };
}

function overload(): Scenario {
  const parts = {
    tools: [
      tool("ui-a", v(0.1, 0.05), 0.3),
      tool("ui-b", v(0.1, 0.05), 0.2),
      tool("batch", v(0.1, 0.05), 1),
      tool("merge", v(0.1, 0.1), 0.5),
    ],
    classes: [
      { id: "interactive", steps: [step(0), step(1, [0])] },
      { id: "batch", steps: [step(2, [], 6), step(3, [0])] },
    ],
  };
  const phases = [{ fromS: 0, rates: each(parts, [0.15, 1.35]) }];
  return { name: "S8", what: "more than there is, all the time", seconds: 400, ...parts, phases };
}

export const SCENARIOS: readonly Scenario[] = [
  shifting(),
  flood(),
  hiddenKnee(),
  skewed(),
  elephants(),
  overload(),
];
