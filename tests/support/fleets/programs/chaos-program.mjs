// A process of the chaos tests: a worker, or the API. Its calls are written into a Redis that stays up, in
// the order in which they begin and end.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const [built, kind, redisUrl, prefix, witnessUrl, more] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(join(built, path)).href);
const { parseCatalogue, ToolRegistry, TuttiError } = await load("config/index.js");
const { openPatient } = await load("queues/client.js");

/** How long one turn of a script takes. Milliseconds. */
const TURN_MS = 25;
/** Kills have to find calls underway. Milliseconds. */
const LEAST_MS = 20;
/** All runs of the test at once: none waits for others. */
const MAX_RUNNING = 1_000;
const LOCK_MS = 1_000;
const SWEEP_MS = 3_000;
/** Every so many calls kill their worker before their effect, and as many after it. */
const DEADLY = 40;

const tool = (id, idempotent) =>
  `  - { id: ${id}, name: ${id}, category: foundation, capabilities: [testing], idempotent: ${idempotent}, binding: { type: in_process } }`;
const registry = new ToolRegistry(
  parseCatalogue(
    ["tutti: 1", "tools:", tool("probe", true), tool("effect", false), tool("two", true)].join(
      "\n",
    ),
    "chaos tools",
  ),
);
const witness = openPatient(witnessUrl);
const base = { redisUrl, prefix, registry, maxRunning: MAX_RUNNING };

if (kind === "api") {
  const { Tutti } = await load("src/tutti.js");
  const { startServer } = await load("src/server/index.js");
  await startServer({
    tutti: new Tutti(base),
    registry,
    config: { host: "127.0.0.1", port: Number(more) },
    // Read by the test when the storm is over.
    reportError: (error) =>
      void witness.rpush(`${prefix}.test:errors`, String(error?.stack ?? error)),
  });
} else {
  const { startWorker } = await load("src/worker.js");
  const scripts = new Map();

  const scriptOf = async (runId) => {
    if (!scripts.has(runId))
      scripts.set(runId, JSON.parse(await witness.hget(`${prefix}.test:scripts`, runId)));
    return scripts.get(runId);
  };

  /** The same for the same seed and call. */
  const die = async (id, when) => {
    const digest = createHash("sha256").update(`${more} ${id} ${when}`).digest();
    if (digest.readUInt32BE() % DEADLY !== 0) return;
    if ((await witness.exists(`${prefix}.test:calm`)) === 1) return;
    process.kill(process.pid, "SIGKILL");
    // Until the signal arrives.
    await new Promise(() => {});
  };

  const act = async ({ do: what, turns, code }, signal) => {
    const ms = LEAST_MS + (turns ?? 0) * TURN_MS;
    if (what === "heedless") await pause(ms);
    else await pause(what === "hang" ? 2 ** 30 : ms, undefined, { signal });
    if (what === "fail") throw new TuttiError(code, "as the script says");
  };

  const call = async (key, { runId, attempt, signal }) => {
    const list = (await scriptOf(runId))[key] ?? [];
    const action = list[Math.min(attempt, list.length) - 1] ?? { do: "return", turns: 0 };
    const tell = (entry) => witness.rpush(`${prefix}.test:calls`, JSON.stringify(entry));
    // The place in the list is the id of the call, and the clock.
    const id = await tell({ runId, key, attempt, beganMs: Date.now() });
    try {
      await die(id, "before");
      await act(action, signal);
      await tell({ id, how: "returned", aborted: signal.aborted });
      await die(id, "after");
      return { key, n: 1, call: id };
    } catch (error) {
      const threw = error instanceof TuttiError;
      await tell({ id, how: threw ? "threw" : "aborted", aborted: signal.aborted });
      throw threw ? new TuttiError(error.code, `call ${id}`) : signal.reason;
    }
  };

  const stepCall = (input, context) =>
    call(input.item === undefined ? context.stepId : `${context.stepId}[${input.item}]`, context);
  await startWorker({
    ...base,
    handlers: {
      probe: stepCall,
      effect: stepCall,
      two: (input, context) => call(`~${input.of}`, context),
    },
    lockDurationMs: LOCK_MS,
    controlLockDurationMs: LOCK_MS,
    sweepIntervalMs: SWEEP_MS,
  });
}
