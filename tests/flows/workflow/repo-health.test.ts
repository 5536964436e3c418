import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";

import { afterAll, describe, expect } from "vitest";

import { runCli } from "../../../src/cli/index.ts";
import { test as base } from "../../support/runner/redis.ts";

const folder = mkdtempSync(join(tmpdir(), "tutti repo health "));
afterAll(() => rmSync(folder, { recursive: true }));

/** Where npm puts the binaries of packages: the file server of the example is one. */
const BIN = resolve("node_modules/.bin");
const SEARCH_PATH = [BIN, "/usr/local/bin", "/usr/bin", "/bin"].join(delimiter);

function git(path: string, ...args: string[]): void {
  const identity = ["-c", "user.name=Ada | Lovelace", "-c", "user.email=ada@example.org"];
  execFileSync("git", ["-C", path, ...identity, "-c", "commit.gpgSign=false", ...args]);
}

function makeRepository(name: string, files: Readonly<Record<string, string | Buffer>>): string {
  const path = join(folder, name);
  mkdirSync(path);
  git(path, "init", "-q");
  for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content);
  git(path, "add", ".");
  git(path, "commit", "-q", "--allow-empty", "-m", "Begin <b>boldly</b>");
  return path;
}

interface Result {
  readonly state: string;
  readonly output: { readonly report: string; readonly charts: string[]; readonly commits: number };
  readonly steps: Readonly<
    Record<string, { readonly state: string; readonly error?: { readonly message: string } }>
  >;
  readonly files: string[];
}

type Run = (command: string, ...args: string[]) => Promise<{ code: number; result: Result }>;

const test = base.extend<{ run: Run }>({
  run: async ({ redisUrl, prefix }, use) => {
    await use(async (command, ...args) => {
      let stdout = "";
      const code = await runCli([command, ...args, "-o", "json"], {
        stdout: { write: (text) => (stdout += text) },
        stderr: { write: () => undefined },
        env: {
          PATH: SEARCH_PATH,
          HOME: folder,
          REDIS_URL: redisUrl,
          TUTTI_PREFIX: prefix,
          TUTTI_FILES_DIR: folder,
        },
      });
      return { code, result: JSON.parse(stdout) as Result };
    });
  },
});

const WORKFLOW = ["examples/repo-health.yaml", "--catalogue", "examples/tools.yaml"] as const;

describe("the health report of a repository", { timeout: 60_000 }, () => {
  test("demo writes it with charts and timings, over all four kinds of bindings", async ({
    run,
  }) => {
    const path = makeRepository("a repository", {
      "README.md": "# A title\n\nsome words\n",
      LICENSE: "MIT\n",
      "one.ts": "// TODO: first\nconst a = 1;\n// FIXME: second\n",
      "ünï cödé.ts": "const b = 2;\n",
      "picture.png": Buffer.from([0x89, 0x50, 0, 0, 1, 2]),
    });
    git(path, "commit", "-q", "--allow-empty", "-m", "Go on");
    const out = join(folder, "report of it");
    const { code, result } = await run("demo", "--input", `path=${path}`, "--input", `out=${out}`);
    expect({ code, states: statesOf(result) }).toEqual({ code: 0, states: ["completed"] });

    const report = readFileSync(join(out, "repo-health.md"), "utf8");
    expect(report).toContain("# Health of a repository\n");
    expect(report).toMatch(/^\| Commits \| 2 \|$/m);
    expect(report).toMatch(/^\| Files \| 5 \|$/m);
    expect(report).toMatch(/^\| Lines of text \| 8 \|$/m);
    // Names and subjects are text, never markup.
    expect(report).toContain(String.raw`| Ada \| Lovelace | 2 | 100 |`);
    expect(report).toContain(String.raw`Begin \<b\>boldly\</b\>`);
    expect(report).toMatch(/^\| \.ts \| 2 \| 4 \| 2 \| 500 \|$/m);
    expect(report).toMatch(/^\| one\.ts \| 2 \|$/m);
    expect(report).toMatch(/^\| README\.md \| A title \| 3 \| 5 \|$/m);
    expect(report).toContain("answered with status 200");
    // The run's own timings, as its record has them.
    expect(report).toMatch(/^\| log \| completed \| \d+ \| \d+ \|$/m);
    expect(result.output.charts.map((chart) => chart.slice(out.length + 1))).toEqual([
      "commits.svg",
      "authors.svg",
      "kinds.svg",
      "timings.svg",
    ]);
    for (const chart of result.output.charts)
      expect(readFileSync(chart, "utf8")).toMatch(/^<svg [^]*<\/svg>\n$/);
    expect(result.files).toEqual([result.output.report, ...result.output.charts]);
  });

  test("one commit without files, without a service", async ({ run }) => {
    const path = makeRepository("empty", {});
    const out = join(folder, "out of empty");
    const input = ["--input", `path=${path}`, "--input", `out=${out}`];
    const { code, result } = await run("run", ...WORKFLOW, ...input);
    expect({ code, skipped: withState(result, "skipped") }).toEqual({
      code: 0,
      skipped: ["health", "drawKinds", "timings", "durations", "drawTimings"],
    });
    const report = readFileSync(result.output.report, "utf8");
    expect(report).toContain("There are no files.");
    expect(report).toContain("No TODO, FIXME, HACK or XXX was found.");
    expect(report).toContain("There is no README");
  });

  test("a service that is down is a finding", async ({ run }) => {
    const path = makeRepository("down", { "README.md": "Title\n=====\n" });
    const out = join(folder, "out of down");
    const input = { path, out, healthUrl: "http://127.0.0.1:9/health" };
    const { code, result } = await run("run", ...WORKFLOW, "--input-json", JSON.stringify(input));
    expect({ code, failed: withState(result, "failed") }).toEqual({ code: 0, failed: ["health"] });
    expect(readFileSync(result.output.report, "utf8")).toContain("did not answer well");
  });

  test("what is no repository is refused by git, and the run says so", async ({ run }) => {
    const path = join(folder, "plain");
    mkdirSync(path);
    const input = { path, out: join(folder, "never") };
    const { code, result } = await run("run", ...WORKFLOW, "--input-json", JSON.stringify(input));
    expect({ code, state: result.state }).toEqual({ code: 1, state: "failed" });
    // Several ask git at once; the first answer ends the run.
    const [first = ""] = withState(result, "failed");
    expect(result.steps[first]?.error?.message).toContain("not a git repository");
    expect(result.steps["report"]?.state).toBe("cancelled");
  });
});

const statesOf = (result: Result): string[] => [
  ...new Set(Object.values(result.steps).map((step) => step.state)),
];

const withState = (result: Result, state: string): string[] =>
  Object.entries(result.steps).flatMap(([id, step]) => (step.state === state ? [id] : []));
