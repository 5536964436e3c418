/**
 * What random workflows may contain. Everything of the contract has its switch; one that is off names what
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
  attemptWithoutCall: false,
  /** A forEach that is stopped when an item had failed is cancelled, not failed. */
  failedItemOfStopped: false,
  /** A compensation whose first call fails is not called again, although its `retry` says so. */
  compensationNotRetried: false,
  /** What the `adaptive` of a group has counted and hands on does not count in that of the workflow. */
  escalatedNotCounted: false,
};

export type Known = Readonly<Record<keyof typeof KNOWN, boolean>>;

/** Nothing is looked over. */
export const STRICT: Known = {
  attemptWithoutCall: false,
  failedItemOfStopped: false,
  compensationNotRetried: false,
  escalatedNotCounted: false,
};
