/**
 * The rules of the contract that can be turned off, one by one. Only the tests of the model do: they show
 * that each rule decides something.
 */
export const CONTRACT = {
  optionalFulfillsJoin: true,
  settledAlwaysRuns: true,
  anyStartsWithFirst: true,
  anyNeedsOne: true,
  stopComesBeforeJoin: true,
  joinComesBeforeWhen: true,
  whenSkips: true,
  unevaluableFails: true,
  preconditionFails: true,
  endedBeforeStopStays: true,
  lateCompletionStays: true,
  emptyForEachCompletes: true,
  itemFailureFailsStep: true,
  failedBeforeCancelled: true,
  ownPolicyFirst: true,
  groupPolicyBeforeWorkflow: true,
  groupKeepsFailuresInside: true,
  escalateAsksWorkflow: true,
  /** Off: what the `adaptive` of a group has counted does not count in that of the workflow. */
  adaptiveCountsEscalated: true,
  optionalHasNoPolicy: true,
  /** Off: other steps may still begin until the first is cancelled. */
  failureStopsAtOnce: true,
  /** Off: a forEach that fails by itself, not by an item, stops nothing. */
  forEachItselfStops: true,
  failFastStops: true,
  recoveryStops: true,
  adaptiveCountsToThree: true,
  adaptiveStopsOnUnknown: true,
  rateLimitCostsNothing: true,
  recoveryCompensates: true,
  cancelCompensates: true,
  compensationRetries: true,
  /** Off: a cancel or a deadline that comes while a policy stops a scope makes it forget what to undo. */
  laterStopKeepsCompensation: true,
  optionalDoesNotCount: true,
  groupOptionalDoesNotCount: true,
  stoppedScopeFails: true,
  partialNeedsCompleted: true,
  outputMustEvaluate: true,
  criteriaMustHold: true,
} as const satisfies Record<string, boolean>;

export type Rule = keyof typeof CONTRACT;
export type Rules = Readonly<Record<Rule, boolean>>;
