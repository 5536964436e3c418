/** Histories written by hand, in few words. */
import type { Call, Ending, History, Outcome, RunState, Script, Seen, Workflow } from "./words.ts";

/** Milliseconds between two times of a story. */
const TICK = 10;
/** How long before the end of its step a call begins. */
const BEFORE = 5;

/**
 * One line is `KEY OUTCOME TIME [CODE] [<STEP] [xCALLS] [oATTEMPTS]`: `a failed 3 tool_failed x2` ended at 3
 * after 2 calls, `b skipped 4 <a` because of `a`. Calls: 1 for what completed or failed unless told, else 0.
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
      calls.push({ key, began, beganMs: began, ended, how: how as Call["how"], aborted: how === "aborted" });
    } else {
      const { ending, count } = read(outcome as Outcome, words);
      endings[key] = ending;
      const how = { completed: "returned", failed: "threw", cancelled: "aborted", skipped: "returned" } as const;
      for (let call = count - 1; call >= 0; call--)
        calls.push(callOf(key, ending.finishedAt / TICK - call / 100, call > 0 ? "threw" : how[ending.outcome]));
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

function read(outcome: Outcome, words: readonly string[]): { ending: Ending; count: number } {
  const find = (mark: string) => words.find((word) => word.startsWith(mark))?.slice(1);
  const count = Number(find("x") ?? (outcome === "completed" || outcome === "failed" ? 1 : 0));
  const finishedAt = Number(words[0]) * TICK;
  const code = words.slice(1).find((word) => /^[a-z]+_[a-z_]+$/.test(word));
  const ending = {
    outcome,
    attempts: Number(find("o") ?? count),
    startedAt: count > 0 ? finishedAt - BEFORE - 1 : null,
    finishedAt,
    code,
    reason: find("<"),
  };
  return { ending, count };
}

/** A call that ended at a time. Calls of one step are 1/100 of a tick apart and shorter than that. */
function callOf(key: string, at: number, how: Call["how"]): Call {
  const ended = at * TICK;
  const began = ended - 0.05;
  return { key, began, beganMs: ended - BEFORE, ended, how, aborted: how === "aborted" };
}
