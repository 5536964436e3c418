import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

import { afterAll, beforeAll, describe, expect } from "vitest";
import { parse } from "yaml";

import { loadCatalogue } from "../../../config/index.ts";
import { runCli } from "../../../src/cli/index.ts";
import { prepare } from "../../../src/workflow/prepare.ts";
import { test as base } from "../../support/runner/redis.ts";

/** What `tutti run -o json` prints of a run, as far as it is looked at here. */
interface Run {
  readonly state: string;
  readonly output: Readonly<Record<string, unknown>>;
  readonly steps: Readonly<
    Record<
      string,
      { readonly state: string; readonly startedAt: string; readonly finishedAt: string }
    >
  >;
}

type Tutti = (...args: string[]) => Promise<{ code: number; run: Run }>;

const test = base.extend<{ tutti: Tutti }>({
  tutti: async ({ redisUrl, prefix }, use) => {
    await use(async (...args) => {
      let stdout = "";
      let stderr = "";
      const code = await runCli([...args, "-o", "json"], {
        stdout: { write: (text) => (stdout += text) },
        stderr: { write: (text) => (stderr += text) },
        env: {
          PATH: [dirname(process.execPath), "/usr/local/bin", "/usr/bin", "/bin"].join(delimiter),
          HOME: folder,
          REDIS_URL: redisUrl,
          TUTTI_PREFIX: prefix,
          TUTTI_FILES_DIR: folder,
        },
      });
      if (stdout === "") throw new Error(stderr);
      return { code, run: JSON.parse(stdout) as Run };
    });
  },
});

const folder = mkdtempSync(join(tmpdir(), "tutti templates "));
const repository = join(folder, "repository");
afterAll(() => rmSync(folder, { recursive: true }));

/** A small project with a history: 8 commits over 4 weeks, 3 in the first, 1, 3 and 1. */
beforeAll(() => {
  const files: Readonly<Record<string, string>> = {
    "README.md": "# A project\n\nJavaScript, nothing else. JavaScript!\n",
    Dockerfile: "FROM scratch\n",
    "lib/sum.mjs": "// TODO: check\nexport const sum = (a, b) => a + b;\n",
    "lib/long.mjs": `${"export {};\n".repeat(60)}// FIXME: shorten\n// HACK\n// XXX\n`,
    "site/page.html": "<p>\n</p>\n<!-- TODO -->\n",
    "tests/sum.test.mjs":
      'import assert from "node:assert";\nimport test from "node:test";\nimport { sum } from "../lib/sum.mjs";\ntest("adds", () => assert.equal(sum(1, 2), 3));\n',
    "tools/count.py": "print(1)\n",
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(repository, name)), { recursive: true });
    writeFileSync(join(repository, name), text);
  }
  git("init", "-q");
  git("add", ".");
  const days = ["01", "02", "03", "08", "15", "16", "17", "22"];
  for (const day of days) commit(`2024-01-${day}T12:00:00Z`);
});

function git(...args: string[]): void {
  execFileSync("git", ["-C", repository, ...args]);
}

function commit(date: string): void {
  execFileSync(
    "git",
    [
      "-C",
      repository,
      "-c",
      "commit.gpgSign=false",
      "commit",
      "-q",
      "--allow-empty",
      "-m",
      "Go on",
    ],
    {
      env: {
        PATH: "/usr/local/bin:/usr/bin:/bin",
        GIT_AUTHOR_NAME: "Ada",
        GIT_AUTHOR_EMAIL: "ada@example.org",
        GIT_COMMITTER_NAME: "Ada",
        GIT_COMMITTER_EMAIL: "ada@example.org",
        GIT_AUTHOR_DATE: date,
        GIT_COMMITTER_DATE: date,
      },
    },
  );
}

const TEMPLATES = "examples/templates";
const CATALOGUES = ["--catalogue", "examples/tools.yaml", "--catalogue", `${TEMPLATES}/tools.yaml`];

/** Runs a template over the repository; its report goes to a folder of its own. */
async function runTemplate(tutti: Tutti, name: string, more: object = {}) {
  const out = join(folder, name);
  const input = JSON.stringify({ path: repository, out, ...more });
  const file = join(TEMPLATES, `${name}.yaml`);
  const { code, run } = await tutti("run", file, ...CATALOGUES, "--input-json", input);
  const states = new Set(Object.values(run.steps).map((step) => step.state));
  return { code, run, states: [...states], report: readFileSync(join(out, `${name}.md`), "utf8") };
}

/** The phase of each step is the first word of its name: `Research: list the files`. */
function phasesOf(name: string): Map<string, string[]> {
  const document = parse(readFileSync(join(TEMPLATES, `${name}.yaml`), "utf8")) as {
    steps: { id: string; name: string }[];
  };
  const phases = new Map<string, string[]>();
  for (const step of document.steps) {
    const phase = step.name.split(":")[0] ?? "";
    phases.set(phase, [...(phases.get(phase) ?? []), step.id]);
  }
  return phases;
}

