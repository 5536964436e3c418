import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect } from "vitest";
import { parse } from "yaml";

import { runCli } from "../../../src/cli/index.ts";
import { test as base } from "../../support/runner/redis.ts";
import { eventually } from "../../support/waiting/eventually.ts";

let folder = "";
const file = (name: string) => join(folder, name);
const DOCUMENTS = {
  good: `tutti: 1
id: good
inputs: { type: object, properties: { n: { type: number, default: 1 } } }
steps:
  - { id: a, tool: core.echo, with: { value: "\${{ input.n }}" } }
  - { id: each, tool: core.echo, needs: [a], forEach: "\${{ [1, 2] }}", with: { value: "\${{ item }}" } }
output: "\${{ input.n }}"
`,
  failing: `tutti: 1
id: failing
steps:
  - { id: a, tool: core.fail, with: { message: "on purpose" } }
  - { id: b, tool: core.echo, needs: [a], with: { value: 1 } }
`,
  tight: `tutti: 1
id: tight
steps: [{ id: a, tool: tight }]
`,
  tools: `tutti: 1
tools:
  - { id: tight, name: T, category: foundation, capabilities: [x], limits: { queueLength: 1 }, binding: { type: in_process } }
`,
  slow: `tutti: 1
id: slow
steps:
  - { id: a, tool: core.sleep, with: { ms: 60000 } }
`,
};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tutti-cli-"));
  for (const [name, text] of Object.entries(DOCUMENTS)) await writeFile(file(`${name}.yaml`), text);
});
afterAll(() => rm(folder, { recursive: true }));

interface Started {
  readonly written: { stdout: string; stderr: string };
  readonly interrupt: () => void;
  readonly code: Promise<number>;
}

/** Command lines in the test's own namespace; what is still running when the test ends is interrupted. */
const test = base.extend<{
  start: (...argv: string[]) => Started;
  /** Starts a command line and waits for its end. */
  run: (...argv: string[]) => Promise<{ code: number; stdout: string; stderr: string }>;
}>({
  start: async ({ redisUrl, prefix }, use) => {
    const started: Started[] = [];
    await use((...argv) => {
      const written = { stdout: "", stderr: "" };
      const interrupt = new AbortController();
      const code = runCli(argv, {
        stdout: { write: (text) => (written.stdout += text) },
        stderr: { write: (text) => (written.stderr += text) },
        signal: interrupt.signal,
        env: { PATH: "/usr/bin:/bin", HOME: folder, REDIS_URL: redisUrl, TUTTI_PREFIX: prefix },
      });
      const one = { written, interrupt: () => interrupt.abort(), code };
      started.push(one);
      return one;
    });
    for (const one of started) one.interrupt();
    await Promise.all(started.map((one) => one.code));
  },
  run: async ({ start }, use) => {
    await use(async (...argv) => {
      const { written, code } = start(...argv);
      return { code: await code, ...written };
    });
  },
});

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

test("run starts its own worker, waits and prints the result", async ({ start }) => {
  const { written, code } = start("run", file("good.yaml"), "--input", "n=3", "-o", "json");
  expect(await code).toBe(0);
  const result = JSON.parse(written.stdout) as Record<string, unknown>;
  const ended = { state: "completed", attempts: 1, startedAt: expect.stringMatching(TIME) };
  expect(result).toMatchObject({
    runId: expect.stringMatching(/./),
    state: "completed",
    output: 3,
    steps: {
      a: { ...ended, finishedAt: expect.stringMatching(TIME) },
      each: { state: "completed" },
      "each[0]": ended,
      "each[1]": ended,
    },
    startedAt: expect.stringMatching(TIME),
    finishedAt: expect.stringMatching(TIME),
  });
  expect(Object.keys(result)).toEqual([
    "runId",
    "state",
    "output",
    "steps",
    "startedAt",
    "finishedAt",
  ]);
  expect(written.stderr).toContain("no live worker serves core.echo");
  expect(written.stderr.match(/^completed a /gm)).toHaveLength(1);
  expect(written.stderr).toMatch(/^completed each\[1\]/m);
});

