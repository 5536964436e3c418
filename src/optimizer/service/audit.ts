import type { OptimizerReport } from "../think.ts";
import type { Adjustment, Declined, Judgement } from "../tuning/adjustment.ts";
import type { CapChange, MeasuredCap } from "../tuning/caps.ts";

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
  | {
      readonly event: "rolled_back";
      readonly by: string;
      readonly adjustment: Adjustment | CapChange;
    }
  /** The learner of the gate has moved the cap of a service, and what that did. */
  | { readonly event: "learned"; readonly by: string; readonly adjustment: CapChange }
  | ({ readonly event: "measured"; readonly by: string } & MeasuredCap);

/** An entry of the audit, with when it was written, by Redis' clock. Milliseconds. */
export type AuditEntry = AuditEvent & { readonly atMs: number };

/** Who changes something when nobody asks for it. */
const ITSELF = "optimizer";
const LEARNER = "learner";

/** What a pass has to write down. */
export function eventsOf({ adjustments, caps }: OptimizerReport): AuditEvent[] {
  const { made, judged, declined = [] } = adjustments;
  const by = made?.asked?.by ?? ITSELF;
  return [
    ...(judged === undefined ? [] : [{ event: "judged" as const, by: ITSELF, ...judged }]),
    ...declined.map((one) => ({ event: "declined" as const, by: ITSELF, ...one })),
    ...(made === undefined ? [] : [{ event: "made" as const, by, adjustment: made }]),
    ...caps.learned.map((adjustment) => ({ event: "learned" as const, by: LEARNER, adjustment })),
    ...caps.measured.map((one) => ({ event: "measured" as const, by: LEARNER, ...one })),
  ];
}

/** Whether an adjustment was made: by the optimizer, or by the learner of the gate. */
export const isMade = ({ event }: AuditEntry): boolean => event === "made" || event === "learned";

/** Whether an adjustment is in force no more. */
export const isTakenBack = (entry: AuditEntry): boolean =>
  entry.event === "rolled_back" || (entry.event === "judged" && entry.verdict === "reverted");
