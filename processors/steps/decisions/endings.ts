import { given } from "../../../config/index.ts";
import {
  type Abort,
  type RunDefinition,
  type RunState,
  type StepError,
  type StepRecord,
} from "../../../queues/index.ts";
import { abortedState, counts } from "../../../queues/worker.ts";

/** What the state of a run is decided by, when every step of it has ended. */
export interface Facts {
  /** Why the run as a whole was stopped, when it was. */
  readonly stopped?: Abort["kind"];
  /** Steps whose failure counts; a step and its group are not optional. */
  readonly failed: number;
  readonly completed: number;
  /** Steps without an ending: their jobs were removed from outside. */
  readonly lost: number;
  readonly outputFails: boolean;
  readonly unmetCriteria: number;
}

/** The states of a run, in the order in which they are looked for: the first line that fits decides. */
export const ENDINGS: readonly {
  readonly what: string;
  readonly state: RunState;
  readonly fits: (facts: Facts) => boolean;
}[] = [
  {
    what: "it was cancelled",
    state: abortedState({ kind: "cancel", reason: "" }),
    fits: ({ stopped }) => stopped === "cancel",
  },
  {
    what: "its time was over",
    state: abortedState({ kind: "timeout", reason: "" }),
    fits: ({ stopped }) => stopped === "timeout",
  },
  {
    what: "its whole scope was stopped by a policy",
    state: abortedState({ kind: "policy", reason: "" }),
    fits: ({ stopped }) => stopped === "policy",
  },
  {
    what: "a counted step has no ending, because somebody removed its job",
    state: "failed",
    fits: ({ lost }) => lost > 0,
  },
  {
    what: "a counted step failed, and a counted step completed",
    state: "partial",
    fits: ({ failed, completed }) => failed > 0 && completed > 0,
  },
  {
    what: "a counted step failed, and none completed",
    state: "failed",
    fits: ({ failed }) => failed > 0,
  },
  {
    what: "`output` cannot be evaluated",
    state: "failed",
    fits: ({ outputFails }) => outputFails,
  },
  {
    what: "a criterion of `success` does not hold",
    state: "completed_with_unmet_criteria",
    fits: ({ unmetCriteria }) => unmetCriteria > 0,
  },
  { what: "anything else, also when all steps were skipped", state: "completed", fits: () => true },
];

/** The state of a run. */
export function stateOf(facts: Facts): RunState {
  return ENDINGS.find(({ fits }) => fits(facts))!.state;
}

/** The facts that the steps of a run give, and the error it is known by. */
export function factsOf(
  definition: RunDefinition,
  records: ReadonlyMap<string, StepRecord>,
  abort: Abort | null,
): { readonly facts: Facts; readonly error?: StepError } {
  const counted = [...records].filter(([id]) => counts(definition, id));
  const failed = counted.filter(([, record]) => record.state === "failed");
  const lost = counted.filter(([, record]) => record.finishedAtMs === null);
  const facts: Facts = {
    ...(abort === null ? {} : { stopped: abort.kind }),
    failed: failed.length,
    completed: counted.filter(([, record]) => record.state === "completed").length,
    lost: lost.length,
    outputFails: false,
    unmetCriteria: 0,
  };
  const error =
    abort === null && lost[0] !== undefined ? lostError(lost[0][0]) : errorOf(failed[0]);
  return { facts, ...given({ error }) };
}

const lostError = (stepId: string): StepError => ({
  code: "internal_error",
  message: `${stepId}: its job was removed before it ended`,
});

function errorOf(failed: readonly [string, StepRecord] | undefined): StepError | undefined {
  if (failed === undefined) return undefined;
  const [stepId, { error }] = failed;
  return {
    code: error?.code ?? "step_execution_failed",
    message: `${stepId}: ${error?.message ?? "failed"}`,
  };
}
