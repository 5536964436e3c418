/** What keeps a call from starting on a machine, as the deciding script says it. */
export type Reason =
  /** The deployment works at a level at which tools of this importance rest. */
  | { readonly kind: "degraded"; readonly level: number }
  | { readonly kind: "breaker"; readonly state: "open"; readonly untilMs: number }
  | { readonly kind: "breaker"; readonly state: "half_open"; readonly probes: number }
  /** The service behind the tool asked to be left alone. */
  | { readonly kind: "cool_down"; readonly upstream: string; readonly untilMs: number }
  /** After that it is called more and more often, but not at full rate yet. */
  | {
      readonly kind: "ramp";
      readonly upstream: string;
      readonly allowed: number;
      readonly goal: number;
    }
  /** As many calls are underway as the service behind the tool was seen to carry. */
  | { readonly kind: "knee"; readonly limit: number }
  /** It needs more than there is in all. */
  | {
      readonly kind: "exceeds";
      readonly budget: string;
      readonly need: number;
      readonly capacity: number;
      readonly durationMs?: number;
    }
  | {
      readonly kind: "slots";
      readonly budget: string;
      readonly need: number;
      readonly free: number;
      readonly capacity: number;
    }
  | {
      readonly kind: "rate";
      readonly budget: string;
      readonly capacity: number;
      readonly durationMs: number;
      readonly untilMs: number;
    }
  /** Another tool has a better claim to a budget that both use. */
  | { readonly kind: "behind"; readonly budget: string; readonly tool: string }
  /** Shares of the machine, in millionths. */
  | {
      readonly kind: "resource";
      readonly resource: string;
      readonly machine: string;
      readonly need?: number;
      readonly free?: number;
    }
  /** The machine is kept for a big job that has waited long. */
  | {
      readonly kind: "drain";
      readonly resource: string;
      readonly machine: string;
      readonly tool: string;
    };