/** Nothing of a phase began before everything of the one before had ended. */
function expectInOrder(run: Run, phases: readonly (readonly string[])[]): void {
  const time = (text: string) => Date.parse(text);
  for (const [index, phase] of phases.entries()) {
    const before = (phases[index - 1] ?? []).map((id) => time(run.steps[id]!.finishedAt));
    const starts = phase.map((id) => time(run.steps[id]!.startedAt));
    expect(Math.min(...starts), phase.join()).toBeGreaterThanOrEqual(Math.max(0, ...before));
  }
}

describe("a template does real work on a real repository", () => {
  test("code development: six phases, those of implement and test parallel inside", async ({
    tutti,
  }) => {
    const { code, run, states, report } = await runTemplate(tutti, "code-development");
    expect({ code, states, output: run.output }).toEqual({
      code: 0,
      states: ["completed"],
      output: { report: expect.stringContaining("code-development.md"), failed: [] },
    });
    const phases = phasesOf("code-development");
    const names = ["Research", "Design", "Implement", "Test", "Review", "Optimize"];
    expect([...phases.keys()]).toEqual(names);
    expectInOrder(run, [...phases.values()]);
    const plan = prepare(
      readFileSync(join(TEMPLATES, "code-development.yaml"), "utf8"),
      loadCatalogue({ files: ["examples/tools.yaml", `${TEMPLATES}/tools.yaml`] }),
    );
    for (const name of ["Implement", "Test"]) {
      const own = phases.get(name)!;
      const inside = plan.steps.filter((step) => own.includes(step.id));
      expect(inside.flatMap((step) => step.dependencies.filter((on) => own.includes(on)))).toEqual(
        [],
      );
      expect(own.length).toBeGreaterThan(1);
    }
    expect(report).toMatch(/^\| Programs \| 2 \|$/m);
    expect(report).toMatch(/^\| tests\/sum\.test\.mjs \| 1 \| 0 \|$/m);
    expect(report).toContain("lib/long.mjs: 3 open ends");
    expect(report).toContain("lib/long.mjs (63)");
  });

  test("code development: a test that fails is told, and what does not parse is not tested", async ({
    tutti,
  }) => {
    const file = join(repository, "tests/sum.test.mjs");
    const good = readFileSync(file, "utf8");
    writeFileSync(file, good.replace("3));", "4));"));
    const failing = await runTemplate(tutti, "code-development");
    writeFileSync(file, good);
    expect(failing.run.state).toBe("completed_with_unmet_criteria");
    expect(failing.run.output["failed"]).toEqual(["tests/sum.test.mjs"]);

    const program = join(repository, "lib/sum.mjs");
    const text = readFileSync(program, "utf8");
    writeFileSync(program, "export const = ;\n");
    const { code, run } = await runTemplate(tutti, "code-development");
    writeFileSync(program, text);
    expect({ code, syntax: run.steps["syntax"]?.state, tests: run.steps["tests"]?.state }).toEqual({
      code: 1,
      syntax: "failed",
      tests: "cancelled",
    });
  });

  test("research and decision: six phases lead to the folder with most open ends", async ({
    tutti,
  }) => {
    const { code, run, states, report } = await runTemplate(tutti, "research-decision");
    expect({ code, states }).toEqual({ code: 0, states: ["completed"] });
    const phases = phasesOf("research-decision");
    const names = ["Research", "Analyze", "Generate options", "Assess risks", "Score", "Recommend"];
    expect([...phases.keys()]).toEqual(names);
    expectInOrder(run, [...phases.values()]);
    // 4 of 5 open ends, but 65 of 77 lines: at this weight the risk outweighs the gain.
    expect(run.output["choice"]).toBe("site");
    expect(report).toMatch(/^\| lib \| 4 \| \d+(\.\d)? \| -\d+(\.\d)? \|$/m);
    const bold = await runTemplate(tutti, "research-decision", { riskWeight: 0 });
    expect(bold.run.output["choice"]).toBe("lib");
    expect(bold.report).toContain("Begin with lib: 4 open ends.");
  });

  test("technology decision: five phases, three branches, weights that decide", async ({
    tutti,
  }) => {
    const candidates = [
      { name: "JavaScript", extension: ".mjs" },
      { name: "Python", extension: ".py" },
    ];
    const { code, run, states, report } = await runTemplate(tutti, "technology-decision", {
      candidates,
    });
    expect({ code, states, output: run.output }).toMatchObject({
      code: 0,
      states: ["completed"],
      output: { choice: "JavaScript", isClear: true },
    });
    expect(report).toMatch(/^\| JavaScript \| 3 \| 69 \| 1 \|$/m);
    expect(report).toMatch(/^\| Python \| 1 \| 1 \| 0 \|$/m);
    const [requirements, adoption, volume, mentions, ...rest] =
      phasesOf("technology-decision").values();
    const evaluation = [...adoption!, ...volume!, ...mentions!];
    expect(rest).toHaveLength(3);
    expectInOrder(run, [requirements!, evaluation, ...rest]);
  });

  test("full stack development: six phases, the gaps are named", async ({ tutti }) => {
    const { code, run, states, report } = await runTemplate(tutti, "full-stack-development");
    expect({ code, states, gaps: run.output["gaps"] }).toEqual({
      code: 0,
      states: ["completed"],
      gaps: [],
    });
    const [requirements, architecture, backend, frontend, ...rest] =
      phasesOf("full-stack-development").values();
    expectInOrder(run, [requirements!, architecture!, [...backend!, ...frontend!], ...rest]);
    expect(report).toMatch(/^\| Backend \| 3 \|$/m);
    expect(report).toMatch(/^\| frontend \| \.html \| 1 \| 3 \|$/m);
    expect(report).toMatch(/^\| tests \| \.mjs \| 1 \| 4 \|$/m);
  });

  test("adaptive learning: eight phases, the rule that errs less is kept", async ({ tutti }) => {
    const { code, run, states, report } = await runTemplate(tutti, "adaptive-learning");
    expect({ code, states }).toEqual({ code: 0, states: ["completed"] });
    // 3 and 1 commits teach that a week brings 2; then came 3 and 1: wrong by 1 each.
    expect(run.output).toMatchObject({ rule: "the mean", value: 2, error: 1 });
    expect(report).toContain("A week brings 2 commits (the mean)");
    expectInOrder(run, [...phasesOf("adaptive-learning").values()]);

    // All commits are of one year: there is no older half to learn from, and nothing is made up.
    const file = join(TEMPLATES, "adaptive-learning.yaml");
    const input = JSON.stringify({ path: repository, out: folder, unit: "year" });
    const short = await tutti("run", file, ...CATALOGUES, "--input-json", input);
    expect({ code: short.code, output: short.run.output }).toEqual({ code: 0, output: null });
    expect(short.run.steps["reflect"]?.state).toBe("skipped");
  });

  test("every template is run here", () => {
    const files = readdirSync(TEMPLATES).filter((name) => name !== "tools.yaml");
    expect(files).toEqual([
      "adaptive-learning.yaml",
      "code-development.yaml",
      "full-stack-development.yaml",
      "research-decision.yaml",
      "technology-decision.yaml",
    ]);
  });
});

