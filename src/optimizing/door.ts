import { z } from "zod";

import { issuesOf, ValidationError } from "../../config/index.ts";
import type { OptimizerReport } from "../optimizer/think.ts";
import type { Adjustment } from "../optimizer/tuning/adjustment.ts";
import type { AuditEntry } from "./audit.ts";
import type { Optimizer } from "./optimizer.ts";

interface OptimizerDoorParts {
  readonly optimizer: Optimizer;
  /** Waits for Redis no longer than the client does. */
  readonly soon: <T>(work: Promise<T>) => Promise<T>;
}

const historyForm = z.strictObject({
  /** Entries at most, the newest first. Default: 100. */
  limit: z.int().positive().max(1_000).default(100),
});

const rollbackForm = z.strictObject({
  /** The adjustment's id, as the history tells it. */
  id: z.int().positive(),
  /** Who says so. Default: an operator. */
  by: z.string().min(1).max(200).default("an operator"),
});

/** What the scheduled optimizer sees and does: `tutti.optimizer`. */
export class OptimizerDoor {
  readonly #parts: OptimizerDoorParts;

  constructor(parts: OptimizerDoorParts) {
    this.#parts = parts;
  }

  /**
   * Metrics, health, bottlenecks and alerts, as the last pass saw them. Null before the first: no worker has
   * run for long enough.
   */
  async report(): Promise<OptimizerReport | null> {
    const { optimizer, soon } = this.#parts;
    return soon(optimizer.report());
  }

  /**
   * What was changed, by whom and why, and what it did, the newest first.
   *
   * @throws ValidationError `request_invalid` with every problem.
   */
  async history(form: z.input<typeof historyForm> = {}): Promise<AuditEntry[]> {
    const { optimizer, soon } = this.#parts;
    return soon(optimizer.history(checked(historyForm, form).limit));
  }

  /**
   * Takes an adjustment back; the optimizer then leaves its tool alone for half an hour.
   *
   * @throws TuttiError `adjustment_not_found`. ValidationError `request_invalid` with every problem.
   */
  async rollback(form: z.input<typeof rollbackForm>): Promise<Adjustment> {
    const { optimizer, soon } = this.#parts;
    const { id, by } = checked(rollbackForm, form);
    return soon(optimizer.rollBack(id, by));
  }
}

function checked<T extends z.ZodType>(schema: T, form: z.input<T>): z.output<T> {
  const parsed = schema.safeParse(form);
  if (!parsed.success) throw new ValidationError(issuesOf(parsed.error, "request_invalid"));
  return parsed.data;
}
