import type { StepLimits } from "../definition.ts";
import type { GateChanges } from "./changes.ts";
import type { CallEnd, CallSum } from "./permit.ts";

interface Process {
  readonly process: string;
  readonly machine: string;
}

interface OfTool {
  readonly tool: string;
}

interface OfPermit {
  readonly permit: string;
}

/**
 * The operations of the gate's script (scripts/gate.lua) as sent: JSON, so an absent field is nil in Lua. Both sides
 * read the fields by these names.
 */
interface Operations {
  acquire: OfTool & Process;
  swap: OfPermit & {
    readonly call: CallEnd;
    readonly next?: OfTool & Process & { readonly arrange?: number };
  };
  ended: {
    readonly queue: string;
    readonly machine: string;
    readonly times: readonly (readonly [ms: number, isOwn: 0 | 1])[];
    readonly before?: CallSum;
  };
  handed: OfPermit & { readonly job: string; readonly ms: number };
  arrange: { readonly queue: string; readonly count: number };
  /** `take`: what the job takes in place of what its tool says. */
  amend: OfPermit & { readonly take?: StepLimits };
  stamp: OfPermit;
  report: OfTool & {
    readonly machine: string;
    readonly call: CallEnd & { readonly underway?: number; readonly count?: number };
  };
  register: Process & {
    readonly leaseMs: number;
    readonly capacity: Readonly<Record<string, number>>;
  };
  renew: Process & { readonly leaseMs: number };
  adopt: OfTool & Process & { readonly take?: StepLimits; readonly underwayMs: number };
  leave: Process;
  leaveLane: Process & { readonly queue: string };
  dropLaneWindows: object;
  declare: {
    readonly process: string;
    readonly hash: string;
    readonly fields: Readonly<Record<string, string>>;
  };
  declarations: object;
  configure: { readonly changes: GateChanges };
  pass: { readonly jobs: readonly { readonly queue: string; readonly job: string }[] };
  passed: { readonly jobs: readonly string[] };
  explain: OfTool & { readonly job: string };
  observe: object;
  busy: { readonly machine: string };
  sample: object;
  level: { readonly count: number };
  rests: OfTool;
  turn: { readonly from: number; readonly to: number; readonly reason: string };
  health: object;
  show: object;
}

export type GateOperation = {
  [Name in keyof Operations]: { readonly op: Name } & Operations[Name];
}[keyof Operations];