describe("an example of each form runs", () => {
  test("snake_case", async ({ tutti }) => {
    const input = JSON.stringify({ words: ["x", "long", "x"], out: folder });
    const { code, run } = await tutti(
      "run",
      "examples/forms/snake-case.yaml",
      "--input-json",
      input,
    );
    expect({ code, output: run.output }).toEqual({ code: 0, output: join(folder, "words.md") });
    expect(readFileSync(join(folder, "words.md"), "utf8")).toContain(
      "x is there 2 times; the longest word has 4 letters.",
    );
  });

  test("sequential", async ({ tutti }) => {
    const { code, run } = await tutti("run", "examples/forms/sequential.yaml");
    expect({ code, output: run.output }).toEqual({
      code: 0,
      output: { most: "error", times: 2, left: 1 },
    });
    expectInOrder(run, [["parse"], ["group"], ["summary"]]);
  });

  test("branches: the optional one fails, the rest of it is skipped, nobody minds", async ({
    tutti,
  }) => {
    const { code, run } = await tutti("run", "examples/forms/branches.yaml");
    expect({ code, state: run.state, output: run.output }).toEqual({
      code: 0,
      state: "completed",
      output: { frequent: "a", median: 2, luck: "skipped" },
    });
    expect(run.steps["fails"]?.state).toBe("failed");
  });

  test("phases: an optional branch fails, the phases keep their order", async ({ tutti }) => {
    const { code, run } = await tutti("run", "examples/forms/phases.yaml");
    expect({ code, state: run.state, output: run.output }).toEqual({
      code: 0,
      state: "completed",
      output: { guests: 3, cents: 2_100, done: "Hang the lamps" },
    });
    expectInOrder(run, [
      ["research_guests", "research_prices"],
      ["prepare_Bake_a_cake"],
      ["prepare_Hang_the_lamps"],
      ["decide_food_cost", "decide_music_band"],
    ]);
  });

  test("every form is run here", () => {
    expect(readdirSync("examples/forms")).toEqual([
      "branches.yaml",
      "phases.yaml",
      "sequential.yaml",
      "snake-case.yaml",
    ]);
  });
});
