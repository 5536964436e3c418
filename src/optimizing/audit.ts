import type { Adjustment, Judgement } from "../optimizer/tuning/adjustment.ts";
import type { Declined } from "../optimizer/tuning/tune.ts";

/** Something that happened to an adjustment. */
export type AuditEvent =
  | { readonly event: "made"; readonly by: string; readonly adjustment: Adjustment }
  | ({
      readonly event: "judged";
      readonly by: string;
      readonly adjustment: Adjustment;
    } & Judgement)
  /** It was not made: the model said that it would be in vain, or what was asked for cannot be done any more. */
  | ({ readonly event: "declined"; readonly by: string } & Declined)
  | { readonly event: "rolled_back"; readonly by: string; readonly adjustment: Adjustment };

/** An entry of the audit, with when it was written, by Redis' clock. Milliseconds. */
export type AuditEntry = AuditEvent & { readonly atMs: number };
