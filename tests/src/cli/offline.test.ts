import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";

import { runCli } from "../../../src/cli/index.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tutti-cli-"));
  await writeFile(
    join(folder, "good.yaml"),
    `tutti: 1
id: good
name: A good one
steps:
  - { id: a, tool: core.echo, with: { value: 1 } }
  - { id: b, tool: core.echo, with: { value: "\${{ steps.a.output }}" }, when: "\${{ true }}" }
  - { id: c, tool: core.echo, needs: [a], forEach: "\${{ [1, 2] }}", with: { value: "\${{ item }}" } }
`,
  );
  await writeFile(
    join(folder, "bad.yaml"),
    `tutti: 1
id: bad
steps:
  - { id: a, tool: core.ecko }
  - { id: b, tool: core.echo, needs: [aa], with: { value: 1 } }
`,
  );
  await writeFile(
    join(folder, "record.json"),
    JSON.stringify({
      name: "record",
      workflow: {
        specification: { tasks: [{ id: "x.1", parents: [], children: [] }] },
        execution: { tasks: [{ id: "x.1", runtimeInSeconds: 2 }] },
      },
    }),
  );
});
afterAll(() => rm(folder, { recursive: true }));

/** Nothing here may need Redis: the address leads nowhere. */
const tutti = async (...argv: string[]) => {
  const written = { stdout: "", stderr: "" };
  const code = await runCli(argv, {
    stdout: { write: (text) => (written.stdout += text) },
    stderr: { write: (text) => (written.stderr += text) },
    stdin: (async function* stdin() {
      yield await readFile(join(folder, "good.yaml"));
    })(),
    env: {
      PATH: "/usr/bin:/bin",
      HOME: folder,
      REDIS_URL: "redis://127.0.0.1:1",
      TUTTI_REDIS_DEADLINE_MS: "300",
    },
  });
  return { code, ...written };
};
const file = (name: string) => join(folder, name);

test("validate says of every file whether it is valid, with all problems and their places", async () => {
  expect(await tutti("validate", file("good.yaml"))).toEqual({
    code: 0,
    stdout: `${file("good.yaml")}: valid\n`,
    stderr: "",
  });
  const { code, stdout, stderr } = await tutti("validate", file("good.yaml"), file("bad.yaml"));
  expect(code).toBe(2);
  expect(stderr).toBe("");
  const lines = stdout.trimEnd().split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[1]).toContain(`${file("bad.yaml")}:4:`);
  expect(lines[1]).toContain('got: "core.ecko" (did you mean "core.echo"?)');
  expect(lines[2]).toContain(`${file("bad.yaml")}:5:`);
  expect(lines[2]).toContain('got: "aa" (did you mean "a"?)');
});

test("validate answers in JSON too, and a missing file is a problem like any other", async () => {
  const { code, stdout } = await tutti("validate", "-o", "json", file("none.yaml"));
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({
    valid: false,
    files: [{ file: file("none.yaml"), problems: [{ code: "request_invalid" }] }],
  });
});

test("plan shows levels, queues, the critical path and shares", async () => {
  const { code, stdout } = await tutti("plan", file("good.yaml"), "-o", "json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    workflow: { id: "good", name: "A good one" },
    levels: [{ steps: ["a"] }, { steps: ["b", "c"] }],
    steps: [
      { id: "a", queue: "core.echo", dependencies: [] },
      { id: "b", queue: "core.echo", dependencies: ["a"], when: "${{ true }}" },
      { id: "c", queue: "core.echo", dependencies: ["a"], forEach: true },
    ],
  });
  const text = (await tutti("plan", file("good.yaml"))).stdout;
  expect(text).toContain("3 steps on 2 levels");
  expect(text).toMatch(/critical path: a -> [bc]\n/);
  expect(text).toMatch(/^2 +c\[\] /m);
});

test("an invalid document is refused on stderr", async () => {
  const { code, stdout, stderr } = await tutti("plan", file("bad.yaml"));
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(`${file("bad.yaml")}:4:`);
});

