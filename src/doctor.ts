import { randomUUID } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { messageOf, ValidationError, type Config } from "../config/index.ts";
import { isAtLeast, lackOf, type Declarations, type DutyView } from "../queues/client.ts";
import {
  findServer,
  inspectRedis,
  installHint,
  MIN_REDIS_VERSION,
  openRedis,
  type RedisInspection,
} from "../queues/embedded-redis/index.ts";
import { unsettled, untestedBullScripts } from "../queues/index.ts";
import { Tutti } from "./tutti.ts";

/** Oldest Node that everything is tested on. */
export const MIN_NODE_VERSION = "20.19.0";
/** Clocks that differ by more make deadlines and rate windows of several machines disagree. Milliseconds. */
export const MAX_CLOCK_SKEW_MS = 1_000;

/** Everything that is looked at, in the order of the report. */
export const CHECKS = [
  "node",
  "config",
  "home",
  "bullmq",
  "redis_server",
  "redis",
  "redis_version",
  "redis_eviction",
  "redis_persistence",
  "redis_durability",
  "redis_writes",
  "clock",
  "duties",
  "workers_agree",
  "catalogue",
  "bindings",
] as const;

export interface Check {
  readonly id: (typeof CHECKS)[number];
  /** `null`: no failure, but worth a look, or not known. */
  readonly ok: boolean | null;
  readonly detail: string;
  /** What to do about it. */
  readonly fix?: string;
}

type Finding = Omit<Check, "id">;

export interface DoctorOptions {
  /** Reads the tool catalogue. May throw what is wrong with it. */
  readonly catalogue: () => {
    readonly tools: readonly { readonly id: string; readonly bound: boolean }[];
  };
  /** Folders that are looked through for a server after PATH. Default: those of this platform. */
  readonly knownFolders?: readonly string[];
  /** This process's Node. Default: `process.versions.node`. */
  readonly nodeVersion?: string;
  /** This machine's clock. Milliseconds. Default: `Date.now`. */
  readonly now?: () => number;
}

/** Every problem of a refused input, in one line. */
function reasonsOf(error: unknown): string {
  return error instanceof ValidationError
    ? error.issues.map(({ message }) => message).join("; ")
    : messageOf(error);
}

function checkNode(version: string): Finding {
  const ok = isAtLeast(version, MIN_NODE_VERSION);
  const detail = `Node ${version}`;
  return ok ? { ok, detail } : { ok, detail, fix: `install Node ${MIN_NODE_VERSION} or later` };
}

function checkBull(): Finding {
  const untested = untestedBullScripts();
  return untested.length === 0
    ? { ok: true, detail: "BullMQ has the scripts that were tested" }
    : {
        ok: null,
        detail: `BullMQ has other scripts than those that were tested: ${untested.join(", ")}; every job costs more commands`,
        fix: "install the version of bullmq that this package names",
      };
}

async function checkHome({ home }: Config): Promise<Finding> {
  const probe = join(home, `doctor-${randomUUID()}`);
  try {
    await mkdir(home, { recursive: true, mode: 0o700 });
    await writeFile(probe, "");
    await rm(probe);
    return { ok: true, detail: `${home} can be written` };
  } catch (error) {
    return { ok: false, detail: messageOf(error), fix: "set TUTTI_HOME to a folder of yours" };
  }
}

async function checkServer(config: Config, options: DoctorOptions): Promise<Finding> {
  const { knownFolders } = options;
  const found = await findServer({ ...config, knownFolders });
  if ("path" in found) return { ok: true, detail: `${found.path}, version ${found.version}` };
  if (config.redisUrl !== undefined) {
    return { ok: null, detail: `${found.reason}; none is needed while REDIS_URL is set` };
  }
  return found.canFetch
    ? { ok: null, detail: `${found.reason}; the distribution's own is fetched at the first start` }
    : { ok: false, detail: found.reason, fix: installHint() };
}

