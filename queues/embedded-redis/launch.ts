import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { open, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

import { TuttiError } from "../../config/index.ts";
import { askRedis, factsOf, type ServerFacts } from "./connection-check.ts";
import { nothingElse } from "./descriptors.ts";
import { readJson, writePrivate, type RedisFolder } from "./folder.ts";
import type { ServerBinary } from "./locate.ts";
import { identityOf, isAlive, type ProcessMark } from "./process-identity.ts";

/** A running embedded server. */
export interface EmbeddedServer {
  readonly port: number;
  readonly password: string;
  readonly facts: ServerFacts;
}

/** Contents of server.json. `runId` and `process` are missing while the server starts. */
interface State {
  readonly port: number;
  readonly password: string;
  readonly runId?: string;
  readonly process?: ProcessMark;
}

/** A server on this machine answers within this time, unless it is stuck. Milliseconds. */
const ANSWER_MS = 2_000;
/** Longest time from start to the first answer. Milliseconds. */
const START_MS = 15_000;
/** Longest time to load a large append-only file. Milliseconds. */
const LOAD_MS = 600_000;
/** Longest time to write the rest of the append-only file and end. Milliseconds. */
const STOP_MS = 30_000;
const POLL_MS = 15;
/** Somebody may take the free port before the server does. */
const PORT_ATTEMPTS = 5;

function isState(value: unknown): value is State {
  return (
    typeof value === "object" &&
    value !== null &&
    "port" in value &&
    typeof value.port === "number" &&
    "password" in value &&
    typeof value.password === "string"
  );
}

function ask<T>(state: State, work: Parameters<typeof askRedis<T>>[1]): Promise<T> {
  const { port, password } = state;
  return askRedis({ host: "127.0.0.1", port, password, timeoutMs: ANSWER_MS }, work);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done, fail) => {
    server.once("error", fail).listen(0, "127.0.0.1", done);
  });
  const address = server.address();
  await new Promise((done) => {
    server.close(done);
  });
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return address.port;
}

/** The configuration language has quotes and backslashes like C. */
function quoted(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', String.raw`\"`)}"`;
}

/** When a server syncs writes to its disk. */
type Syncs = "always" | "everysec";

function configuration(folder: RedisFolder, { port, password }: State, syncs: Syncs): string {
  return [
    "bind 127.0.0.1",
    `port ${port}`,
    `requirepass ${quoted(password)}`,
    `dir ${quoted(folder.data)}`,
    "appendonly yes",
    `appendfsync ${syncs}`,
    // The append-only file is the only truth; snapshots beside it would only cost.
    'save ""',
    // A queue that loses keys is worse than one that refuses new jobs.
    "maxmemory-policy noeviction",
    "daemonize no",
    "",
  ].join("\n");
}

/**
 * Waits until the server has loaded its data, at most `silentMs` for its first answer. `isGone` ends the waiting early.
 */
async function untilReady(
  state: State,
  silentMs: number,
  isGone: () => boolean = () => false,
): Promise<ServerFacts | undefined> {
  const started = Date.now();
  let facts: ServerFacts | undefined;
  while (!isGone()) {
    facts = await ask(state, factsOf).catch(() => facts);
    if (facts?.loading === false) return facts;
    if (Date.now() - started > (facts === undefined ? silentMs : LOAD_MS)) return undefined;
    await pause(POLL_MS);
  }
  return undefined;
}

async function spawnServer(folder: RedisFolder, binary: ServerBinary): Promise<ChildProcess> {
  const log = await open(folder.log, "w", 0o600);
  try {
    // Detached: Ctrl-C reaches the whole process group of a terminal, and workers need Redis to close properly.
    return spawn(binary.path, [folder.conf], {
      cwd: folder.root,
      detached: true,
      env: { ...binary.env },
      stdio: ["ignore", log.fd, log.fd, ...nothingElse()],
    });
  } finally {
    await log.close();
  }
}

async function lastLines(folder: RedisFolder): Promise<string> {
  const log = await readFile(folder.log, "utf8").catch(() => "");
  return log.trim().split("\n").slice(-3).join(" / ");
}

