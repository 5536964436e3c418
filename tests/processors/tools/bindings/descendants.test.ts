import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, openSync, readlinkSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { afterAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";

import { loadConfig, parseCatalogue, ToolRegistry } from "../../../../config/index.ts";
import { bindTools, type BoundTools } from "../../../../processors/index.ts";
import { eventually } from "../../../support/waiting/eventually.ts";
import { codeOf, contextOf, thrownBy } from "./contract.ts";

const folder = mkdtempSync(join(tmpdir(), "tutti-descendants-"));
afterAll(() => rmSync(folder, { recursive: true }));

function toolsOf(bindings: Record<string, object>): BoundTools {
  const tools = Object.entries(bindings).map(([id, binding]) => ({
    id,
    name: id,
    category: "foundation",
    capabilities: ["x"],
    binding: { type: "command", command: "sh", ...binding },
  }));
  const text = stringify({ tutti: 1, allow: { commands: ["sh", process.execPath] }, tools });
  return bindTools({ registry: new ToolRegistry(parseCatalogue(text, "t.yaml")) });
}

/** Processes of this user that run with this argument. */
const running = (argument: string): string[] =>
  execFileSync("ps", ["-A", "-o", "pid=,stat=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(argument) && !/^\s*\d+\s+Z/.test(line));

let last = 0;
/** A time to sleep that nobody else sleeps. Seconds. */
const unlike = (): string => `3000.${process.pid}${++last}`;

const QUIET = "</dev/null >/dev/null 2>&1";

/** How a process leaves the group of its command; `said` once it runs. */
const WAYS: Readonly<Record<string, (seconds: string, said: string) => string>> = {
  "in a session of its own": (seconds, said) =>
    `setsid sh -c 'echo > ${said}; sleep ${seconds}; :' ${QUIET} &`,
  "as a daemon, forked twice": (seconds, said) =>
    `(setsid sh -c '(setsid sh -c "echo > ${said}; sleep ${seconds}; :") & ' ${QUIET} &) &`,
  "that does not hear of a hang-up": (seconds, said) =>
    `nohup setsid sh -c 'trap "" HUP TERM; echo > ${said}; sleep ${seconds}; :' ${QUIET} &`,
  "in a group of its own": (seconds, said) =>
    `set -m; sh -c 'echo > ${said}; sleep ${seconds}; :' ${QUIET} &`,
  "that holds the pipes": (seconds, said) => `setsid sh -c 'echo > ${said}; sleep ${seconds}; :' &`,
};

/** How the call ends after that. */
const ENDS: Readonly<Record<string, string>> = {
  normally: "echo done",
  "by its deadline": "sleep 1000",
  "by a cancel": "sleep 1000",
  "by too much output": "yes",
  "by a failure": "exit 3",
};

const isLinux = process.platform === "linux";

describe.runIf(isLinux).each(Object.entries(WAYS))("a process %s", (_way, leave) => {
  test.each(Object.entries(ENDS))("ends with a call that ends %s", async (end, script) => {
    const seconds = unlike();
    const said = join(folder, seconds);
    const until = `while ! [ -e ${said} ]; do sleep 0.01; done`;
    const tools = toolsOf({
      t: { args: ["-c", `${leave(seconds, said)}\n${until}\n${script}`], maxOutputBytes: 1_000 },
    });
    const cancel = new AbortController();
    const timeoutMs = end === "by its deadline" ? 1_500 : 60_000;
    const call = codeOf(tools.call("t", {}, contextOf(cancel.signal), { timeoutMs }));
    if (end === "by a cancel") {
      await eventually(() => expect(existsSync(said)).toBe(true));
      cancel.abort(new Error("stop"));
    }
    await call;
    expect(running(seconds)).toEqual([]);
    await tools.close();
  });
});

describe.runIf(isLinux)("who is looked for", () => {
  test("a process without its environment ends while one of its ancestors is known", async () => {
    const seconds = unlike();
    const said = join(folder, seconds);
    const leave = `env -i PATH="$PATH" setsid sh -c 'echo > ${said}; sleep ${seconds}; :' ${QUIET} & wait`;
    const tools = toolsOf({ t: { args: ["-c", leave] } });
    const cancel = new AbortController();
    const call = thrownBy(tools.call("t", {}, contextOf(cancel.signal)));
    await eventually(() => expect(existsSync(said)).toBe(true));
    cancel.abort(new Error("stop"));
    await call;
    expect(running(seconds)).toEqual([]);
  });

  test("other calls, and processes that are not ours, are left alone", async () => {
    const [other, stranger, mine] = [unlike(), unlike(), unlike()];
    const tools = toolsOf({
      other: { args: ["-c", `setsid sleep ${other} & sleep 1000`] },
      t: { args: ["-c", `setsid sleep ${mine} ${QUIET} &`] },
    });
    const child = spawn("sleep", [stranger], { detached: true, stdio: "ignore" });
    const cancel = new AbortController();
    const long = thrownBy(tools.call("other", {}, contextOf(cancel.signal)));
    await eventually(() => expect(running(` sleep ${other}`).length).toBeGreaterThan(1));
    await Promise.all(Array.from({ length: 5 }, () => tools.call("t", {}, contextOf())));
    expect(running(mine)).toEqual([]);
    expect(running(` sleep ${other}`).filter((line) => !line.includes(" sh "))).toHaveLength(1);
    expect(running(stranger)).toHaveLength(1);
    cancel.abort(new Error("stop"));
    await long;
    expect(running(other)).toEqual([]);
    expect(running(stranger)).toHaveLength(1);
    child.kill("SIGKILL");
  });

  test("what a worker still runs ends when the worker exits", async () => {
    const seconds = unlike();
    const said = join(folder, seconds);
    const url = (path: string): string => JSON.stringify(pathToFileURL(path).href);
    const script = `
      const { startProcess } = await import(${url("processors/tools/bindings/command/own-process.ts")});
      await startProcess({ command: "sh", args: ["-c", ${JSON.stringify(`${WAYS["as a daemon, forked twice"]?.(seconds, said)} sleep 1000`)}], env: process.env });
      const { existsSync } = await import("node:fs");
      setInterval(() => existsSync(${JSON.stringify(said)}) && process.exit(), 10);
    `;
    const worker = spawn(process.execPath, [
      "--import",
      "tsx",
      "--input-type=module",
      "-e",
      script,
    ]);
    await once(worker, "exit");
    expect(existsSync(said)).toBe(true);
    await eventually(() => expect(running(seconds)).toEqual([]));
  });

  test("the mark is no setting: a command may be Tutti itself", () => {
    expect(loadConfig({ HOME: "/home/ada", TUTTI_CALL: "x" }).home).toBe("/home/ada/.tutti");
  });
});

describe.runIf(isLinux)("descriptors", () => {
  const LIST = "ls -l /proc/self/fd";
  /** What a listing shows beside the three pipes, the folder it lists and the null device. */
  const others = (listing: string): string[] =>
    listing
      .split("\n")
      .flatMap((line) => / (\d+) -> (.*)$/.exec(line)?.slice(1, 3).join(" ") ?? [])
      .filter((one) => !/^[012] (?:pipe|socket):|^\d+ (?:\/proc\/\d+\/fd|\/dev\/null)$/.test(one));

  test("a command inherits none of the worker's files and sockets", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const files = Array.from({ length: 40 }, () => openSync("package.json", "r"));
    expect(readlinkSync(`/proc/self/fd/${files.at(-1)}`)).toMatch(/package\.json$/);
    const tools = toolsOf({ t: { args: ["-c", LIST] } });
    expect(others((await tools.call("t", {}, contextOf())) as string)).toEqual([]);
    server.close();
  });

  test("nor what the worker was given by whoever started it", async () => {
    const url = pathToFileURL("processors/tools/bindings/command/command-run.ts").href;
    const script = `
      const { runCommand } = await import(${JSON.stringify(url)});
      const { signal } = new AbortController();
      const run = { command: "sh", args: ["-c", ${JSON.stringify(LIST)}], env: process.env, maxOutputBytes: 1e6, signal };
      process.stdout.write((await runCommand(run)).stdout);
    `;
    const given = openSync(join(folder, "lock"), "w");
    const stdio = Array.from({ length: 200 }, (_, fd) => (fd < 3 ? "pipe" : "ignore"));
    const listing = await new Promise<string>((resolve) => {
      let text = "";
      // As `exec 20> lock` and `exec 200> lock` of a script do.
      const parent = spawn(
        process.execPath,
        ["--import", "tsx", "--input-type=module", "-e", script],
        {
          stdio: [...stdio.slice(0, 20), given, ...stdio.slice(21), given] as (
            | "pipe"
            | "ignore"
            | number
          )[],
        },
      );
      parent.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()));
      parent.once("close", () => resolve(text));
    });
    expect(listing).toContain("200 -> /dev/null");
    expect(others(listing)).toEqual([]);
  });
});
