import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterAll, expect } from "vitest";

import { loadCatalogue } from "../../../config/index.ts";
import { Tutti } from "../../../src/index.ts";
import { startWorker } from "../../../src/worker.ts";
import { test as base } from "../../support/runner/redis.ts";
import { eventually } from "../../support/waiting/eventually.ts";

const DOCUMENT = readFileSync("examples/release.yaml", "utf8");
const folder = mkdtempSync(join(tmpdir(), "tutti release "));
afterAll(() => rmSync(folder, { recursive: true }));

/** A client and a worker with the tools of the examples. */
const test = base.extend<{ tutti: Tutti }>({
  tutti: async ({ redisUrl, prefix }, use) => {
    const registry = loadCatalogue({ files: ["examples/tools.yaml"] });
    const env = {
      PATH: [dirname(process.execPath), "/usr/local/bin", "/usr/bin", "/bin"].join(":"),
    };
    const tools = ["git.log", "report.markdown", "core.echo", "core.fail"];
    const worker = await startWorker({
      redisUrl,
      prefix,
      registry,
      env,
      tools,
      logLevel: "silent",
      filesDir: folder,
    });
    const tutti = new Tutti({ redisUrl, prefix, registry });
    await use(tutti);
    await tutti.close();
    await worker.close();
  },
});

const parked = async (tutti: Tutti, runId: string): Promise<void> =>
  eventually(async () => expect((await tutti.get(runId)).state).toBe("parked"));

test("the release waits for somebody, and completes when they agree", async ({ tutti }) => {
  const out = join(folder, "agreed");
  const { runId } = await tutti.submit(DOCUMENT, { input: { path: ".", out } });
  await parked(tutti, runId);
  expect((await tutti.get(runId)).steps["agree"]).toMatchObject({
    state: "waiting",
    reason: expect.stringMatching(/^approval: Release \d+ commits\?$/) as string,
  });
  await tutti.approve(runId, "agree", { by: "Ada" });
  const run = await tutti.result(runId, { timeoutMs: 20_000 });
  expect(run).toMatchObject({
    state: "completed",
    steps: { announce: { state: "completed" }, refuse: { state: "skipped" } },
  });
  expect(readFileSync(join(out, "release-notes.md"), "utf8")).toContain("Agreed to by Ada");
});

test("what a release did is taken back when a later part fails", async ({ tutti }) => {
  const out = join(folder, "withdrawn");
  const { runId } = await tutti.submit(DOCUMENT, { input: { path: ".", out, fail: true } });
  await parked(tutti, runId);
  await tutti.approve(runId, "agree", { by: "Ada" });
  const run = await tutti.result(runId, { timeoutMs: 20_000 });
  expect(run).toMatchObject({ state: "failed", error: { code: "tool_failed" } });
  expect(run.compensation).toMatchObject([
    { step: "notes", tool: "report.markdown", state: "completed" },
  ]);
  expect(readFileSync(join(out, "release-notes.md"), "utf8")).toContain("Withdrawn");
});

test("a release that is rejected does nothing", async ({ tutti }) => {
  const { runId } = await tutti.submit(DOCUMENT, { input: { path: ".", out: folder } });
  await tutti.reject(runId, "agree", { by: "Ada", data: "not on a Friday" });
  expect(await tutti.result(runId, { timeoutMs: 20_000 })).toMatchObject({
    state: "failed",
    steps: {
      agree: { state: "failed", error: { code: "approval_rejected" } },
      notes: { state: "cancelled" },
    },
  });
});