function checkCatalogue(options: DoctorOptions): readonly [catalogue: Finding, bindings: Finding] {
  try {
    const { tools } = options.catalogue();
    const unbound = tools.filter(({ bound }) => !bound).map(({ id }) => id);
    const bindings: Finding =
      unbound.length === 0
        ? { ok: true, detail: "every tool is bound" }
        : {
            ok: null,
            detail: `${unbound.length} of ${tools.length} tools are not bound and refused in workflows: ${unbound.join(", ")}`,
            fix: "give them a `binding` in a catalogue file of TUTTI_CATALOGUES",
          };
    return [{ ok: true, detail: `${tools.length} tools` }, bindings];
  } catch (error) {
    return [
      { ok: false, detail: reasonsOf(error), fix: "correct the catalogue file" },
      { ok: null, detail: "unknown, because the catalogue cannot be read" },
    ];
  }
}

/** What the facts of a Redis that answers mean for us. */
function judge(facts: RedisInspection, config: Config): Partial<Record<Check["id"], Finding>> {
  const { version, maxmemoryPolicy, appendOnly, clockSkewMs } = facts;
  const isRecent = isAtLeast(version, MIN_REDIS_VERSION);
  const keepsKeys = maxmemoryPolicy === "noeviction";
  const isInTime = Math.abs(clockSkewMs) < MAX_CLOCK_SKEW_MS;
  return {
    redis_version: {
      ok: isRecent,
      detail: `version ${version}`,
      ...(!isRecent && { fix: `use Redis ${MIN_REDIS_VERSION} or later, or Valkey` }),
    },
    redis_eviction: {
      ok: keepsKeys,
      detail: `maxmemory-policy is ${maxmemoryPolicy}`,
      ...(!keepsKeys && {
        fix: "CONFIG SET maxmemory-policy noeviction: jobs must not be evicted",
      }),
    },
    redis_persistence: {
      ok: appendOnly ? true : null,
      detail: `append-only file is ${appendOnly ? "on" : "off: runs are lost with the server"}`,
      ...(!appendOnly && {
        fix: "CONFIG SET appendonly yes, unless a replica or snapshots suffice",
      }),
    },
    redis_durability: judgeDurability(facts, config),
    clock: {
      ok: isInTime,
      detail: `the clock of Redis differs by ${clockSkewMs} ms`,
      ...(!isInTime && { fix: "synchronize the clocks of both machines (NTP)" }),
    },
  };
}

/** Whether Redis keeps what the profile promises. */
function judgeDurability({ durability }: RedisInspection, config: Config): Finding {
  const { syncs, replicas, hasWaitAof } = durability;
  const found = `appendfsync is ${syncs ?? "not told"}, ${replicas ?? "an unknown number of"} replicas are connected`;
  if (config.durability !== "strict") return { ok: true, detail: `standard; ${found}` };
  const lack = lackOf(durability);
  if (lack !== null)
    return {
      ok: false,
      detail: lack,
      fix: "CONFIG SET appendonly yes, CONFIG SET appendfsync always",
    };
  const isTold = syncs !== null || hasWaitAof;
  return { ok: isTold ? true : null, detail: `strict; ${found}` };
}

/** Whether Redis takes what is written, and how the duties of the workers go. */
async function checkDeployment(
  url: string,
  config: Config,
): Promise<Partial<Record<Check["id"], Finding>>> {
  const tutti = new Tutti({ ...config, redisUrl: url });
  try {
    await tutti.ping();
    return {
      redis_writes: { ok: true, detail: "it takes what is written" },
      duties: judgeDuties(await tutti.duties()),
      workers_agree: judgeCatalogues(await tutti.gate.catalogues()),
    };
  } catch (error) {
    return { redis_writes: { ok: false, detail: messageOf(error), fix: WRITES_FIX } };
  } finally {
    await tutti.close();
  }
}