/**
 * Starts a server. The caller holds the lock and has checked that none runs.
 *
 * @throws TuttiError `redis_unavailable` with the end of the server's log.
 */
export async function startServer(
  folder: RedisFolder,
  binary: ServerBinary,
  syncs: Syncs,
  attempt = 1,
): Promise<EmbeddedServer> {
  const state: State = { port: await freePort(), password: randomBytes(24).toString("base64url") };
  // Before the start: if this process dies now, the next one can still find the server.
  await writePrivate(folder.state, JSON.stringify(state));
  await writePrivate(folder.conf, configuration(folder, state, syncs));
  const child = await spawnServer(folder, binary);
  let failure: Error | undefined;
  child.once("error", (error) => {
    failure = error;
  });
  const facts = await untilReady(
    state,
    START_MS,
    () => failure !== undefined || child.exitCode !== null || child.signalCode !== null,
  );
  child.unref();
  if (facts !== undefined) {
    const identity = (await identityOf(facts.pid)) ?? "";
    const process = { pid: facts.pid, identity };
    await writePrivate(
      folder.state,
      JSON.stringify({ ...state, runId: facts.runId, process } satisfies State),
    );
    return { ...state, facts };
  }
  child.kill("SIGKILL");
  const lines = failure?.message ?? (await lastLines(folder));
  if (/address already in use/i.test(lines) && attempt < PORT_ATTEMPTS) {
    return startServer(folder, binary, syncs, attempt + 1);
  }
  throw new TuttiError("redis_unavailable", `the embedded Redis did not start: ${lines}`, {
    details: { binary: binary.path, log: folder.log },
  });
}

/**
 * The running server of this folder, even one whose users all died; `undefined` if there is none.
 *
 * @param silentMs Longest time until its first answer.
 * @throws TuttiError `redis_unavailable` if it runs but does not answer: a second one would ruin its data.
 */
export async function adoptServer(
  folder: RedisFolder,
  silentMs: number,
): Promise<EmbeddedServer | undefined> {
  const state = await readJson(folder.state);
  if (!isState(state)) return undefined;
  const known = state.process;
  if (known !== undefined && !(await isAlive(known))) return undefined;
  // Without a process mark its starter died during the start, so it gets only a moment.
  const facts = await untilReady(state, known === undefined ? ANSWER_MS : silentMs);
  // The port may belong to a stranger by now, and a stranger without a password lets everybody in.
  const isOurs =
    facts !== undefined &&
    (state.runId === undefined ? facts.configFile === folder.conf : facts.runId === state.runId);
  if (isOurs) return { ...state, facts };
  if (known === undefined) return undefined;
  throw new TuttiError(
    "redis_unavailable",
    `the embedded Redis (pid ${known.pid}, port ${state.port}) runs but does not answer`,
    { details: { pid: known.pid, port: state.port, log: folder.log } },
  );
}

/** Makes a running server sync every write before it answers. */
export async function syncAlways(server: EmbeddedServer): Promise<void> {
  await ask(server, (client) => client.config("SET", "appendfsync", "always"));
}

/** Whether the process ends within the time. */
async function ends(process: ProcessMark, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (await isAlive(process)) {
    if (Date.now() > deadline) return false;
    await pause(POLL_MS);
  }
  return true;
}

/**
 * Stops the server after everything is written. The caller holds the lock.
 *
 * @throws TuttiError `redis_unavailable` if it does not end.
 */
export async function stopServer(folder: RedisFolder): Promise<void> {
  const server = await adoptServer(folder, ANSWER_MS);
  if (server === undefined) return;
  const { pid } = server.facts;
  const identity = await identityOf(pid);
  // NOSAVE means "no snapshot"; the append-only file is still flushed and synced. The connection closes without an
  // answer, which is the answer.
  await ask(server, (client) => client.shutdown("NOSAVE")).catch(() => undefined);
  if (identity !== undefined && !(await ends({ pid, identity }, STOP_MS))) {
    const message = `the embedded Redis (pid ${pid}) does not stop`;
    throw new TuttiError("redis_unavailable", message, { details: { log: folder.log } });
  }
  await rm(folder.state, { force: true });
}
