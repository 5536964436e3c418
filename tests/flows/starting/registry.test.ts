import { describe, expect } from "vitest";

import { forgetRun } from "../../../queues/worker.ts";
import { Tutti } from "../../../src/tutti.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";

/** A workflow whose contents differ by `version`. */
const greet = (version: number, more: object = {}) =>
  workflow([{ id: "a", with: { version, n: "${{ input.n }}" } }], {
    id: "greet",
    inputs: {
      type: "object",
      additionalProperties: false,
      properties: { n: { type: "number", default: 7 } },
    },
    output: "${{ steps.a.output }}",
    ...more,
  });

describe("a registered workflow", () => {
  test("is added once, gets versions, and is listed by id", async ({ orchestra: { tutti } }) => {
    const { workflows } = tutti;
    const first = await workflows.add(greet(1), { actor: "ada" });
    expect(first).toMatchObject({ id: "greet", created: true, previous: null });
    expect(await workflows.add(greet(1), { actor: "bob" })).toEqual({ ...first, created: false });
    await workflows.add(JSON.stringify(workflow([{ id: "a" }], { id: "b", name: "Bee" })));
    await workflows.add(workflow([{ id: "a" }], { id: "Z" }));
    const second = await workflows.add(greet(2), { actor: "bob" });
    expect(second).toMatchObject({ created: true, previous: first.hash });
    const list = await workflows.list();
    expect(list.map(({ id, versions }) => [id, versions])).toEqual([
      ["Z", 1],
      ["b", 1],
      ["greet", 2],
    ]);
    expect(list[2]).toMatchObject({ hash: second.hash, actor: "bob", name: "greet" });
    expect(await workflows.show("greet")).toMatchObject({
      current: second.hash,
      hash: second.hash,
      document: greet(2),
      inputs: { properties: { n: { default: 7 } } },
      versions: [{ hash: first.hash, actor: "ada" }, { hash: second.hash }],
    });
    expect(await workflows.show("greet", { hash: first.hash })).toMatchObject({
      current: second.hash,
      hash: first.hash,
      document: greet(1),
    });
    // Back to what was: no new version, but the current one.
    expect(await workflows.add(greet(1))).toMatchObject({ created: false, previous: second.hash });
    expect((await workflows.show("greet")).current).toBe(first.hash);
  });

  test("is another version when only its inputs differ", async ({ orchestra: { tutti } }) => {
    const one = await tutti.workflows.add(greet(1));
    const two = await tutti.workflows.add(greet(1, { inputs: { type: "object" } }));
    expect(two.hash).not.toBe(one.hash);
    await expect(
      tutti.start("greet", { hash: one.hash, input: { other: 1 } }),
    ).rejects.toMatchObject({ code: "input_invalid", issues: [{ path: ["input", "other"] }] });
    expect((await tutti.start("greet", { input: { other: 1, n: 1 } })).created).toBe(true);
  });

  test("is refused with every problem, and nothing is kept", async ({ orchestra: { tutti } }) => {
    const broken = {
      tutti: 1,
      id: "x",
      steps: [
        { id: "a", tool: "none" },
        { id: "a", tool: "probe" },
      ],
    };
    await expect(tutti.workflows.add(broken)).rejects.toMatchObject({
      issues: [{ code: "duplicate_step" }, { code: "tool_not_found" }],
    });
    expect(await tutti.workflows.list()).toEqual([]);
  });

  test("is started by id and by hash, without its document or its tools at hand", async ({
    orchestra: { tutti, work, redisUrl, prefix },
  }) => {
    const old = await tutti.workflows.add(greet(1));
    const current = await tutti.workflows.add(greet(2));
    await work({ probe: (input) => input });
    // A client that knows none of the tools.
    await using stranger = new Tutti({ redisUrl, prefix });
    const byId = await stranger.start("greet", { actor: "ada", tenant: "t", correlationId: "c" });
    expect(byId).toMatchObject({ created: true, hash: current.hash });
    const byHash = await stranger.start("greet", { hash: old.hash, input: { n: 1 }, runId: "r" });
    expect(byHash).toEqual({ runId: "r", created: true, hash: old.hash });
    const run = await stranger.result(byId.runId);
    expect(run).toMatchObject({
      output: { version: 2, n: 7 },
      tenant: "t",
      actor: "ada",
      correlationId: "c",
      workflow: { id: "greet", hash: current.hash },
    });
    expect((await stranger.result("r")).output).toEqual({ version: 1, n: 1 });
  });

  test("outlives the retention of its runs", async ({ orchestra: { tutti, work, parts } }) => {
    await tutti.workflows.add(greet(1));
    await work({ probe: (input) => input });
    for (const runId of ["one", "two"]) {
      await tutti.start("greet", { runId });
      await tutti.result(runId);
      // Its root job ends a moment after the run.
      await eventually(async () => expect(await forgetRun(parts, runId)).toBe(true));
    }
    expect((await tutti.start("greet", { runId: "three" })).created).toBe(true);
    // And a run outlives the registration.
    expect(await tutti.workflows.remove("greet")).toMatchObject({ removed: 1, left: 0 });
    expect((await tutti.result("three")).state).toBe("completed");
  });

  test("takes its definition along when neither it nor a run is left", async ({
    orchestra: { tutti },
    redis,
    prefix,
  }) => {
    const { hash } = await tutti.workflows.add(greet(1));
    await tutti.workflows.add(greet(2));
    expect(await redis.keys(`${prefix}.def:*`)).toHaveLength(2);
    expect(await tutti.workflows.remove("greet", { hash })).toMatchObject({ removed: 1, left: 1 });
    expect(await redis.keys(`${prefix}.def:*`)).toHaveLength(1);
    await tutti.workflows.remove("greet");
    // What calls were answered is kept for a minute, in case they are sent again.
    const left = await redis.keys(`${prefix}*`);
    expect(left.filter((key) => !key.startsWith(`${prefix}.sent:`))).toEqual([]);
  });

  test("goes back to the version added last when its current one is removed", async ({
    orchestra: { tutti },
  }) => {
    const added: string[] = [];
    for (const version of [1, 2, 3]) added.push((await tutti.workflows.add(greet(version))).hash);
    await tutti.workflows.remove("greet", { hash: added[2]! });
    expect((await tutti.workflows.show("greet")).current).toBe(added[1]);
    await tutti.workflows.remove("greet", { hash: added[0]! });
    expect((await tutti.workflows.show("greet")).current).toBe(added[1]);
  });

  test("that is not there is workflow_not_found", async ({ orchestra: { tutti } }) => {
    const gone = { code: "workflow_not_found" };
    await expect(tutti.start("none")).rejects.toMatchObject(gone);
    await expect(tutti.workflows.show("none")).rejects.toMatchObject(gone);
    await expect(tutti.workflows.remove("none")).rejects.toMatchObject(gone);
    await tutti.workflows.add(greet(1));
    await expect(tutti.start("greet", { hash: "none" })).rejects.toMatchObject(gone);
    await expect(tutti.workflows.show("greet", { hash: "none" })).rejects.toMatchObject(gone);
    await expect(tutti.workflows.remove("greet", { hash: "none" })).rejects.toMatchObject(gone);
    expect(await tutti.workflows.list()).toHaveLength(1);
  });

  test("is added by many at once as one version", async ({
    orchestra: { tutti, redisUrl, prefix },
    redis,
  }) => {
    await using other = new Tutti({ redisUrl, prefix, registry: tutti.registry });
    const added = await Promise.all(
      Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? tutti : other).workflows.add(greet(1))),
    );
    expect(added.filter((one) => one.created)).toHaveLength(1);
    expect(await redis.hget(`${prefix}.def:${added[0]!.hash}`, "refs")).toBe("1");
  });
});

