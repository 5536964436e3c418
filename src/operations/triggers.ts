import * as z from "zod";

import type { Json } from "../../config/index.ts";
import { triggerForm } from "../starting/triggers.ts";
import { dataOf, versionOf } from "./command/values.ts";
import { inputWords, needed, word, whole } from "./command/words.ts";
import { key, name } from "./fields.ts";
import { clientOperation, operation } from "./operation.ts";
import { table } from "./text/table.ts";

const add = clientOperation({
  name: "triggers.add",
  summary: "Start a workflow at every event of a name, which it gets as input.event.",
  scope: "admin",
  errors: ["workflow_not_found", "input_invalid"],
  input: triggerForm,
  run: ({ tutti }, form) => tutti.triggers.add(form),
  http: {
    method: "post",
    path: "/v1/triggers",
    statusOf: ({ created }) => (created ? 201 : 200),
  },
  command: {
    words: "triggers add",
    given: {
      id: word("<id>", "the same id again replaces the trigger"),
      event: needed(word("--event <name>", "name of the events")),
      workflow: needed(
        word("--workflow <id>", "registered workflow; id@hash for one version of it"),
      ),
      ...inputWords("the runs", "more "),
      debounceMs: whole("--debounce-ms <ms>", "events within this time make one run"),
      tenant: word("--tenant <name>", "whom the runs belong to"),
    },
    async input({ workflow, input, inputJson, ...rest }, { actor, readInput }) {
      const { id: workflowId, hash } = versionOf(workflow);
      return { ...rest, workflowId, hash, actor, input: await readInput({ input, inputJson }) };
    },
  },
  printed: { text: ({ id, created }) => `${id} ${created ? "added" : "replaced"}` },
});

const list = operation({
  name: "triggers.list",
  summary: "List triggers, by id.",
  scope: "read",
  input: z.strictObject({}),
  run: ({ tutti }) => tutti.triggers.list(),
  http: { method: "get", path: "/v1/triggers", bodyOf: (triggers) => ({ triggers }) },
  command: { words: "triggers list", given: {}, input: () => ({}) },
  printed: {
    text: (triggers) =>
      table(
        ["TRIGGER", "EVENT", "WORKFLOW", "DEBOUNCE", "STARTED", "FAILED", "LAST"],
        triggers.map((one) => [
          one.id,
          one.event,
          one.workflowId,
          `${one.debounceMs} ms`,
          String(one.counts.started),
          String(one.counts.failed),
          one.last?.runId ?? one.last?.reason ?? "none",
        ]),
      ),
  },
});

const remove = operation({
  name: "triggers.remove",
  summary: "Remove a trigger; its runs go on.",
  scope: "admin",
  errors: ["trigger_not_found"],
  input: z.strictObject({ id: name.describe("Id of the trigger.") }),
  async run({ tutti }, { id }) {
    await tutti.triggers.remove(id);
    return { id, removed: true };
  },
  http: { method: "delete", path: "/v1/triggers/:id" },
  command: { words: "triggers remove", given: { id: word("<id>") }, input: (given) => given },
  printed: { text: ({ id }) => `${id} removed` },
});

// Parsed by reference, like objects: a copy would lose keys that must be refused by name.
const json = z.custom<Json>((value) => value !== undefined);

const emit = operation({
  name: "events.emit",
  summary: "Emit an event: all triggers of this name hear it.",
  scope: "submit",
  input: z.strictObject({
    name: z.string().describe("Name of the event."),
    data: json.optional().describe("What the runs get as `input.event.data`. Default: null."),
    tenant: name.optional().describe("Whose triggers and runs hear it."),
    key,
  }),
  run: ({ tutti, actor }, { name: event, data, ...options }) =>
    tutti.events.emit(event, data, { ...options, actor }),
  http: { method: "post", path: "/v1/events", status: 202, isKeyed: true },
  command: {
    words: "events emit",
    given: {
      name: word("<name>"),
      data: word("--data <json>", "what the runs get as input.event.data"),
      key: word("--key <text>", "the same key within a day is the same event"),
      tenant: word("--tenant <name>", "whose triggers and runs hear it"),
    },
    input: ({ data, ...rest }) => ({ ...rest, data: dataOf(data) }),
  },
  printed: {
    text({ duplicate, triggers, runs }) {
      const heard = [...triggers, ...runs.map((run) => `run ${run}`)].join(", ") || "nobody";
      return duplicate ? "was emitted before" : `heard by ${heard}`;
    },
  },
});

/** Events, and the workflows that they start. */
export const triggerOperations = [add, list, remove];
export const eventOperations = [emit];