function judgeDuties(duties: readonly DutyView[]): Finding {
  if (duties.length === 0) return { ok: true, detail: "none was done yet: no worker has run" };
  const failing = duties.filter(({ error }) => error !== null);
  const partly = duties.filter(({ error, failures }) => error === null && failures.length > 0);
  const behind = duties.filter((duty) => (duty.behind ?? 0) > 0);
  const latest = Math.max(...duties.map(({ lateMs }) => lateMs));
  const problems = [
    ...[...failing, ...partly].map(
      ({ name, error, failures }) => `${name}: ${error ?? failures[0]}`,
    ),
    ...behind.map((duty) => `${duty.name} is behind: ${duty.behind} are due and not done`),
  ];
  if (problems.length > 0) {
    const fix = "see the logs of the workers";
    return { ok: failing.length > 0 ? false : null, detail: problems.join("; "), fix };
  }
  return { ok: true, detail: `${duties.length} duties go well, the latest is ${latest} ms late` };
}

function judgeCatalogues(declarations: Declarations): Finding {
  const { catalogues, disagreements } = declarations;
  if (catalogues.length === 0) return { ok: true, detail: "no worker is alive" };
  const open = unsettled(declarations);
  if (open.length > 0)
    return {
      ok: null,
      detail: open.map(({ sentence }) => sentence).join("; "),
      fix: "give all workers the same catalogue, give the newer one a higher `version`, or settle it with `tutti gate set`",
    };
  const settled = disagreements.map(({ sentence }) => sentence);
  const detail =
    catalogues.length === 1
      ? "all live workers have the same catalogue"
      : `live workers have ${catalogues.length} catalogues that do not contradict each other`;
  return { ok: true, detail: settled.length > 0 ? settled.join("; ") : detail };
}

const WRITES_FIX = "see docs/operations.md: Redis in trouble";

async function checkRedis(
  config: Config,
  options: DoctorOptions,
): Promise<Partial<Record<Check["id"], Finding>>> {
  try {
    // A look only: nothing is downloaded for it.
    const { knownFolders } = options;
    const more = knownFolders === undefined ? {} : { knownFolders };
    await using redis = await openRedis(config, { mayFetch: false, ...more });
    const facts = await inspectRedis(redis.url, config.redisDeadlineMs, options.now);
    const origin = redis.origin === "url" ? "the one of REDIS_URL" : "the embedded one";
    return {
      redis: { ok: true, detail: `${origin} answers` },
      ...judge(facts, config),
      ...(await checkDeployment(redis.url, config)),
    };
  } catch (error) {
    return {
      redis: {
        ok: false,
        detail: messageOf(error),
        fix:
          config.redisUrl === undefined ? installHint() : "start that Redis or correct REDIS_URL",
      },
    };
  }
}

/**
 * Looks whether everything is there to run workflows: Node, the configuration, Redis, the catalogue
 *. Never throws; what cannot be known is reported as `ok: null`. An embedded Redis is started
 * for the look when none runs, and stopped again.
 *
 * @param load Reads the configuration. May throw what is wrong with it.
 */
export async function doctor(load: () => Config, options: DoctorOptions): Promise<Check[]> {
  const [catalogue, bindings] = checkCatalogue(options);
  const always = {
    node: checkNode(options.nodeVersion ?? process.versions.node),
    bullmq: checkBull(),
    catalogue,
    bindings,
  };
  let findings: Partial<Record<Check["id"], Finding>>;
  try {
    const config = load();
    findings = {
      ...always,
      config: { ok: true, detail: `machine ${config.machine}, prefix ${config.prefix}` },
      home: await checkHome(config),
      redis_server: await checkServer(config, options),
      ...(await checkRedis(config, options)),
    };
  } catch (error) {
    const fix = "see docs/configuration.md";
    findings = { ...always, config: { ok: false, detail: reasonsOf(error), fix } };
  }
  const cause =
    findings.config?.ok === true ? "Redis does not answer" : "the configuration is wrong";
  const unknown: Finding = { ok: null, detail: `unknown, because ${cause}` };
  return CHECKS.map((id) => Object.assign({ id }, findings[id] ?? unknown));
}
