import type { Target } from "../../../config/index.ts";

/** What the optimizer may change of a tool, and what it must not. */
export interface ToolRoom {
  /** Calls at once, over all workers, as they are now. */
  readonly concurrency: number;
  /** As the catalogue declares them. */
  readonly declared: number;
  /** More the optimizer must not let run. */
  readonly max: number;
  /** What the optimizer made of them, where it did. */
  readonly tuned?: number;
  /** Somebody has set them by hand: they are not the optimizer's. */
  readonly isSet: boolean;
}

/** The room of each tool that has a concurrency of its own. */
export type Room = Readonly<Record<string, ToolRoom>>;

/** What a change would have done to the load of the last minutes, by the model of the gate. */
export interface Foretold {
  /** Calls of the tool that end with it over those that do without it. */
  readonly gain: number;
  /** Where 95 of 100 repetitions of as many plays would lie. */
  readonly low: number;
  readonly high: number;
  /** How much shorter its calls wait on average; null: none began. Milliseconds. */
  readonly waitSavedMs: number | null;
  /** How long the recorded load is. Milliseconds. */
  readonly recordedMs: number;
  readonly plays: number;
}

/** A change that the optimizer makes, or has made. */
export interface Adjustment {
  /** Counts up over the deployment's life. */
  readonly id: number;
  readonly tool: string;
  readonly what: "concurrency";
  readonly from: number;
  readonly to: number;
  readonly why: string;
  /** The plan it is of, and who asked for that; none: the optimizer thought of it. */
  readonly asked?: { readonly target: Target; readonly by: string };
  /** It is made before jobs wait, as the load grows: it need not prove a gain. */
  readonly ahead?: true;
  /** What the model said of it; none: nobody asked the model. */
  readonly foretold?: Foretold;
  /** Redis' clock. Milliseconds. */
  readonly atMs: number;
}

/** A change that is not made. */
export interface Declined {
  readonly adjustment: Adjustment;
  readonly reason: string;
}

/** What an adjustment did, as it was measured. */
export interface Effect {
  /** Calls of the tool that ended in a second, before and after. */
  readonly beforePerS: number;
  readonly afterPerS: number;
  /** After over before. */
  readonly gain: number;
  /** The gain that had to be reached. */
  readonly bar: number;
  /** Windows that were measured after it. */
  readonly windows: number;
}

/** What became of an adjustment. */
export interface Judgement {
  readonly verdict: "kept" | "reverted";
  readonly reason: string;
  readonly effect: Effect;
}

/** A change that somebody asked for: of a plan that is followed. */
export interface Wish {
  readonly tool: string;
  /** Calls at once. */
  readonly to: number;
  readonly why: string;
  /** What the plan aims at, and who asked for it. */
  readonly target: Target;
  readonly by: string;
}