test("graph draws on stdout or into a file", async () => {
  expect((await tutti("graph", file("good.yaml"), "--format", "dot")).stdout).toMatch(
    /^digraph "good" \{/,
  );
  expect((await tutti("graph", file("good.yaml"), "--format", "mermaid")).stdout).toMatch(
    /^flowchart TD/,
  );
  const out = file("graph.svg");
  const { code, stdout, stderr } = await tutti("graph", file("good.yaml"), "--out", out);
  expect([code, stdout, stderr]).toEqual([0, "", `wrote ${out}\n`]);
  expect(await readFile(out, "utf8")).toContain("<svg");
  expect((await tutti("graph", file("good.yaml"), "--out", file("no/where.svg"))).code).toBe(2);
});

test("a document may come from standard input", async () => {
  expect((await tutti("graph", "-", "--format", "dot")).stdout).toContain('"a" -> "b"');
});

test("import prints a workflow that validate accepts", async () => {
  const { code, stdout } = await tutti(
    "import",
    "wfcommons",
    file("record.json"),
    "--scale",
    "0.5",
  );
  expect(code).toBe(0);
  expect(parse(stdout)).toMatchObject({
    steps: [{ id: "x_1", name: "x.1", tool: "core.sleep", with: { ms: 1_000 } }],
  });
  await writeFile(file("imported.yaml"), stdout);
  expect((await tutti("validate", file("imported.yaml"))).code).toBe(0);
});

test("import prints the native workflow of another form, and the same plan comes of both", async () => {
  await writeFile(
    file("phases.yaml"),
    `name: By phases
phases:
  - { name: first, tasks: [{ id: a, tool: core.echo, parameters: { n: 1 } }] }
  - { name: then, dependencies: [first], tasks: [{ id: b, tool: core.echo, parameters: { n: "{{a.n}}" } }] }
`,
  );
  const { code, stdout } = await tutti("import", "form", file("phases.yaml"));
  expect(code).toBe(0);
  expect(parse(stdout)).toEqual({
    tutti: 1,
    id: "By_phases",
    name: "By phases",
    steps: [
      { id: "a", tool: "core.echo", with: { n: 1 } },
      { id: "b", tool: "core.echo", with: { n: "${{ steps.a.output.n }}" }, needs: ["a"] },
    ],
  });
  await writeFile(file("native.yaml"), stdout);
  const plans = [file("phases.yaml"), file("native.yaml")].map((one) => tutti("plan", one));
  const [other, native] = await Promise.all(plans);
  expect(other?.code).toBe(0);
  expect(native).toEqual(other);
  // What is native already is printed as it is.
  expect((await tutti("import", "form", file("native.yaml"))).stdout).toBe(stdout);
});

test("import and validate refuse a form in its own words", async () => {
  await writeFile(file("wrong.yaml"), "workflow_id: w\nsteps: [{ step_id: a, timeout: 0 }]\n");
  const expected = [
    `${file("wrong.yaml")}:2:9: expected steps[0].tool_id to be given (a string)`,
    `${file("wrong.yaml")}:2:32: expected steps[0].timeout to be a number of seconds above 0 and at most 2147483, got: 0`,
  ];
  const imported = await tutti("import", "form", file("wrong.yaml"));
  expect([imported.code, imported.stdout]).toEqual([2, ""]);
  expect(imported.stderr.trimEnd().split("\n")).toEqual(expected);
  const validated = await tutti("validate", file("wrong.yaml"));
  expect([validated.code, validated.stdout.trimEnd().split("\n")]).toEqual([2, expected]);
});

test("import refuses what is no recording", async () => {
  const refused = await tutti("import", "wfcommons", file("good.yaml"));
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("document_syntax");
  expect((await tutti("import", "wfcommons", file("record.json"), "--scale", "-1")).code).toBe(2);
});

test("tools are listed and described without the way they are reached", async () => {
  const { stdout } = await tutti("tools", "list", "-o", "json", "--bound");
  const ids = (JSON.parse(stdout) as { id: string }[]).map((tool) => tool.id);
  expect(ids).toContain("core.echo");
  expect((await tutti("tools", "list")).stdout).toMatch(/^TOOL +CATEGORY +BINDING +CAPABILITIES\n/);
  const described = await tutti("tools", "describe", "core.sleep", "-o", "yaml");
  expect(parse(described.stdout)).toMatchObject({ id: "core.sleep", binding: "in_process" });
});

test("an unknown tool is refused with the one that was probably meant", async () => {
  const { code, stderr } = await tutti("tools", "describe", "core.slep");
  expect(code).toBe(2);
  expect(stderr).toBe('tool_not_found: there is no tool "core.slep"; did you mean "core.sleep"?\n');
});

test.each([
  [["no-such-command"], "unknown command"],
  [["run"], "missing required argument"],
  [["plan", "a", "b"], "too many arguments"],
  [["tools", "list", "-o", "xml"], "Allowed choices are text, json, yaml"],
  [["validate", "--no-such-flag", "x"], "unknown option"],
  [["run", "x", "--input", "novalue"], "expected --input to be key=value"],
  [["run", "x", "--input-json", "[1]"], "expected --input-json to be an object"],
  [["run", "x", "--wait-timeout", "soon"], "expected --wait-timeout to be a number"],
  [["runs", "list", "--limit", "0"], "expected a whole number above 0"],
  [["serve", "--port", "70000"], "expected a whole number from 0 to 65535"],
])("%j is wrong use", async (argv, message) => {
  const { code, stdout, stderr } = await tutti(...argv);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(message);
});

test("help and version are data, not errors", async () => {
  expect(await tutti("--version")).toMatchObject({ code: 0, stdout: "0.1.0\n", stderr: "" });
  const help = await tutti("run", "--help");
  expect([help.code, help.stderr]).toEqual([0, ""]);
  expect(help.stdout).toContain("Exit codes: 0 completed");
});

test.each([
  [["runs", "list"]],
  [["runs", "get", "x"]],
  [["runs", "cancel", "x"]],
  [["worker"]],
  [["serve"]],
  [["tools", "call", "core.echo"]],
])("%j without Redis ends with 3", async (argv) => {
  const { code, stdout, stderr } = await tutti(...argv);
  expect([code, stdout]).toEqual([3, ""]);
  expect(stderr).toContain("redis_unavailable");
});

test("a wrong configuration ends with 2 and names the variable", async () => {
  let stderr = "";
  const code = await runCli(["tools", "list"], {
    stdout: { write: () => {} },
    stderr: { write: (text) => (stderr += text) },
    env: { HOME: folder, TUTTI_HOST: "0.0.0.0" },
  });
  expect(code).toBe(2);
  expect(stderr).toContain("TUTTI_HOST");
});

test("doctor reports what it could check, and ends with 3 without Redis", async () => {
  const { code, stdout } = await tutti("doctor", "-o", "json");
  expect(code).toBe(3);
  const { checks } = JSON.parse(stdout) as { checks: { id: string; ok: boolean | null }[] };
  const failed = checks.filter((check) => check.ok === false).map((check) => check.id);
  expect(failed).toEqual(["redis"]);
  expect(checks.find((check) => check.id === "catalogue")?.ok).toBe(true);
});

test("the times of a cron expression are told, also where the clocks change", async () => {
  const next = (...more: string[]) =>
    tutti("schedules", "next", "--cron", "30 2 * * *", "--zone", "Europe/Berlin", ...more);
  const told = await next("--from", "2026-03-28", "--count", "3", "-o", "json");
  expect({ ...told, stdout: JSON.parse(told.stdout) as unknown }).toEqual({
    code: 0,
    stderr: "",
    stdout: ["2026-03-28T01:30:00.000Z", "2026-03-29T01:30:00.000Z", "2026-03-30T00:30:00.000Z"],
  });
  expect((await next("--from", "2026-10-25T00:00+02:00", "--count", "1")).stdout).toBe(
    "2026-10-25T00:30:00.000Z\n",
  );
  const refused = await tutti(
    "schedules",
    "next",
    "--cron",
    "* *",
    "--zone",
    "Mars",
    "--from",
    "x",
  );
  expect(refused.code).toBe(2);
  expect(
    refused.stderr
      .trim()
      .split("\n")
      .map((line) => line.split(":")[0]),
  ).toEqual(["cron", "timeZone", "from"]);
});
