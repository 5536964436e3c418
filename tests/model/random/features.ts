/**
 * What random workflows may contain. Everything of the contract has its switch; one that is off names what
 * is missing.
 */
export const FEATURES = {
  /** `join: any`. */
  any: false,
  /** `onError` of a step. */
  stepPolicy: false,
  /** `groups` of the workflow and `group` of a step. */
  groups: false,
  /** `onError: recovery`, and `compensate`. */
  recovery: false,
  /** `onError: adaptive`, with services that ask to be left alone. */
  adaptive: false,
  /** Expressions in `preconditions`. */
  checks: false,
};

export type Features = Readonly<Record<keyof typeof FEATURES, boolean>>;

/** Everything on: what the model itself is tested with. */
export const EVERYTHING: Features = {
  any: true,
  stepPolicy: true,
  groups: true,
  recovery: true,
  adaptive: true,
  checks: true,
};

/**
 * Where the engine and the contract are known to differ. Each is looked over by the comparison until it is
 * decided which of the two is wrong; then its line is deleted.
 */
export const KNOWN = {
  /** A step whose `with` cannot be evaluated counts an attempt, although its tool was not called. */
  attemptWithoutCall: true,
  /** A forEach that is stopped when an item had failed is cancelled, not failed. */
  failedItemOfStopped: true,
  /** A forEach that fails by itself, as when it yields no list, has no policy. */
  forEachHasNoPolicy: true,
};

export type Known = Readonly<Record<keyof typeof KNOWN, boolean>>;

/** Nothing is looked over. */
export const STRICT: Known = {
  attemptWithoutCall: false,
  failedItemOfStopped: false,
  forEachHasNoPolicy: false,
};