describe("an idempotent start", () => {
  test("by two clients at once is one run", async ({
    orchestra: { tutti, work, redisUrl, prefix },
  }) => {
    const calls: unknown[] = [];
    await work({ probe: (input) => calls.push(input) });
    await tutti.workflows.add(greet(1));
    await using other = new Tutti({ redisUrl, prefix });
    const started = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        (n % 2 === 0 ? tutti : other).start("greet", { key: "k" }),
      ),
    );
    expect(new Set(started.map((one) => one.runId)).size).toBe(1);
    expect(started.filter((one) => one.created)).toHaveLength(1);
    expect((await tutti.result(started[0]!.runId)).state).toBe("completed");
    expect(calls).toHaveLength(1);
  });

  test("is another run for another key or tenant, and the same for the same input", async ({
    orchestra: { tutti },
  }) => {
    await tutti.workflows.add(greet(1));
    const ids = await Promise.all([
      tutti.start("greet", { key: "k" }),
      tutti.start("greet", { key: "k", input: { n: 7 } }),
      tutti.start("greet", { key: "other" }),
      tutti.start("greet", { key: "k", tenant: "t" }),
      tutti.submit(greet(1), { key: "k" }),
    ]);
    const [first, ...others] = ids.map((one) => one.runId);
    expect(others[0]).toBe(first);
    expect(others[3]).toBe(first);
    expect(new Set([first, others[1], others[2]]).size).toBe(3);
  });

  test("with another workflow or input is run_conflict", async ({ orchestra: { tutti } }) => {
    await tutti.workflows.add(greet(1));
    await tutti.workflows.add(workflow([{ id: "a" }], { id: "other" }));
    await tutti.start("greet", { key: "k" });
    for (const again of [
      () => tutti.start("greet", { key: "k", input: { n: 8 } }),
      () => tutti.start("other", { key: "k" }),
      () => tutti.submit(greet(2), { key: "k" }),
    ]) {
      await expect(again()).rejects.toMatchObject({ code: "run_conflict" });
    }
  });

  test("is the same run also when another version is current by then", async ({
    orchestra: { tutti },
  }) => {
    const { hash } = await tutti.workflows.add(greet(1));
    const first = await tutti.start("greet", { key: "k" });
    const next = await tutti.workflows.add(greet(2));
    expect(await tutti.start("greet", { key: "k" })).toEqual({ ...first, created: false, hash });
    await expect(tutti.start("greet", { key: "k", hash: next.hash })).rejects.toMatchObject({
      code: "run_conflict",
    });
  });

  test.for([
    [{ key: "" }, "expected a key of 1 to 255 characters, got: 0"],
    [{ key: "x".repeat(256) }, "expected a key of 1 to 255 characters, got: 256"],
    [{ key: "k", runId: "r" }, "expected a run id or a key, got: both"],
  ] as const)("%j is refused", async ([options, message], { orchestra: { tutti } }) => {
    await expect(tutti.start("greet", options)).rejects.toMatchObject({
      code: "request_invalid",
      message,
    });
  });
});