test("a run that does not complete ends with 1 and says why", async ({ start }) => {
  const { written, code } = start("run", file("failing.yaml"));
  expect(await code).toBe(1);
  expect(written.stdout).toContain("on purpose");
  expect(written.stderr).toMatch(/^failed +a/m);
  expect(written.stderr).toMatch(/^skipped +b/m);
});

test("an input that does not fit is refused before anything is started", async ({
  start,
  redis,
  prefix,
}) => {
  const { written, code } = start("run", file("good.yaml"), "--input", "n=text");
  expect(await code).toBe(2);
  expect(written.stdout).toBe("");
  expect(written.stderr).toContain("input");
  expect(await redis.exists(`${prefix}.runs`)).toBe(0);
});

test("the first Ctrl-C cancels the run and waits for its end", async ({ start }) => {
  const { written, interrupt, code } = start("run", file("slow.yaml"), "-o", "json");
  await eventually(() => expect(written.stderr).toContain("started"));
  const list = async () => {
    const one = start("runs", "list", "-o", "json");
    await one.code;
    return JSON.parse(one.written.stdout) as { state: string }[];
  };
  await eventually(async () => expect(await list()).toMatchObject([{ state: "running" }]));
  interrupt();
  expect(await code).toBe(130);
  expect(JSON.parse(written.stdout)).toMatchObject({
    state: "cancelled",
    steps: { a: { state: "cancelled" } },
  });
  expect(written.stderr).toContain("press Ctrl-C again");
});

test("waiting ends in time, the run does not", async ({ start }) => {
  const { written, code } = start(
    "run",
    file("slow.yaml"),
    "--wait-timeout",
    "0.3",
    "--run-id",
    "r",
  );
  // The worker of this command would drain for the rest of the step's minute.
  await eventually(() => expect(written.stderr).toContain("run r is still"));
  expect(await start("runs", "cancel", "r", "--reason", "test").code).toBe(0);
  expect(await code).toBe(1);
});

test("detached runs are worked on elsewhere, and can be listed, read, watched and cancelled", async ({
  start,
}) => {
  const detached = start("run", file("good.yaml"), "--detach", "--run-id", "mine");
  expect(await detached.code).toBe(0);
  expect(detached.written.stdout).toBe("mine\n");
  const watch = start("runs", "watch", "mine", "-o", "json");
  const worker = start("worker", "-o", "json");
  expect(await watch.code).toBe(0);
  const events = watch.written.stdout.trimEnd().split("\n");
  expect(JSON.parse(events[0] ?? "")).toMatchObject({ type: "snapshot", run: { runId: "mine" } });
  expect(JSON.parse(events.at(-1) ?? "")).toMatchObject({ type: "run", state: "completed" });

  const got = start("runs", "get", "mine", "-o", "yaml");
  expect(await got.code).toBe(0);
  expect(parse(got.written.stdout)).toMatchObject({ runId: "mine", output: 1 });
  const again = start("run", file("good.yaml"), "--run-id", "mine", "-o", "json");
  expect(await again.code).toBe(0);
  const list = start("runs", "list", "--state", "completed");
  expect(await list.code).toBe(0);
  expect(list.written.stdout).toMatch(/^mine +good +completed/m);
  const cancel = start("runs", "cancel", "mine", "-o", "json");
  expect(await cancel.code).toBe(0);
  expect(JSON.parse(cancel.written.stdout)).toEqual({ runId: "mine", state: "completed" });

  worker.interrupt();
  expect(await worker.code).toBe(0);
  expect(JSON.parse(worker.written.stdout)).toHaveProperty("worker");
});

