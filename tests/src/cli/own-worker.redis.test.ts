import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect } from "vitest";

import { loadCatalogue } from "../../../config/index.ts";
import { runCli } from "../../../src/cli/index.ts";
import { Tutti } from "../../../src/tutti.ts";
import { startWorker, type ToolHandler } from "../../../src/worker.ts";
import { test as base } from "../../support/runner/redis.ts";
import { eventually } from "../../support/waiting/eventually.ts";

const CATALOGUE = `tutti: 1
tools:
  - { id: mail.send, name: Mail, category: foundation, capabilities: [x], binding: { type: in_process } }
`;
/** By name: the steps of a document, and what its run calls. */
const KINDS = {
  timer: "- { id: a, waitMs: 1 }",
  approval: "- { id: a, approval: go? }",
  event: "- { id: a, event: came }",
  workflow: "- { id: a, workflow: inner }",
  call: "- { id: a, tool: core.echo, with: { value: 1 } }",
} as const;
const document = (id: string, steps: string) =>
  `tutti: 1\nid: ${id}\ninputs: { type: object, properties: { n: { type: number } } }\nsteps:\n  ${steps}\n`;

let folder = "";
const file = (name: string) => join(folder, `${name}.yaml`);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tutti-own-"));
  await writeFile(file("tools"), CATALOGUE);
  await writeFile(file("mail"), document("mail", "- { id: a, tool: mail.send }"));
  await writeFile(
    file("undone"),
    document(
      "undone",
      "- { id: a, tool: core.echo, with: { value: 1 }, compensate: { tool: core.sleep, with: { ms: 1 } } }",
    ),
  );
  for (const [name, steps] of Object.entries(KINDS))
    await writeFile(file(name), document(name, steps));
});
afterAll(() => rm(folder, { recursive: true }));

interface Place {
  readonly tutti: Tutti;
  readonly cli: (...argv: string[]) => {
    written: { stderr: string; stdout: string };
    interrupt: () => void;
    code: Promise<number>;
  };
  readonly work: (
    tools: readonly string[],
    handlers?: Record<string, ToolHandler>,
  ) => Promise<void>;
}

const test = base.extend<{ place: Place }>({
  place: async ({ redisUrl, prefix }, use) => {
    const closers: (() => Promise<unknown>)[] = [];
    const registry = loadCatalogue({ files: [file("tools")] });
    await using tutti = new Tutti({ redisUrl, prefix, registry });
    await tutti.workflows.add(document("inner", KINDS.call));
    await use({
      tutti,
      cli(...argv) {
        const written = { stdout: "", stderr: "" };
        const stop = new AbortController();
        const code = runCli(argv, {
          stdout: { write: (text) => (written.stdout += text) },
          stderr: { write: (text) => (written.stderr += text) },
          signal: stop.signal,
          env: {
            PATH: "/usr/bin:/bin",
            HOME: folder,
            REDIS_URL: redisUrl,
            TUTTI_PREFIX: prefix,
            TUTTI_CATALOGUES: file("tools"),
          },
        });
        closers.push(() => (stop.abort(), code));
        return { written, interrupt: () => stop.abort(), code };
      },
      async work(tools, handlers = {}) {
        const worker = await startWorker({ redisUrl, prefix, registry, tools, handlers });
        closers.push(() => worker.close());
      },
    });
    for (const close of closers.toReversed()) await close();
  },
});

test("steps that call no tool start no worker beside a live one", async ({ place }) => {
  await place.work(["core.echo"]);
  for (const kind of Object.keys(KINDS)) {
    await place.tutti.workflows.add(document(kind, KINDS[kind as keyof typeof KINDS]));
    for (const [command, name] of [
      ["run", file(kind)],
      ["start", kind],
    ] as const) {
      const runId = `${command}-${kind}`;
      const { written, interrupt, code } = place.cli(command, name, "--run-id", runId);
      if (kind === "approval" || kind === "event") {
        await eventually(async () =>
          expect((await place.tutti.get(runId)).steps["a"]?.state).toBe("waiting"),
        );
        interrupt();
      }
      await code;
      expect(written.stderr, `${command} ${kind}`).not.toContain("worker");
    }
  }
});

test("a run without calls gets a worker when none is alive", async ({ place }) => {
  const { written, code } = place.cli("run", file("timer"));
  expect(await code).toBe(0);
  expect(written.stderr).toContain("no worker is alive: started");
});

test("the tools of a workflow that is started within, and those that undo, are served too", async ({
  place,
}) => {
  await place.work(["core.sleep"]);
  const within = place.cli("run", file("workflow"));
  expect(await within.code).toBe(0);
  expect(within.written.stderr).toContain("no live worker serves core.echo: started");
  await place.work(["core.echo"]);
  await place.tutti.workflows.add(
    document(
      "undone",
      "- { id: a, tool: core.echo, with: { value: 1 }, compensate: { tool: mail.send } }",
    ),
  );
  expect(await place.tutti.workflows.tools("undone")).toEqual(["core.echo", "mail.send"]);
});

test("an input that does not fit starts no worker, by file or by name", async ({ place }) => {
  await place.tutti.workflows.add(document("call", KINDS.call));
  for (const argv of [
    ["run", file("call")],
    ["start", "call"],
  ]) {
    const { written, code } = place.cli(...argv, "--input", "n=text");
    expect(await code).toBe(2);
    expect(written.stderr).not.toContain("worker");
    expect(await place.tutti.workers()).toEqual([]);
  }
});

test("a worker of the command line takes no steps of tools whose functions are elsewhere", async ({
  place,
}) => {
  // It waits for the function, also when it is there but another program's is alive.
  const own: string[] = [];
  const { written, code } = place.cli("run", file("mail"), "--run-id", "m");
  await eventually(() => expect(written.stderr).toContain("no live worker serves mail.send"));
  expect(written.stderr).toContain("nor can this process");
  await place.work(["mail.send", "core.echo"], {
    "mail.send": () => (own.push("mail"), null),
    "core.echo": () => (own.push("echo"), { value: "mine" }),
  });
  expect(await code).toBe(0);
  // A worker is started for what undoes the step only: the step itself is not taken by it.
  const undone = place.cli("run", file("undone"));
  expect(await undone.code).toBe(0);
  expect(undone.written.stderr).toContain("no live worker serves core.sleep: started");
  expect(own).toEqual(["mail", "echo"]);
});
