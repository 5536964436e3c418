import type { Rules } from "../rules.ts";

/**
 * What random workflows may contain. Not among it, because the interpreter does not know them: `cache`,
 * `fallback`, and levels of the deployment below normal; tests/flows/ has tests of each.
 * Everything of the contract has its switch; one that is off names what
 * is missing.
 */
export const FEATURES = {
  /** `join: any`. */
  any: true,
  /** `onError` of a step. */
  stepPolicy: true,
  /** `groups` of the workflow and `group` of a step. */
  groups: true,
  /** `onError: recovery`, and `compensate`. */
  recovery: true,
  /** `onError: adaptive`, with services that ask to be left alone. */
  adaptive: true,
  /** Checks in `preconditions` and `postconditions`. */
  checks: true,
};

export type Features = Readonly<Record<keyof typeof FEATURES, boolean>>;

/** Rules of the contract that the engine does not keep; runs are compared with the contract without them. */
export const NOT_KEPT: Partial<Rules> = {};

/** Everything on: what the model itself is tested with. */
export const EVERYTHING: Features = {
  any: true,
  stepPolicy: true,
  groups: true,
  recovery: true,
  adaptive: true,
  checks: true,
};
