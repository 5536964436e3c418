import { expect } from "vitest";

import { get, post, problemOf, server, test } from "../../support/deployment/served.ts";

const DOCUMENT = {
  tutti: 1,
  id: "w",
  steps: [{ id: "a", tool: "core.echo", with: { got: "${{ input.event.data }}" } }],
  output: "${{ steps.a.output.got }}",
};

test("a trigger is added, hears events once by key, is listed and removed", async ({
  tutti,
  work,
}) => {
  await tutti.workflows.add(DOCUMENT);
  const trigger = { id: "t", event: "e", workflowId: "w" };
  expect((await post("/v1/triggers", trigger)).status).toBe(201);
  expect((await post("/v1/triggers", trigger)).status).toBe(200);
  const emit = () => post("/v1/events", { name: "e", data: [1] }, { "idempotency-key": "k" });
  const emitted = await emit();
  expect(emitted.status).toBe(202);
  expect(await emitted.json()).toMatchObject({ duplicate: false, triggers: ["t"] });
  expect(await (await emit()).json()).toMatchObject({ duplicate: true });
  await work();
  await expect
    .poll(async () => (await get("/v1/triggers")).json())
    .toMatchObject({ triggers: [{ id: "t", counts: { started: 1 } }] });
  const [run] = await tutti.list();
  expect((await tutti.result(run!.runId)).output).toEqual([1]);
  const removed = await fetch(`${server.url}/v1/triggers/t`, { method: "DELETE" });
  expect(await removed.json()).toEqual({ id: "t", removed: true });
  const again = await fetch(`${server.url}/v1/triggers/t`, { method: "DELETE" });
  expect(await problemOf(again)).toMatchObject({ status: 404, code: "trigger_not_found" });
});

test("an event and a trigger are refused with their problems", async () => {
  const event = await problemOf(await post("/v1/events", { name: "a b" }));
  expect(event).toMatchObject({ status: 400, errors: [{ pointer: "#/name" }] });
  const trigger = await problemOf(await post("/v1/triggers", { id: "a b", event: "e", y: 1 }));
  expect(trigger).toMatchObject({
    status: 400,
    errors: [{ pointer: "#/id" }, { pointer: "#/workflowId" }, { pointer: "#/y" }],
  });
});
