import * as z from "zod";

import { RUN_STATES } from "../../queues/client.ts";
import { inputForm } from "../forms.ts";
import { choice, otherwise, word, whole } from "./command/words.ts";
import { document, hash, key, limitUpTo, name, runId } from "./fields.ts";
import { operation } from "./operation.ts";
import { analysisText } from "./text/analysis-text.ts";
import { runText, stepsText } from "./text/run-text.ts";
import { elapsed, table } from "./text/table.ts";

/** Runs that a page of the list holds unless the caller says otherwise, and at most. */
const LIST_RUNS = 50;
const MAX_LIST_RUNS = 1_000;

/** Errors of a run that is asked for. */
const START_ERRORS = [
  "workflow_not_found",
  "tool_not_found",
  "document_invalid",
  "document_syntax",
  "document_too_large",
  "duplicate_step",
  "unknown_step",
  "workflow_cycle",
  "expression_invalid",
  "not_supported",
  "step_exceeds_capacity",
  "input_invalid",
  "run_conflict",
  "queue_full",
] as const;

/** `tutti run` and `tutti start` do more: they follow the run. */
export const submitRun = operation({
  name: "runs.submit",
  summary: "Submit a workflow, or start a registered one; answers before it runs.",
  scope: "submit",
  errors: START_ERRORS,
  input: z
    .strictObject({
      workflow: document.optional(),
      workflowId: name.optional().describe("A registered workflow instead."),
      hash,
      input: inputForm.optional().describe("Input of the run. Default: {}."),
      runId: z
        .string()
        .optional()
        .describe("Makes the submission repeatable: the same id gives the same run."),
      key,
    })
    .check(({ value, issues }) => {
      const refuse = (message: string, path: string[] = []) =>
        issues.push({ code: "custom", message, path, input: value });
      if ((value.workflow === undefined) === (value.workflowId === undefined)) {
        const got = value.workflow === undefined ? "none" : "both";
        refuse(`expected either workflow or workflowId, got: ${got}`);
      }
      if (value.hash !== undefined && value.workflowId === undefined)
        refuse("expected a hash only beside workflowId", ["hash"]);
    }),
  async run({ tutti, correlationId }, { workflow, workflowId, hash: version, ...rest }) {
    const options = { ...rest, correlationId };
    const submitted =
      workflowId === undefined
        ? await tutti.submit(workflow ?? "", options)
        : await tutti.start(workflowId, { ...options, hash: version });
    return { runId: submitted.runId };
  },
  http: {
    method: "post",
    path: "/v1/runs",
    status: 202,
    isKeyed: true,
    locationOf: (submitted) => `/v1/runs/${encodeURIComponent(submitted.runId)}`,
  },
});

export const listRuns = operation({
  name: "runs.list",
  summary: "List runs, newest first.",
  scope: "read",
  input: z.strictObject({
    limit: limitUpTo(MAX_LIST_RUNS)
      .default(LIST_RUNS)
      .describe(`How many at most. Default: ${LIST_RUNS}.`),
    state: z.enum(RUN_STATES).optional().describe("Only runs in this state."),
  }),
  run: ({ tutti }, options) => tutti.list(options),
  http: { method: "get", path: "/v1/runs", bodyOf: (runs) => ({ runs }) },
  command: {
    words: "runs list",
    given: {
      limit: otherwise(whole("--limit <count>", "runs to show"), 20),
      state: choice("--state <state>", "only runs in this state", RUN_STATES),
    },
    input: (given) => given,
  },
  printed: {
    text: (runs) =>
      table(
        ["RUN", "WORKFLOW", "STATE", "SUBMITTED", "TIME"],
        runs.map((run) => [
          run.runId,
          run.workflow.id,
          run.state,
          run.submittedAt,
          elapsed(run.submittedAt, run.finishedAt),
        ]),
      ),
  },
});

export const getRun = operation({
  name: "runs.get",
  summary: "Show a run with its steps.",
  scope: "read",
  errors: ["run_not_found"],
  input: z.strictObject({
    id: runId,
    outputs: z.stringbool().default(true).describe("With the outputs of its steps. Default: true."),
  }),
  run: ({ tutti }, { id, outputs }) => tutti.get(id, { outputs }),
  http: { method: "get", path: "/v1/runs/:id" },
  command: {
    words: "runs get",
    given: { id: word("<run-id>") },
    input: ({ id }) => ({ id, outputs: true }),
  },
  printed: { text: (run) => `${runText(run)}\n\n${stepsText(run)}` },
});

export const analyzeRun = operation({
  name: "runs.analyze",
  summary: "Show where the time of a run went: its critical path, what would make it shorter.",
  scope: "read",
  errors: ["run_not_found"],
  input: z.strictObject({ id: runId }),
  run: ({ tutti }, { id }) => tutti.analyze(id),
  http: { method: "get", path: "/v1/runs/:id/analysis" },
  command: {
    words: "runs analyze",
    given: { id: word("<run-id>") },
    input: (given) => given,
  },
  printed: { text: analysisText },
});

/** `tutti runs watch` does more: its exit code is the end of the run. */
export const watchRun = operation({
  name: "runs.watch",
  summary: "Tell what happens in a run, as it happens, until it ends.",
  scope: "read",
  errors: ["run_not_found"],
  input: z.strictObject({ id: runId }),
  run: ({ tutti, signal }, { id }) => tutti.watch(id, { signal }),
  http: { method: "get", path: "/v1/runs/:id/events" },
});
