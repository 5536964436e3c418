import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "vitest";

import { runCli } from "../../../src/cli/index.ts";
import { test } from "../../support/gate/gatehouse.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

test("commands say why something waits, show the gate and change it", async ({
  gatehouse,
  redisUrl,
  prefix,
}) => {
  const folder = await mkdtemp(join(tmpdir(), "tutti-gate-"));
  const catalogue = join(folder, "tools.yaml");
  await writeFile(
    catalogue,
    "tutti: 1\nbudgets: { gpu: { slots: 2 } }\ntools: [{ id: solo, name: Solo, category: foundation, capabilities: [testing], limits: { concurrency: 1 }, binding: { type: in_process } }]\n",
  );
  const cli = async (...argv: string[]) => {
    const written = { stdout: "", stderr: "" };
    const code = await runCli([...argv, "--catalogue", catalogue], {
      stdout: { write: (text) => (written.stdout += text) },
      stderr: { write: (text) => (written.stderr += text) },
      env: { PATH: "/usr/bin:/bin", REDIS_URL: redisUrl, TUTTI_PREFIX: prefix },
    });
    return { code, ...written };
  };
  const { work, submit, runs, because } = gatehouse;
  const calls = new Turnstile();
  await work({
    solo: async (_input, { signal }) => {
      await calls.pass("call", signal);
      return null;
    },
  });
  await submit("r1", "solo");
  await runs("r1", "solo");
  await submit("r2", "solo");
  await because("slots", { runId: "r2", step: "solo" });
  const why = await cli("why", "r2", "solo");
  expect(why).toMatchObject({ code: 0, stderr: "" });
  expect(why.stdout).toMatch(
    /^solo waits for 1 of 1 slot of solo's own limit \(0 free\); held by solo \(run r1 step solo, for [\d.]+ m?s\); unknown: fewer than 5 calls of solo have ended/,
  );
  expect((await cli("why", "r2")).stdout).toMatch(/^run r2 waits: solo waits for [^\n]*\n$/);
  const ofTool = JSON.parse((await cli("why", "--tool", "solo", "-o", "json")).stdout) as object;
  expect(ofTool).toMatchObject({ tool: "solo", waits: true, reasons: [{ kind: "slots" }] });
  const shown = (await cli("gate", "show")).stdout;
  expect(shown).toMatch(/^MACHINE +CALLS/);
  expect(shown).toMatch(/solo +r1 +solo +m1/);
  expect(shown).toMatch(/tool:solo +1 of 1/);
  const set = await cli(
    ..."gate set solo --concurrency 5 --rate 3/1s --rate 100/1m --cost 2".split(" "),
    ..."--resource cpu=0.2 --importance optional".split(" "),
  );
  expect(set.stdout).toBe(
    "solo: concurrency 5; rates 3 in 1.0 s, 100 in 1 min 0 s at 2 a call; cpu 0.2; optional; set\n",
  );
  expect((await cli("gate", "set", "--budget", "gpu", "--slots", "4")).stdout).toMatch(
    /^gpu: slots 0 of 4; no rates; set\n$/,
  );
  expect((await cli("gate", "reset", "--budget", "gpu")).stdout).toMatch(/of 2; .*as declared\n$/);
  const reset = JSON.parse((await cli("gate", "reset", "solo", "-o", "json")).stdout) as object;
  expect(reset).toMatchObject({ concurrency: 1, rates: [], layers: ["declared"] });
  for (const [argv, text] of [
    [["why"], "got: neither"],
    [["why", "r2", "--tool", "solo"], "got: both"],
    [["gate", "set"], "got: neither"],
    [["gate", "set", "solo", "--rate", "fast"], "expected a rate as"],
    [["gate", "set", "solo", "--resource", "cpu"], "expected a resource as"],
    [["gate", "set", "solo", "--concurrency", "many", "--cost", "0"], "\n"],
    [["gate", "reset", "sola"], 'did you mean "solo"?'],
  ] as const) {
    const refused = await cli(...argv);
    expect([refused.code, refused.stdout]).toEqual([2, ""]);
    expect(refused.stderr).toContain(text);
  }
  const level = await cli("gate", "level", "minimal", "--reason", "outage", "--for", "10m");
  expect(level.stderr).toBe("");
  expect(level.stdout).toMatch(
    /^minimal, fixed by \S+ until .*\n.* normal -> minimal {2}\S+: outage\n$/,
  );
  expect((await cli("gate", "level", "auto")).code).toBe(0);
  expect((await cli("gate", "level", "minimal", "--for", "soon")).code).toBe(2);
  await rm(folder, { recursive: true });
  calls.open();
});
