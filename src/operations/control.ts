import * as z from "zod";

import { byForm, decisionForm, jsonForm, pauseForm, resumeForm } from "../runs/control/forms.ts";
import { wrongUse } from "./command/values.ts";
import { inputWords, many, word } from "./command/words.ts";
import { name, runId, stepId } from "./fields.ts";
import { operation } from "./operation.ts";

const cancel = operation({
  name: "runs.cancel",
  summary: "Cancel a run; steps that have not started will not.",
  scope: "steer",
  errors: ["run_not_found"],
  input: z.strictObject({
    id: runId,
    reason: z.string().max(1_000).optional().describe("Stands in the record of the run."),
  }),
  run: async ({ tutti }, { id, reason }) => ({
    runId: id,
    ...(await tutti.cancel(id, { reason })),
  }),
  http: { method: "post", path: "/v1/runs/:id/cancel", status: 202 },
  command: {
    words: "runs cancel",
    given: {
      id: word("<run-id>"),
      reason: word("--reason <text>", "stands in the record of the run"),
    },
    input: (given) => given,
  },
  printed: { text: (run) => `${run.runId} ${run.state}` },
});

const pause = operation({
  name: "runs.pause",
  summary: "Hold a run: no step of it begins, its time stands still.",
  scope: "steer",
  errors: ["run_not_found", "state_conflict"],
  input: pauseForm.extend({ id: runId }),
  run: async ({ tutti }, { id, ...by }) => ({ runId: id, ...(await tutti.pause(id, by)) }),
  http: { method: "post", path: "/v1/runs/:id/pause" },
  command: {
    words: "runs pause",
    given: { id: word("<run-id>") },
    input: ({ id }, { actor }) => ({ id, actor }),
  },
  printed: { text: (run) => `${run.runId} ${run.state}` },
});

const resume = operation({
  name: "runs.resume",
  summary: "Let a paused run go on, or do what failed of one that has ended again.",
  scope: "steer",
  errors: ["run_not_found", "resume_refused", "unknown_step", "input_invalid"],
  input: resumeForm.extend({ id: runId }),
  run: async ({ tutti }, { id, ...what }) => ({ runId: id, ...(await tutti.resume(id, what)) }),
  http: { method: "post", path: "/v1/runs/:id/resume", status: 202 },
  command: {
    words: "runs resume",
    help: "What depends on a step that is done again is done again too; every other result is kept.\nA new input replaces the whole old one. Follow the run with: tutti runs watch RUN",
    given: {
      id: word("<run-id>"),
      step: many("--step <id>", "only this failed step; may be repeated"),
      from: many("--from <id>", "this step, whatever became of it; may be repeated"),
      ...inputWords("the run", "new "),
      with: many("--with <step=json|step=@file>", "new input of a step; may be repeated"),
    },
    async input({ id, step, from, with: edits, ...given }, { actor, readInput, readEdits }) {
      const hasInput = given.input.length > 0 || given.inputJson !== undefined;
      const [input, newInputs] = await Promise.all([readInput(given), readEdits(edits)]);
      return {
        id,
        actor,
        steps: step.length === 0 ? undefined : [...step],
        from: from.length === 0 ? undefined : [...from],
        input: hasInput ? input : undefined,
        with: edits.length === 0 ? undefined : newInputs,
      };
    },
  },
  printed: {
    text: (run) =>
      run.steps.length === 0
        ? `${run.runId} ${run.state}`
        : `${run.runId} ${run.state}; again: ${run.steps.join(", ")}`,
  },
});

const decisions = (
  [
    ["approve", "Approve a step that waits for it, or will."],
    ["reject", "Reject a step that waits for approval; it fails."],
  ] as const
).map(([verb, summary]) =>
  operation({
    name: `runs.${verb}`,
    summary,
    scope: "steer",
    errors: ["run_not_found", "unknown_step", "decision_late"],
    input: decisionForm.extend({ id: runId, step: stepId }),
    run: async ({ tutti }, { id, step, ...decision }) => ({
      runId: id,
      ...(await tutti[verb](id, step, decision)),
    }),
    http: { method: "post", path: `/v1/runs/:id/${verb}` },
    command: {
      words: `runs ${verb}`,
      given: {
        id: word("<run-id>"),
        step: word("<step>"),
        data: word("--data <value|@file>", "goes with the decision; JSON, or else text"),
      },
      input: async ({ id, step, data }, { actor: by, readValue }) => ({
        id,
        step,
        by,
        ...(data === undefined ? {} : { data: await readValue(data) }),
      }),
    },
    printed: {
      text: ({ step, decision, by, at, first }) =>
        `${step} ${decision} by ${by}${first ? "" : `, at ${at} already`}`,
    },
  }),
);

const signal = operation({
  name: "runs.signal",
  summary: "Hand an event to the steps of a run that wait for it, or will.",
  scope: "steer",
  errors: ["run_not_found", "decision_late"],
  input: byForm.extend({
    id: runId,
    event: name.describe("Name of the event."),
    data: jsonForm.optional().describe("Output of the steps. Default: null."),
  }),
  run: async ({ tutti }, { id, event, data, ...by }) => ({
    runId: id,
    event,
    ...(await tutti.signal(id, event, data ?? null, by)),
  }),
  http: {
    method: "post",
    path: "/v1/runs/:id/signal",
    bodyOf: (reached) => ({ runId: reached.runId, steps: reached.steps }),
  },
  command: {
    words: "runs signal",
    given: {
      id: word("<run-id>"),
      event: word("<event>"),
      data: word("--data <value|@file>", "output of the steps; JSON, or else text"),
    },
    input: async ({ id, event, data }, { actor: by, readValue }) => ({
      id,
      event,
      by,
      data: data === undefined ? null : await readValue(data),
    }),
  },
  printed: { text: ({ event, steps }) => `${event} reached ${steps.join(", ")}` },
});

const setPriority = operation({
  name: "runs.set_priority",
  summary: "Make a run more or less urgent.",
  scope: "steer",
  errors: ["run_not_found"],
  input: z.strictObject({
    id: runId,
    priority: z.int().min(1).max(10).describe("1 to 10, 10 the most urgent."),
  }),
  run: async ({ tutti }, { id, priority }) => ({
    runId: id,
    ...(await tutti.setPriority(id, priority)),
  }),
  http: { method: "post", path: "/v1/runs/:id/priority" },
  command: {
    words: "runs priority",
    given: {
      id: word("<run-id>"),
      priority: word("<priority>", "1 to 10, 10 the most urgent"),
    },
    input({ id, priority }) {
      if (!/^([1-9]|10)$/.test(priority))
        throw wrongUse(`expected a priority from 1 to 10, got: ${priority}`);
      return { id, priority: Number(priority) };
    },
  },
  printed: { text: (run) => `${run.runId} ${run.state}, priority ${run.priority}` },
});

/** What people do to a run that is there. */
export const controlOperations = [cancel, pause, resume, ...decisions, signal, setPriority];
