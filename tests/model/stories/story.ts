/** Histories written by hand, in few words. */
import type { Call, Ending, History, Outcome, RunState, Script, Seen, Workflow } from "../words.ts";

/** Milliseconds between two times of a story. */
const TICK = 10;
/** How long before the end of its step a call begins. */
const BEFORE = 5;

/**
 * One line is `KEY OUTCOME TIME [CODE] [<STEP] [xCALLS] [oATTEMPTS] [@BEGAN]`: `a failed 3 tool_failed x2`
 * ended at 3 after 2 calls, `b skipped 4 <a` because of `a`. Calls: 1 for what completed or failed unless told,
 * else 0; they begin shortly before the end, and those that were aborted with the run.
 * `~a 9` is a call that undoes `a`, ended at 9. `a called 1 5 returned` is one call more, from 1 to 5.
 */
export function story(
  workflow: Omit<Workflow, "tutti" | "id">,
  script: Script,
  lines: readonly string[],
  run: { state: RunState; code?: string; cancel?: readonly [number, number]; end?: number },
): Seen {
  const endings: Record<string, Ending> = {};
  const calls: Call[] = [];
  for (const line of lines) {
    const [key = "", outcome = "", ...words] = line.split(" ");
    if (key.startsWith("~")) calls.push(callOf(key, Number(outcome), "returned"));
    else if (outcome === "called") {
      const [from, to, how] = words;
      const began = Number(from) * TICK;
      const ended = to === "-" ? Infinity : Number(to) * TICK;
      calls.push({
        key,
        began,
        beganMs: began,
        ended,
        how: how as Call["how"],
        aborted: how === "aborted",
      });
    } else {
      const { ending, count, began } = read(outcome as Outcome, words);
      endings[key] = ending;
      const how = HOW[ending.outcome];
      for (let call = count - 1; call >= 0; call--) {
        const at = ending.finishedAt / TICK - call / 100;
        calls.push(callOf(key, at, call > 0 ? "threw" : how, call > 0 ? undefined : began));
      }
    }
  }
  const times = Object.values(endings).map(({ finishedAt }) => finishedAt);
  const history: History = {
    state: run.state,
    code: run.code,
    startedAt: 0,
    finishedAt: (run.end ?? 100) * TICK,
    endings,
    calls: calls.toSorted((a, b) => a.began - b.began),
    cancel:
      run.cancel === undefined
        ? undefined
        : { asked: run.cancel[0] * TICK, answered: run.cancel[1] * TICK },
  };
  if (Math.max(...times) > history.finishedAt) throw new Error("the story is longer than its run");
  return { workflow: { tutti: 1, id: "story", ...workflow }, script, history };
}

/** How the last call of a step ended. */
const HOW = {
  completed: "returned",
  failed: "threw",
  cancelled: "aborted",
  skipped: "returned",
} as const;

function read(
  outcome: Outcome,
  words: readonly string[],
): { ending: Ending; count: number; began: number | undefined } {
  const find = (mark: string) => words.find((word) => word.startsWith(mark))?.slice(1);
  const count = Number(find("x") ?? (outcome === "completed" || outcome === "failed" ? 1 : 0));
  const finishedAt = Number(words[0]) * TICK;
  const told = find("@") ?? (outcome === "cancelled" && count > 0 ? "0" : undefined);
  const began = told === undefined ? undefined : Number(told);
  const code = words.slice(1).find((word) => /^[a-z]+_[a-z_]+$/.test(word));
  const ending = {
    outcome,
    attempts: Number(find("o") ?? count),
    startedAt: count > 0 ? (began === undefined ? finishedAt - BEFORE - 1 : began * TICK) : null,
    finishedAt,
    code,
    reason: find("<"),
  };
  return { ending, count, began };
}

/** A call that ended at a time. Calls of one step are 1/100 of a tick apart and shorter than that. */
function callOf(key: string, at: number, how: Call["how"], from?: number): Call {
  const ended = at * TICK;
  const began = from === undefined ? ended - 0.05 : from * TICK + 0.5;
  const beganMs = from === undefined ? ended - BEFORE : from * TICK;
  return { key, began, beganMs, ended, how, aborted: how === "aborted" };
}