test("an unknown run ends with 2", async ({ start }) => {
  for (const command of ["get", "watch", "cancel"]) {
    const { written, code } = start("runs", command, "none");
    expect(await code).toBe(2);
    expect(written.stderr).toContain("run_not_found");
  }
});

test("a tool is called once, and text that looks like an expression stays text", async ({
  start,
}) => {
  const input = JSON.stringify({ value: "${{ secrets.X }}", "odd key": [1] });
  const { written, code } = start(
    "tools",
    "call",
    "core.echo",
    "--input-json",
    input,
    "-o",
    "json",
  );
  expect([await code, written.stderr]).toEqual([0, expect.any(String)]);
  expect(written.stdout).toContain("${{ secrets.X }}");
  const failing = start("tools", "call", "core.fail", "--input", "message=no luck");
  expect(await failing.code).toBe(1);
  expect(failing.written.stderr).toContain("no luck");
});

test("serve prints its addresses, serves, and drains when interrupted", async ({ start }) => {
  const { written, interrupt, code } = start("serve", "--port", "0", "-o", "json");
  const { url, boardUrl } = await eventually(
    () => JSON.parse(written.stdout) as { url: string; boardUrl: string },
  );
  expect((await fetch(`${url}/ready`)).status).toBe(200);
  expect(await (await fetch(boardUrl)).text()).toContain("Tutti");
  interrupt();
  expect(await code).toBe(0);
  await expect(fetch(`${url}/health`)).rejects.toThrow("fetch failed");
});

test("doctor finds the Redis of the deployment", async ({ start }) => {
  const { written, code } = start("doctor");
  expect(await code).toBeLessThanOrEqual(1);
  expect(written.stdout).toMatch(/^ok +redis +/m);
  expect(written.stdout).toMatch(/^ok +catalogue/m);
});

test("workflows are added, listed, shown, started by id and hash, and removed", async ({ run }) => {
  const added = await run("workflows", "add", file("good.yaml"), file("slow.yaml"), "-o", "json");
  expect(added.code).toBe(0);
  const [{ hash }] = JSON.parse(added.stdout) as [{ hash: string }];
  expect((await run("workflows", "add", file("good.yaml"))).stdout).toBe(
    `good@${hash} unchanged\n`,
  );
  const list = await run("workflows", "list");
  expect(list.stdout.split("\n").map((line) => line.split(" ")[0])).toEqual([
    "WORKFLOW",
    "good",
    "slow",
    "",
  ]);
  const shown = await run("workflows", "show", `good@${hash}`);
  expect(parse(shown.stdout)).toMatchObject({
    id: "good",
    current: hash,
    document: { id: "good" },
  });
  for (const name of ["good", `good@${hash}`]) {
    const started = await run("start", name, "--input", "n=5", "--key", name);
    expect(started.code).toBe(0);
    expect(started.stdout).toContain("5");
  }
  const ids = await Promise.all(
    ["a", "a", "b"].map(
      async (key) => (await run("start", "slow", "--detach", "--key", key)).stdout,
    ),
  );
  expect(new Set(ids).size).toBe(2);
  expect((await run("workflows", "remove", "good")).stdout).toBe("good: 1 removed\n");
  const gone = await run("start", "good");
  expect(gone.code).toBe(2);
  expect(gone.stderr).toContain("workflow_not_found");
});

