import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";

import { parseCatalogue, ToolRegistry, type TuttiError } from "../../../../config/index.ts";
import { bindTools, type BoundTools } from "../../../../processors/index.ts";
import { eventually } from "../../../support/waiting/eventually.ts";
import { bindingContract, codeOf, contextOf, thrownBy, TOKEN } from "./contract.ts";

const NODE = process.execPath;
const folder = mkdtempSync(join(tmpdir(), "tutti-command-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Stands in the arguments of every process of `slow`, so that the process table can be asked. */
const MARK = `tutti-slow-${process.pid}`;

function processesWith(mark: string): string[] {
  return execFileSync("ps", ["-A", "-o", "pid=,stat=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(mark) && !/^\s*\d+\s+Z/.test(line));
}

/** A grandchild that does not listen to SIGTERM and holds the pipes, started by a child that waits for it. */
const STUBBORN = `process.on("SIGTERM", () => {}); setInterval(() => {}, 1000);`;
const PARENT = `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(STUBBORN)}, "${MARK}-grandchild"], { stdio: "inherit" });`;

const TEXT_INPUT = {
  type: "object",
  additionalProperties: false,
  properties: { text: { type: "string" } },
};

function toolsOf(
  bindings: Record<string, object>,
  commands = [NODE],
  input: object = TEXT_INPUT,
): BoundTools {
  const tools = Object.entries(bindings).map(([id, binding]) => ({
    id,
    name: id,
    category: "foundation",
    capabilities: ["x"],
    input,
    binding: { type: "command", command: NODE, ...binding },
  }));
  const text = stringify({ tutti: 1, allow: { commands }, tools });
  return bindTools({ registry: new ToolRegistry(parseCatalogue(text, "t.yaml")) });
}

const SHOW_ENV = `console.log(JSON.stringify({ text: process.argv[1], env: process.env }))`;
const another = () =>
  toolsOf({
    "t.echo": {
      args: [
        "-e",
        "process.stdout.write(JSON.stringify({ text: process.argv[1] }))",
        "${{ args.text }}",
      ],
      parse: "json",
    },
    "t.slow": { args: ["-e", PARENT, MARK] },
    "t.fail": {
      args: [
        "-e",
        "console.error('why\\nbecause ' + process.argv[1]); process.exit(7)",
        "${{ args.text }}",
      ],
    },
    "t.big": {
      args: ["-e", "for (;;) process.stdout.write('x'.repeat(65536))"],
      maxOutputBytes: 100_000,
    },
    "t.secret": {
      args: ["-e", `require("fs").writeFileSync("seen", process.env.TOKEN); ${SHOW_ENV}`, "-"],
      env: { TOKEN: "${{ secrets.TOKEN }}" },
      cwd: folder,
      parse: "json",
    },
  });

bindingContract({
  name: "command",
  failure: { code: "step_execution_failed", message: /exited with 7: because no$/ },
  skip: { correlation: "a command line has no place for it; `env` can carry what a tool needs" },
  start: () => {
    const tools = another();
    return Promise.resolve({
      tools,
      another,
      echoed: (output) => (output as { text: string }).text,
      // The grandchild is the last to come and the one that others forget.
      running: () =>
        processesWith(`${MARK}-grandchild`).length > 0 ? 1 : processesWith(MARK).length,
      secret: async () => {
        const output = await tools.call("t.secret", { text: "" }, contextOf());
        const seen = execFileSync("cat", [join(folder, "seen")], { encoding: "utf8" });
        return { seen, output };
      },
      stop: () => tools.close(),
    });
  },
});

describe("arguments", () => {
  const show = ["-e", "console.log(JSON.stringify(process.argv.slice(1)))", "--"];
  const input = { type: "object" };
  const argsOf = (args: string[], given: object) =>
    toolsOf({ t: { args: [...show, ...args], parse: "json" } }, [NODE], input).call(
      "t",
      { ...given },
      contextOf(),
    );

  test("no shell reads them", async () => {
    const text = "$(touch pwned); `id` 'a' \"b\" * > /tmp/x | cat && false";
    expect(await argsOf(["${{ args.text }}"], { text })).toEqual([text]);
  });

  test("a list becomes arguments, null becomes none, inside text both are written out", async () => {
    const given = { files: ["a b", "c"], none: null, n: 1.5, flag: true };
    const args = [
      "${{ args.files }}",
      "${{ args.none }}",
      "-n=${{ args.n }}",
      "${{ args.flag }}",
      "x${{ args.files }}",
    ];
    expect(await argsOf(args, given)).toEqual(["a b", "c", "-n=1.5", "true", 'x["a b","c"]']);
  });

  test("NUL is refused, a missing value is told", async () => {
    expect(await codeOf(argsOf(["${{ args.text }}"], { text: "a\0b" }))).toBe("input_invalid");
    expect(await codeOf(argsOf(["${{ args.text }}"], {}))).toBe("reference_missing");
  });
});

test("the environment is clean: PATH, HOME, LANG, a mark and what the binding gives", async () => {
  const tools = toolsOf({ t: { args: ["-e", SHOW_ENV, "-"], env: { MINE: "1" }, parse: "json" } });
  const { env } = (await tools.call("t", {}, contextOf())) as { env: Record<string, string> };
  expect(Object.keys(env).toSorted()).toEqual(["HOME", "LANG", "MINE", "PATH", "TUTTI_CALL"]);
  const again = (await tools.call("t", {}, contextOf())) as { env: Record<string, string> };
  expect(again.env["TUTTI_CALL"]).not.toBe(env["TUTTI_CALL"]);
});

const write = (code: string) => ({ args: ["-e", code] });

test("output as text, lines and JSON; exit codes that are fine; standard input", async () => {
  const tools = toolsOf({
    text: write("console.log('a\\nb')"),
    lines: { ...write("console.log('a\\nb')"), parse: "lines" },
    none: { ...write(""), parse: "lines" },
    json: { ...write("console.log('{')"), parse: "json" },
    empty: { ...write(""), parse: "json" },
    blank: { ...write("console.log()"), parse: "json" },
    told: write("console.log('on'); console.log('stdout'); process.exitCode = 2"),
    one: { ...write("process.exit(1)"), okExitCodes: [0, 1] },
    stdin: { ...write("process.stdin.pipe(process.stdout)"), stdin: "<${{ args.text }}>" },
    deaf: { ...write(""), stdin: "x".repeat(1_000_000) },
  });
  const call = (id: string) => tools.call(id, { text: "hi" }, contextOf());
  expect(await call("text")).toBe("a\nb");
  expect(await call("lines")).toEqual(["a", "b"]);
  expect(await call("none")).toEqual([]);
  expect(await codeOf(call("json"))).toBe("tool_output_invalid");
  expect(await call("empty"), "as the empty answer of a service").toBeNull();
  expect(await call("blank")).toBeNull();
  await expect(call("told")).rejects.toMatchObject({
    message: expect.stringMatching(/exited with 2: stdout$/),
    details: { stdout: "on\nstdout", stderr: "" },
  });
  expect(await call("one")).toBe("");
  expect(await call("stdin")).toBe("<hi>");
  expect(await call("deaf"), "a command need not read its input").toBe("");
});

test("what cannot start is told apart: no binary, no folder, not allowed", async () => {
  const tools = toolsOf(
    {
      missing: { command: "no-such-binary-here" },
      folder: { cwd: join(folder, "none") },
      denied: { command: "${{ args.text }}" },
      killed: { args: ["-e", "process.kill(process.pid, 'SIGKILL')"] },
    },
    [NODE, "no-such-binary-here"],
  );
  const call = (id: string) => tools.call(id, { text: "rm" }, contextOf());
  expect(await codeOf(call("missing"))).toBe("tool_unavailable");
  expect(await codeOf(call("folder"))).toBe("tool_failed");
  expect(await codeOf(call("denied"))).toBe("tool_denied");
  expect(await thrownBy(call("killed"))).toMatchObject({
    code: "step_execution_failed",
    details: { exitCode: null, signal: "SIGKILL" },
  });
});

test("secrets do not come back on standard error", async () => {
  const tools = toolsOf({
    t: {
      args: ["-e", "console.error('denied ' + process.env.TOKEN); process.exit(1)"],
      env: { TOKEN: "${{ secrets.TOKEN }}" },
    },
  });
  const thrown = await thrownBy(tools.call("t", {}, contextOf()));
  expect(thrown).toMatchObject({
    message: expect.stringContaining("denied [secret TOKEN]"),
    details: { stderr: "denied [secret TOKEN]" },
  });
  expect(JSON.stringify(thrown)).not.toContain(TOKEN);
});

test("what a command leaves behind ends with it", async () => {
  const mark = `${MARK}-left`;
  const tools = toolsOf({
    t: {
      args: [
        "-e",
        `require("child_process").spawn(process.execPath, ["-e", "setInterval(()=>{},1000)", "${mark}"], { stdio: "inherit" }).unref(); console.log("done")`,
      ],
    },
  });
  expect(await tools.call("t", {}, contextOf())).toBe("done");
  await eventually(() => expect(processesWith(mark)).toEqual([]));
});

test("a secret is taken out before standard error is cut", async () => {
  const secret = `${"k".repeat(40)}\n${"z".repeat(40)}`;
  const complain = (text: string) => ["-e", `console.error(${text}); process.exit(1)`];
  const tools = toolsOf({
    // The message is the last line, and the details are the last 4,096 characters: both end within the secret.
    "t.lines": { args: complain("process.env.TOKEN"), env: { TOKEN: "${{ secrets.TOKEN }}" } },
    "t.tail": {
      args: complain("process.env.TOKEN + '.'.repeat(4060)"),
      env: { TOKEN: "${{ secrets.TOKEN }}" },
    },
  });
  const context = { ...contextOf(), secret: () => secret };
  for (const id of ["t.lines", "t.tail"]) {
    const { message, details } = (await thrownBy(tools.call(id, {}, context))) as TuttiError;
    expect(JSON.stringify([message, details])).not.toMatch(/kkk|zzz/);
  }
});
