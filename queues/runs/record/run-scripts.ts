import { ADDING_FUNCTION, script } from "../../connection/index.ts";
import {
  BEGIN_UNDO,
  CANCEL_RUN,
  CANCEL_SETTLED,
  CANCEL_STEPS,
  DUE,
  FINISH_RUN,
  FORGET_RUN,
  REOPEN_RUN,
  SET_PRIORITY,
} from "../scripts/generated.ts";
import type { RunState } from "./run-record.ts";

/** Scripts that change the record of a run atomically. */
export const RUN_SCRIPTS = {
  due: script<[open: string, adding: string, limit: number], [overdue: string[], left: string[]]>(
    "tuttiDue",
    DUE,
    { keys: 2 },
  ),
  finish: script<[record: string, ending: string], string | null>(
    "tuttiFinishRun",
    `${ADDING_FUNCTION}\n${FINISH_RUN}`,
    {
      keys: 1,
      once: true,
    },
  ),
  cancel: script<[record: string, abort: string], [before: RunState, now: RunState] | null>(
    "tuttiCancelRun",
    CANCEL_RUN,
    { keys: 1, once: true },
  ),
  cancelSettled: script<[record: string], number>("tuttiCancelSettled", CANCEL_SETTLED, {
    keys: 1,
    once: true,
  }),
  cancelSteps: script<
    [record: string, reason: string, epoch: number, ...fieldNameForce: string[]],
    number[]
  >("tuttiCancelSteps", CANCEL_STEPS, { keys: 1 }),
  reopen: script<[record: string, asked: string], string | null>("tuttiReopenRun", REOPEN_RUN, {
    keys: 1,
    once: true,
  }),
  beginUndo: script<
    [record: string, epoch: number, ending: string, slots: string],
    RunState | null
  >("tuttiBeginUndo", BEGIN_UNDO, { keys: 1 }),
  setPriority: script<[record: string, priority: number], RunState | null>(
    "tuttiSetPriority",
    SET_PRIORITY,
    { keys: 1 },
  ),
  forget: script<
    [
      record: string,
      definition: string,
      tenant: string,
      isLast: "0" | "1",
      forEachSteps: number,
      ...stepsAndSlots: string[],
    ],
    number
  >("tuttiForgetRun", FORGET_RUN, { keys: 2 }),
};