test("schedules are added, listed, shown, paused, resumed, run by hand and removed", async ({
  run,
}) => {
  await run("workflows", "add", file("good.yaml"));
  const add = ["schedules", "add", "nightly", "--workflow", "good"];
  const added = await run(
    ...add,
    "--cron",
    "0 3 * * *",
    "--time-zone",
    "Asia/Tokyo",
    "--input",
    "n=2",
  );
  expect(added.stdout).toMatch(/^nightly fires next at .*T18:00:00\.000Z\n$/);
  const bad = await run(...add, "--every-ms", "1", "--time-zone", "Mars");
  expect(bad.code).toBe(2);
  expect(bad.stderr.split("\n").slice(0, 3)).toEqual([
    expect.stringContaining("timeZone"),
    expect.stringContaining("everyMs"),
    expect.stringContaining("only beside cron"),
  ]);
  const often = "schedules add often --workflow good --every-ms 3600000 --overlap cancel_previous";
  const rest = "--catch-up none --catch-up-window-ms 5 --tenant t -o json";
  const other = await run(...`${often} ${rest}`.split(" "));
  expect(JSON.parse(other.stdout)).toMatchObject({ id: "often", created: true });
  expect(parse((await run("schedules", "show", "often")).stdout)).toMatchObject({
    everyMs: 3_600_000,
    overlap: "cancel_previous",
    catchUp: "none",
    catchUpWindowMs: 5,
    tenant: "t",
    history: [],
  });
  expect((await run("schedules", "pause", "nightly")).stdout).toBe("nightly paused\n");
  const list = (await run("schedules", "list")).stdout.split("\n");
  expect(list[1]).toMatch(/^nightly +good +0 3 \* \* \* Asia\/Tokyo +paused +0 +0 +0 +0$/);
  expect(list[2]).toMatch(/^often +good +every 3600000 ms /);
  const fired = await run("schedules", "run", "nightly", "-o", "json");
  expect(fired.code).toBe(0);
  expect(JSON.parse(fired.stdout)).toMatchObject({ outcome: "started", manual: true });
  const again = await run("schedules", "run", "nightly");
  expect(again.code).toBe(1);
  expect(again.stdout).toMatch(/^skipped: run .* is still queued\n$/);
  expect((await run("schedules", "resume", "nightly")).stdout).toBe("nightly resumed\n");
  expect((await run("workflows", "remove", "good")).stderr).toContain(
    "schedule often still names good",
  );
  expect((await run("schedules", "remove", "nightly")).stdout).toBe("nightly removed\n");
  expect((await run("schedules", "show", "nightly")).code).toBe(2);
});

test("triggers are added, listed and removed, and hear events", async ({ run }) => {
  await run("workflows", "add", file("good.yaml"));
  const add = "triggers add t --event e --workflow good --input n=4 --tenant x".split(" ");
  expect((await run(...add)).stdout).toBe("t added\n");
  expect((await run(...add, "--debounce-ms", "50")).stdout).toBe("t replaced\n");
  const emit = ["events", "emit", "e", "--data", '{"a":1}', "--key", "k", "--tenant", "x"];
  expect((await run(...emit)).stdout).toBe("heard by t\n");
  expect((await run(...emit)).stdout).toBe("was emitted before\n");
  expect((await run("events", "emit", "f")).stdout).toBe("heard by nobody\n");
  expect((await run("events", "emit", "e", "--data", "{")).code).toBe(2);
  const list = (await run("triggers", "list")).stdout.split("\n");
  expect(list[1]).toMatch(/^t +e +good +50 ms +0 +0 +none$/);
  expect((await run("triggers", "remove", "t")).stdout).toBe("t removed\n");
  expect((await run("triggers", "remove", "t")).code).toBe(2);
});

test("a run whose tool has a full queue is refused with 1 and a sentence", async ({ run }) => {
  const catalogue = ["--catalogue", file("tools.yaml")];
  await run("workflows", "add", file("tight.yaml"), ...catalogue);
  const begin = ["run", file("tight.yaml"), "--detach", ...catalogue];
  expect((await run(...begin, "--run-id", "r")).code).toBe(0);
  const refused = {
    code: 1,
    stdout: "",
    stderr: "queue_full: the queue of tight is full (1 waiting, limit 1); try again in 1 s\n",
  };
  expect(await run(...begin)).toEqual(refused);
  expect(await run("start", "tight", "--detach", ...catalogue)).toEqual(refused);
  expect(await run(...begin, "--run-id", "r")).toMatchObject({ code: 0, stdout: "r\n" });
});
