import type { Adjustment, Judgement } from "../optimizer/tuning/adjustment.ts";

/** Something that happened to an adjustment. */
export type AuditEvent =
  | { readonly event: "made"; readonly by: string; readonly adjustment: Adjustment }
  | ({
      readonly event: "judged";
      readonly by: string;
      readonly adjustment: Adjustment;
    } & Judgement)
  /** The model said that it would be in vain. */
  | { readonly event: "declined"; readonly by: string; readonly adjustment: Adjustment }
  | { readonly event: "rolled_back"; readonly by: string; readonly adjustment: Adjustment };

/** An entry of the audit, with when it was written, by Redis' clock. Milliseconds. */
export type AuditEntry = AuditEvent & { readonly atMs: number };
