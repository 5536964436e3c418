import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "vitest";

import { runCli } from "../../../src/cli/index.ts";
import { test as base } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Command lines beside the client of an orchestra. */
const test = base.extend<{
  cli: (...argv: string[]) => Promise<Ran>;
  /** The value that a command line prints. */
  json: (...argv: string[]) => Promise<unknown>;
}>({
  cli: async ({ redisUrl, prefix }, use) => {
    await use(async (...argv) => {
      const written = { stdout: "", stderr: "" };
      const code = await runCli(argv, {
        stdout: { write: (text) => (written.stdout += text) },
        stderr: { write: (text) => (written.stderr += text) },
        env: { PATH: "/usr/bin:/bin", REDIS_URL: redisUrl, TUTTI_PREFIX: prefix },
      });
      return { code, ...written };
    });
  },
  json: async ({ cli }, use) => {
    await use(async (...argv) => {
      const { code, stdout, stderr } = await cli(...argv, "-o", "json");
      if (code !== 0 || stderr !== "") throw new Error(`exit code ${code}: ${stderr}`);
      return JSON.parse(stdout) as unknown;
    });
  },
});

const WAIT = { timeoutMs: 20_000 };
const once = { retry: { maxAttempts: 1 } } as const;

test("runs are held, ranked, let go on and decided about", async ({
  orchestra: { tutti, work },
  cli,
  json,
}) => {
  const document = workflow([
    { id: "ok", approval: "Ship?" },
    { id: "no", approval: "Sure?", optional: true },
    { id: "paid", event: "paid" },
    { id: "ship", needs: ["ok", "no", "paid"] },
  ]);
  await tutti.submit(document, { runId: "r" });
  expect(await json("runs", "pause", "r")).toEqual({ runId: "r", state: "paused" });
  expect(await json("runs", "priority", "r", "9")).toEqual({
    runId: "r",
    state: "paused",
    priority: 9,
  });
  expect(await json("runs", "resume", "r")).toEqual({
    runId: "r",
    state: "queued",
    epoch: 0,
    steps: [],
  });
  const approved = await json("runs", "approve", "r", "ok", "--data", '{"ticket": 7}');
  expect(approved).toMatchObject({ runId: "r", step: "ok", decision: "approved", first: true });
  const again = await cli("runs", "approve", "r", "ok");
  expect(again.stdout).toMatch(/^ok approved by .+, at 2.+Z already\n$/);
  expect((await cli("runs", "reject", "r", "no", "--data", "not sure")).stdout).toMatch(
    /^no rejected by /,
  );
  expect((await cli("runs", "signal", "r", "paid", "--data", "3")).stdout).toBe(
    "paid reached paid\n",
  );
  await work({ probe: () => Promise.resolve(null) });
  const run = await tutti.result("r", WAIT);
  expect(run).toMatchObject({
    state: "completed",
    steps: {
      ok: { output: { data: { ticket: 7 } } },
      no: { error: { details: { data: "not sure" } } },
      paid: { output: 3 },
    },
  });
  for (const [argv, code] of [
    [["runs", "pause", "r"], "state_conflict"],
    [["runs", "resume", "r", "--step", "ok"], "resume_refused"],
    [["runs", "approve", "r", "ship"], "request_invalid"],
    [["runs", "reject", "r", "ok"], "decision_late"],
    [["runs", "signal", "r", "other"], "request_invalid"],
    [["runs", "priority", "r", "11"], "request_invalid"],
    [["runs", "priority", "nobody", "1"], "run_not_found"],
  ] as const) {
    const refused = await cli(...argv);
    expect([refused.code, refused.stdout]).toEqual([2, ""]);
    expect(refused.stderr).toContain(code);
  }
});

