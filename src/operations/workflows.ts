import * as z from "zod";

import { TuttiError } from "../../config/index.ts";
import { versionOf } from "./command/values.ts";
import { word } from "./command/words.ts";
import { document, hash, workflowId } from "./fields.ts";
import { operation } from "./operation.ts";
import { table } from "./text/table.ts";

/** `tutti workflows add` takes several documents, and checks all before it adds the first. */
export const addWorkflow = operation({
  name: "workflows.add",
  summary: "Register a workflow; another content under its id becomes its current version.",
  scope: "admin",
  errors: [
    "document_invalid",
    "document_syntax",
    "document_too_large",
    "duplicate_step",
    "unknown_step",
    "workflow_cycle",
    "expression_invalid",
    "not_supported",
    "step_exceeds_capacity",
    "tool_not_found",
    "workflow_not_found",
  ],
  input: z.strictObject({ id: workflowId, workflow: document }),
  async run({ tutti }, { id: asked, workflow }) {
    const { id } = tutti.prepare(workflow).workflow;
    if (id !== asked) {
      throw new TuttiError(
        "request_invalid",
        `expected the document's id to be ${JSON.stringify(asked)} as in the address, got: ${JSON.stringify(id)}`,
      );
    }
    return tutti.workflows.add(workflow);
  },
  http: {
    method: "put",
    path: "/v1/workflows/:id",
    statusOf: ({ created }) => (created ? 201 : 200),
  },
});

const list = operation({
  name: "workflows.list",
  summary: "List registered workflows, by id.",
  scope: "read",
  input: z.strictObject({}),
  run: ({ tutti }) => tutti.workflows.list(),
  http: { method: "get", path: "/v1/workflows", bodyOf: (workflows) => ({ workflows }) },
  command: { words: "workflows list", given: {}, input: () => ({}) },
  printed: {
    text: (workflows) =>
      table(
        ["WORKFLOW", "HASH", "VERSIONS", "ADDED", "BY", "NAME"],
        workflows.map((one) => [
          one.id,
          one.hash,
          String(one.versions),
          one.addedAt,
          one.actor,
          one.name,
        ]),
      ),
  },
});

const show = operation({
  name: "workflows.get",
  summary: "Show a registered workflow: its document and its versions.",
  scope: "read",
  errors: ["workflow_not_found"],
  input: z.strictObject({ id: workflowId, hash }),
  run: ({ tutti }, { id, ...version }) => tutti.workflows.show(id, version),
  http: { method: "get", path: "/v1/workflows/:id" },
  command: {
    words: "workflows show",
    given: { workflow: word("<workflow>", "id, or id@hash") },
    input: ({ workflow }) => versionOf(workflow),
  },
});

const remove = operation({
  name: "workflows.remove",
  summary: "Remove a workflow, or one version of it; its runs go on.",
  scope: "admin",
  errors: ["workflow_not_found"],
  input: z.strictObject({ id: workflowId, hash }),
  run: ({ tutti }, { id, ...version }) => tutti.workflows.remove(id, version),
  http: { method: "delete", path: "/v1/workflows/:id" },
  command: {
    words: "workflows remove",
    given: { workflow: word("<workflow>", "id, or id@hash for one version") },
    input: ({ workflow }) => versionOf(workflow),
  },
  printed: {
    data: (gone, { id }) => ({ id, ...gone }),
    text: (gone, { id }) => `${id}: ${gone.removed} removed`,
    notes: ({ usedBy }, { id }) => [
      ...usedBy.schedules.map((one) => `schedule ${one} still names ${id}`),
      ...usedBy.triggers.map((one) => `trigger ${one} still names ${id}`),
    ],
  },
});

/** Workflows that can be started by their id. */
export const workflowOperations = [list, show, remove];
