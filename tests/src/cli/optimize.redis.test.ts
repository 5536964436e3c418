import { expect } from "vitest";

import { loadCatalogue } from "../../../config/index.ts";
import { runCli } from "../../../src/cli/index.ts";
import type { Plans } from "../../../src/optimizer/service/planning.ts";
import { takes, test } from "../../support/gate/gatehouse.ts";
import { eventually } from "../../support/waiting/eventually.ts";

test("commands say what the optimizer sees and changed", async ({
  gatehouse: { work, submit, tutti },
  redisUrl,
  prefix,
}) => {
  const cli = async (...argv: string[]) => {
    const written = { stdout: "", stderr: "" };
    const line = argv[0] === "runs" || argv[0] === "gate" ? argv : ["optimize", ...argv];
    const code = await runCli(line, {
      stdout: { write: (text) => (written.stdout += text) },
      stderr: { write: (text) => (written.stderr += text) },
      env: { PATH: "/usr/bin:/bin", REDIS_URL: redisUrl, TUTTI_PREFIX: prefix },
    });
    return { code, ...written };
  };
  expect((await cli("report")).stdout).toMatch(/^Nothing was sampled yet/);
  expect(JSON.parse((await cli("report", "-o", "json")).stdout)).toBeNull();
  const early = await cli("simulate", "--set", "machines=2");
  expect(early.stderr).toContain("nothing_recorded");
  await work({ plain: takes }, { sampleIntervalMs: 100, optimizeIntervalMs: 500 });
  await submit("r", "plain");
  await tutti.result("r", { timeoutMs: 20_000 });
  await eventually(async () =>
    expect((await cli("report")).stdout).toMatch(/^health .*\n(no|1) calls in/),
  );
  expect((await cli("report")).stdout).toContain("no bottleneck");
  expect((await cli("history", "--limit", "3")).stdout).toBe("Nothing was changed yet.\n");
  const analysis = (await cli("runs", "analyze", "r")).stdout;
  expect(analysis).toMatch(/^[\d.]+ m?s in all; critical path plain: .* waiting, .* running\nSTEP/);
  expect(analysis).toMatch(/plain +plain .* 1 +critical\nplain alone took [\d.]+ ms/);
  expect((await cli("runs", "analyze", "none")).stderr).toContain("run_not_found");
  const same = await cli("simulate", "--set", "machines=2", "--plays", "2");
  expect(same.stdout).toMatch(
    /^the load of the last [\d.]+ m?s, played 2 times\nit would have made/,
  );
  const plans = (await cli("plan", "--plays", "2")).stdout;
  expect(plans).toMatch(/^the load of the last [\d.]+ m?s, played 2 times\nTARGET/);
  expect(plans).toMatch(/as it is +\d+ .*\nperformance .*\nefficiency .*\nreliability /);
  const one = JSON.parse(
    (await cli("plan", "--target", "cost", "--strategy", "aggressive", "-o", "json")).stdout,
  ) as Plans;
  expect(one).toMatchObject({
    before: { machines: 1 },
    plans: [{ target: "cost", strategy: "aggressive" }],
  });
  const dry = (await cli("apply", "--target", "cost", "--dry-run")).stdout;
  expect(dry).toMatch(/TARGET.*\n.*as it is.*\ncost /);
  expect(dry).not.toContain("optimizer");
  const applied = (await cli("apply", "--target", "cost")).stdout;
  expect(applied).toContain("there is nothing for the optimizer to change");
  expect((await cli("apply")).stderr).toContain("--target");
  const noTarget = await cli("plan", "--target", "fame");
  expect(noTarget.stderr).toContain("performance, efficiency, reliability");
  const wrong = await cli("simulate", "--set", "plain.speed=2");
  expect(wrong.stderr).toContain("expected tool.concurrency=4");
  // What a setting would have done is the same question.
  const [shipped] = loadCatalogue().ids();
  const setting = await cli("gate", "set", shipped!, "--concurrency", "3", "--dry-run");
  expect(setting.stdout).toMatch(/^the load of the last/);
  const wrongly = await cli("gate", "set", "plain", "--importance", "critical", "--dry-run");
  expect(wrongly.stderr).toContain("expected --dry-run with --concurrency or --rate");
  const none = await cli("rollback", "7", "--dry-run");
  expect(none.code).not.toBe(0);
  expect(none.stderr).toContain("adjustment_not_found");
});