test("a run that has ended goes on with new inputs", async ({
  orchestra: { tutti, work },
  cli,
  json,
}) => {
  let broken = true;
  const inputs: unknown[] = [];
  await work({
    probe: (input) => {
      inputs.push(input);
      if (broken) throw new Error("broken");
      return Promise.resolve(null);
    },
  });
  const document = workflow(
    [
      { id: "a", with: { n: "${{ input.n }}" }, ...once },
      { id: "b", with: { n: "${{ input.n }}" }, ...once },
      { id: "c", needs: ["b"] },
    ],
    { inputs: { type: "object", properties: { n: { type: "number" } } } },
  );
  await tutti.submit(document, { runId: "r", input: { n: 1 } });
  await tutti.result("r", WAIT);
  broken = false;
  inputs.length = 0;
  const resume = ["runs", "resume", "r", "--step", "b", "--input", "n=2"];
  expect(await json(...resume, "--with", 'c={"x": 1}')).toMatchObject({ steps: ["b", "c"] });
  await tutti.result("r", WAIT);
  expect(inputs).toEqual([{ n: 2 }, { x: 1 }]);

  const folder = await mkdtemp(join(tmpdir(), "tutti-control-"));
  await writeFile(join(folder, "a.yaml"), "n: 3\n");
  const again = await cli("runs", "resume", "r", "--from", "a", "--with", `a=@${folder}/a.yaml`);
  await rm(folder, { recursive: true });
  expect([again.code, again.stdout]).toEqual([0, expect.stringMatching(/^r \w+; again: a\n$/)]);
  await tutti.result("r", WAIT);
  expect(inputs.at(-1)).toEqual({ n: 3 });

  for (const given of ["a", "a=1", "a=@/nowhere/at/all"]) {
    const refused = await cli("runs", "resume", "r", "--from", "a", "--with", given);
    expect([refused.code, refused.stdout]).toEqual([2, ""]);
    expect(refused.stderr).toContain("request_invalid");
  }
});

test("dead letters are listed, shown, done again and discarded", async ({
  orchestra: { tutti, work },
  cli,
  json,
}) => {
  let broken = true;
  await work({
    probe: () => {
      if (broken) throw new Error("broken");
      return Promise.resolve(null);
    },
  });
  const document = workflow([{ id: "a", ...once }]);
  for (const runId of ["r0", "r1", "r2"]) await tutti.submit(document, { runId });
  for (const runId of ["r0", "r1", "r2"]) await tutti.result(runId, WAIT);
  await tutti.submit(
    workflow([
      { id: "a", ...once },
      { id: "ok", approval: "?" },
    ]),
    {
      runId: "open",
    },
  );
  await expect.poll(async () => (await tutti.deadLetters.list()).total).toBe(4);
  const listed = await cli("dead-letters", "list", "--limit", "2", "--offset", "1");
  expect(listed.stdout).toMatch(/^RUN +STEP +WORKFLOW/);
  expect(listed.stdout).toMatch(/step_execution_failed: broken\n2 of 4\n$/);
  expect(await json("dead-letters", "list", "--tenant", "other")).toEqual({
    letters: [],
    total: 0,
  });
  const groups = (await cli("dead-letters", "groups")).stdout;
  expect(groups).toMatch(/^COUNT +RUNS +TOOL/);
  expect(groups).toMatch(/\n4 +4 +/);
  expect(await json("dead-letters", "groups", "--tenant", "other")).toEqual([]);
  expect((await cli("dead-letters", "show", "r0", "a")).stdout).toContain("message: broken");
  expect(await json("dead-letters", "discard", "r0", "a")).toEqual({ discarded: 1 });
  broken = false;
  expect((await cli("dead-letters", "replay", "r1", "a")).stdout).toBe("r1 again: a\n");
  await tutti.result("r1", WAIT);
  const rest = await cli("dead-letters", "replay", "--all", "--tenant", "default");
  expect(rest.code).toBe(1);
  expect(rest.stdout).toContain("r2 again: a\n");
  expect(rest.stdout).toContain("open refused: a: run open is ");
  expect((await cli("dead-letters", "discard", "--all")).stdout).toBe("1 discarded\n");
  for (const argv of [
    ["r0"],
    [],
    ["r0", "a", "--all"],
    ["r0", "a", "--tenant", "x"],
    ["r0", "a"],
  ]) {
    const refused = await cli("dead-letters", "replay", ...argv);
    expect([refused.code, refused.stdout]).toEqual([2, ""]);
  }
  expect((await cli("dead-letters", "list", "--offset", "-1")).code).toBe(2);
});
