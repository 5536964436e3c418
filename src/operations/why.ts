import * as z from "zod";

import { wrongUse } from "./command/values.ts";
import { word } from "./command/words.ts";
import { runId, stepId, toolId } from "./fields.ts";
import { callOf, command, operation } from "./operation.ts";
import { whyText } from "./text/why-text.ts";

const ofRun = operation({
  name: "runs.why",
  summary: "Say why a run waits: the reasons, who holds what is missing, until when.",
  scope: "read",
  errors: ["run_not_found"],
  input: z.strictObject({ id: runId }),
  run: ({ tutti }, { id }) => tutti.why({ runId: id }),
  http: { method: "get", path: "/v1/runs/:id/why" },
  printed: { text: whyText },
});

const ofStep = operation({
  name: "steps.why",
  summary: "Say why a step waits, or an item of a forEach.",
  scope: "read",
  errors: ["run_not_found", "unknown_step"],
  input: z.strictObject({ id: runId, step: stepId }),
  run: ({ tutti }, { id, step }) => tutti.why({ runId: id, step }),
  http: { method: "get", path: "/v1/runs/:id/steps/:step/why" },
  printed: { text: whyText },
});

const ofTool = operation({
  name: "tools.why",
  summary: "Say why the next call of a tool waits.",
  scope: "read",
  errors: ["tool_not_found"],
  input: z.strictObject({ id: toolId }),
  run: ({ tutti }, { id }) => tutti.why({ tool: id }),
  http: { method: "get", path: "/v1/tools/:id/why" },
  printed: { text: whyText },
});

/** Why something waits. */
export const whyOperations = [ofRun, ofStep, ofTool];

export const whyCommand = command({
  words: "why",
  summary: "Say what a run, a step or a tool waits for, who holds it, and until when.",
  given: {
    id: word("[run-id]"),
    step: word("[step]", "its id; <id>[i] for an item of a forEach"),
    tool: word("--tool <id>", "why the next call of this tool waits, instead of a run"),
  },
  operations: whyOperations,
  call({ id, step, tool }) {
    if (id !== undefined && tool === undefined)
      return step === undefined ? callOf(ofRun, { id }) : callOf(ofStep, { id, step });
    if (id === undefined && tool !== undefined) return callOf(ofTool, { id: tool });
    throw wrongUse(
      `expected either a run or --tool, got: ${id === undefined ? "neither" : "both"}`,
    );
  },
});
