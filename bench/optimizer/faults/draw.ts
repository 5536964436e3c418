import {
  ancestorsOf,
  onlyFeeder,
  randomWorkload,
  resourceName,
  scarcest,
  visitsAt,
  type Workload,
} from "../world/workload.ts";

/** What can be done to a deployment; each is also what should be found. */
export const FAULTS = [
  "under_provisioned",
  "rate_limited",
  "downstream_saturated",
  "resource_bound",
  "dependency_bound",
  "failing",
  "stuck_worker",
] as const;
export type FaultKind = (typeof FAULTS)[number];

/** `double`: two of them at once, on tools that do not feed each other. */
export const CLASSES = [...FAULTS, "healthy", "double"] as const;
export type EpisodeClass = (typeof CLASSES)[number];

/** What is done at the moment of the fault. */
export type Fault =
  | { readonly kind: "under_provisioned"; readonly tool: number; readonly concurrency: number }
  | { readonly kind: "rate_limited"; readonly tool: number; readonly max: number }
  | { readonly kind: "downstream_saturated"; readonly tool: number; readonly knee: number }
  | { readonly kind: "resource_bound"; readonly resource: number; readonly background: number }
  | { readonly kind: "failing"; readonly tool: number; readonly share: number }
  | { readonly kind: "stuck_worker"; readonly tool: number; readonly machine: number };

/** What the optimizer should say. */
export interface Expected {
  readonly kind: FaultKind;
  /** Null: any tool. */
  readonly tool: number | null;
  /** Name of what is to blame; undefined: the tool itself. */
  readonly culprit?: string;
  /** The machine that is to blame, where it is one. */
  readonly machine?: string;
}

export interface Script {
  readonly workload: Workload;
  /** Concurrency that the catalogue gives tools; others are unlimited. */
  readonly concurrency: ReadonlyMap<number, number>;
  readonly faults: readonly Fault[];
  readonly expected: readonly Expected[];
  /** How much more or less comes from the moment of the fault on. */
  readonly shift: number;
}

export const RATE_WINDOW_MS = 5_000;
/** Share of what would come to a tool at which it starves. */
const STARVING = 0.6;
/** Calls a second that a tool has to have for a fault to show. */
const LEAST_VISITS = 0.5;

/** Draws an episode; null when this workload has no place for the fault. */
export function draw(what: EpisodeClass, random: () => number, machines: number): Script | null {
  const between = (low: number, high: number): number => low + (high - low) * random();
  const load = what === "resource_bound" ? between(0.62, 0.7) : between(0.35, 0.6);
  const workload = randomWorkload(random, machines, load);
  const visits = visitsAt(workload);
  const script = { workload, concurrency: new Map<number, number>(), shift: 1 };
  if (what === "healthy")
    return {
      ...script,
      shift: random() < 0.5 ? between(0.7, 1.2) : 1,
      faults: [],
      expected: [],
    };
  if (what === "resource_bound") {
    const [resource, used] = scarcest(workload, machines);
    // What one of the machines has left is too little, together with the others.
    const background = machines * (1 - used / between(1.05, 1.25));
    if (background > 0.97) return null;
    const expected = { kind: what, tool: null, culprit: resourceName(resource), machine: "m0" };
    return { ...script, faults: [{ kind: what, resource, background }], expected: [expected] };
  }
  const candidates = visits.flatMap((perS, tool) => (perS > LEAST_VISITS ? [tool] : []));
  if (what === "double") return drawTwo(script, candidates, random, machines);
  if (what === "dependency_bound") {
    const fed = candidates.flatMap((tool) => {
      const feeder = onlyFeeder(workload, tool);
      return feeder === null ? [] : [[tool, feeder] as const];
    });
    const [tool, feeder] = pick(fed, random) ?? [];
    if (tool === undefined || feeder === undefined) return null;
    const fault = faultOf("under_provisioned", script, feeder, random, machines);
    if (fault?.kind !== "under_provisioned") return null;
    // What still gets through has to be so little that the tool behind it starves.
    const need = visits[feeder]! * workload.tools[feeder]!.seconds;
    if (fault.concurrency > STARVING * need) return null;
    const expected = { kind: what, tool, culprit: workload.tools[feeder]!.id } as const;
    return { ...script, faults: [fault], expected: [expected] };
  }
  const tool = pick(candidates, random);
  const fault = tool === undefined ? null : faultOf(what, script, tool, random, machines);
  return fault === null ? null : { ...script, faults: [fault], expected: [expectedOf(fault)] };
}

function drawTwo(
  script: Omit<Script, "faults" | "expected">,
  candidates: readonly number[],
  random: () => number,
  machines: number,
): Script | null {
  const kinds = ["under_provisioned", "rate_limited", "downstream_saturated", "failing"] as const;
  const before = ancestorsOf(script.workload);
  const first = pick(candidates, random);
  const apart = candidates.filter(
    (tool) =>
      first !== undefined &&
      tool !== first &&
      !before[tool]!.has(first) &&
      !before[first]!.has(tool),
  );
  const second = pick(apart, random);
  if (first === undefined || second === undefined) return null;
  const faults = [first, second].map((tool) =>
    faultOf(pick(kinds, random)!, script, tool, random, machines),
  );
  const [one, other] = faults;
  if (one == null || other == null || one.kind === other.kind) return null;
  return { ...script, faults: [one, other], expected: [expectedOf(one), expectedOf(other)] };
}

function faultOf(
  kind: Exclude<FaultKind, "resource_bound" | "dependency_bound">,
  { workload, concurrency }: Pick<Script, "workload" | "concurrency">,
  tool: number,
  random: () => number,
  machines: number,
): Fault | null {
  const between = (low: number, high: number): number => low + (high - low) * random();
  const { seconds, isService } = workload.tools[tool]!;
  const perS = visitsAt(workload)[tool]!;
  /** Calls that are underway at once when nothing keeps them. */
  const need = perS * seconds;
  switch (kind) {
    case "under_provisioned":
      if (need < 1.25) return null;
      return { kind, tool, concurrency: Math.max(1, Math.floor(need * between(0.5, 0.8))) };
    case "rate_limited": {
      const max = Math.floor(perS * (RATE_WINDOW_MS / 1_000) * between(0.5, 0.8));
      return max < 1 ? null : { kind, tool, max };
    }
    case "downstream_saturated":
      if (!isService || need < 1.2) return null;
      return { kind, tool, knee: need * between(0.45, 0.7) };
    case "failing":
      return isService ? null : { kind, tool, share: 0.4 };
    case "stuck_worker": {
      if (isService) return null;
      (concurrency as Map<number, number>).set(tool, Math.max(4, 4 * Math.ceil(need / 2)));
      return { kind, tool, machine: Math.floor(random() * machines) };
    }
  }
}

function expectedOf(fault: Fault): Expected {
  if (fault.kind === "resource_bound") return { kind: fault.kind, tool: null };
  return {
    kind: fault.kind,
    tool: fault.tool,
    ...(fault.kind === "stuck_worker" ? { culprit: `m${fault.machine}` } : {}),
  };
}

function pick<T>(list: readonly T[], random: () => number): T | undefined {
  return list[Math.floor(random() * list.length)];
}
