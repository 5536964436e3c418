import { quoted, TuttiError } from "../../../config/index.ts";
import { outlookOf, unknown, type Outlook } from "./outlook.ts";
import { partsOfShown, RunFacts } from "./run-facts.ts";
import { RunQuestion } from "./run-question.ts";
import { Moment } from "./scene.ts";
import { isWaiting, type Why, type WhyParts } from "./why.ts";
import { sentenceOf } from "./words.ts";
/** Whom the question is about. `step`: its id, or `<id>[i]` for an item of a forEach. */
export type WhyQuestion =
  | { readonly runId: string; readonly step?: string }
  | { readonly tool: string };

/** @throws TuttiError `run_not_found`, `unknown_step`, `tool_not_found`. */
export async function answerWhy(parts: WhyParts, question: WhyQuestion): Promise<Why> {
  if ("tool" in question) return ofTool(parts, question.tool);
  const { runId, step } = question;
  const [facts, moment] = await Promise.all([RunFacts.read(parts.runs, runId), momentOf(parts)]);
  const asked = new RunQuestion(parts, facts, moment);
  if (step === undefined) return asked.run();
  const { stepId, item } = partsOfShown(step);
  if (!facts.has(stepId, item))
    throw new TuttiError("unknown_step", `run ${runId} has no step ${quoted(step)}`);
  return asked.step(step);
}

async function ofTool(parts: WhyParts, tool: string): Promise<Why> {
  const [explained, moment] = await Promise.all([parts.gate.explain(tool), momentOf(parts)]);
  if (!explained.known && moment.serving(tool).size === 0) parts.registry.require(tool);
  const outlook: Outlook =
    explained.waiting === 0 && !explained.paused
      ? {
          reasons: [{ kind: "idle" }],
          holders: [],
          eta: unknown("no job of it is in the queue"),
        }
      : outlookOf(tool, explained, moment);
  const waits = isWaiting(outlook.reasons);
  return {
    tool,
    state: explained.waiting === 0 ? "idle" : "waiting",
    waits,
    ...outlook,
    sentence: sentenceOf(tool, { ...outlook, nowMs: explained.now }),
    nowMs: explained.now,
  };
}

async function momentOf({ gate, presence }: WhyParts): Promise<Moment> {
  const [snapshot, workers] = await Promise.all([gate.show(), presence.alive()]);
  return new Moment(snapshot, workers);
}
