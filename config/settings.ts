import * as z from "zod";

import {
  DEFAULT_PREFIX,
  CONTROL_LOCK_DURATION_MS,
  DEFAULT_STRATEGY,
  DURABILITY_PROFILES,
  GRACE_MS,
  LOCK_DURATION_MS,
  MAX_RETRY_AFTER_MS,
  MAX_RUNNING_RUNS,
  REDIS_DEADLINE_MS,
  RETAIN_FAILED_MS,
  RETAIN_MS,
  RETAIN_RUNS,
  STRATEGY_NAMES,
} from "./defaults.ts";
import { parseRedisAddress, REDIS_ADDRESS_RULE } from "./redis-address.ts";

/** Log levels, quietest last. */
const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** Longest time of a Node timer. Milliseconds. */
const MAX_TIMER_MS = 2_147_483_647;

/** Environment variables are text. Digits mean a number. */
function fromDigits(value: unknown): unknown {
  return typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
}

function fromWord(value: unknown): unknown {
  if (value === "true" || value === "1") return true;
  return value === "false" || value === "0" ? false : value;
}

function whole(min: number, max: number, unit = "") {
  const error = `a whole number${unit} from ${min} to ${max}`;
  return z.preprocess(fromDigits, z.int({ error }).min(min, { error }).max(max, { error }));
}

const milliseconds = whole(1, Number.MAX_SAFE_INTEGER, " of milliseconds");
const timer = whole(1, MAX_TIMER_MS, " of milliseconds");

function text(error: string, pattern = /\S/) {
  return z.string({ error }).regex(pattern, { error });
}

/**
 * There is no authentication yet, so whoever reaches the API may do anything. It therefore listens only to this
 * machine. `localhost` counts, because it names the loopback interface by definition (RFC 6761).
 */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The error text for the host in {@link configSchema}. `loadConfig` gives it a code of its own. */
export const HOST_EXPECTATION =
  "a loopback address (127.0.0.1, ::1 or localhost), because the API has no identity check yet";

/** The values of `canary`, for errors. */
const CANARY = "the id of a workflow, or false";

/**
 * Every setting: its form, its default, its meaning. A test compares docs/configuration.md with it. A schema's error
 * text completes the sentence "expected NAME to be ...".
 */
export const configSchema = z.strictObject({
  redisUrl: text(REDIS_ADDRESS_RULE)
    .refine((value) => parseRedisAddress(value) !== null, { error: REDIS_ADDRESS_RULE })
    .optional()
    .describe("The Redis (or Valkey) to use. Without it an embedded server is started."),
  home: text("the path of a folder").describe(
    "Folder of this machine's state: the embedded Redis and its data.",
  ),
  machine: text(
    "up to 128 letters, digits, dots, `_` or `-`",
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
  ).describe("Name of the machine. Worker processes with the same name share one capacity."),
  strategy: z
    .enum(STRATEGY_NAMES, { error: `one of ${STRATEGY_NAMES.join(", ")}` })
    .default(DEFAULT_STRATEGY)
    .describe(
      "How much of this machine its jobs may be believed to use: conservative 0.8, balanced 1.0, aggressive 1.15 (memory 1.0), unlimited.",
    ),
  learning: z
    .preprocess(fromWord, z.boolean({ error: "true or false" }))
    .default(true)
    .describe(
      "Learn from what is measured: needs and times of calls, what else runs on the machine, how many calls services take. The same for all workers.",
    ),
  optimizer: z
    .preprocess(
      fromWord,
      z.union([z.boolean(), z.literal("dry-run")], { error: "true, false or dry-run" }),
    )
    .default(true)
    .describe(
      "Look at samples of queues and machines for bottlenecks, and raise what may be raised where that proves a gain; dry-run: only say what would be raised. The same for all workers.",
    ),
  canary: z
    .preprocess(
      (value) => (value === "false" ? false : value),
      z.union([z.literal(false), text(CANARY)], { error: CANARY }),
    )
    .optional()
    .describe(
      "A registered workflow that is started every minute, to see whether it completes; false: none any more. A worker without it leaves it as it is.",
    ),
  prefix: text(
    "a key prefix with a hash tag, such as {tutti}",
    /^[^{}\s*?[\]\\]*\{[^{}\s*?[\]\\]+\}[^{}\s*?[\]\\]*$/,
  )
    .default(DEFAULT_PREFIX)
    .describe(
      "What every key in Redis starts with. The hash tag keeps them on one node of a cluster.",
    ),
  host: text("a host name")
    .refine(isLoopback, { error: HOST_EXPECTATION })
    .default("127.0.0.1")
    .describe("Address the API listens on. Only loopback addresses are accepted."),
  port: whole(0, 65_535)
    .default(3000)
    .describe("Port the API listens on; 0 takes a free one. `TUTTI_PORT` wins over `PORT`."),
  catalogues: z
    .array(text("the path of a catalogue file"), { error: "a list of paths" })
    .default([])
    .describe("Catalogue files that are read beside the shipped one."),
  secretsDir: text("the path of a folder")
    .optional()
    .describe("Folder with one file per secret; the file's name is the secret's name."),
  filesDir: text("the path of a folder")
    .optional()
    .describe(
      "Folder in which the shipped tools write files and look for them, and nowhere else. Without it: the working directory of the worker.",
    ),
  redisBinary: text("the path of redis-server or valkey-server")
    .optional()
    .describe("The server binary to start as the embedded Redis, instead of the first one found."),
  logLevel: z
    .enum(LOG_LEVELS, { error: `one of ${LOG_LEVELS.join(", ")}` })
    .default("info")
    .describe("The least important log lines that are written."),
  graceMs: timer
    .default(GRACE_MS)
    .describe("How long a stopping worker waits for its running steps. Milliseconds."),
  lockDurationMs: timer
    .default(LOCK_DURATION_MS)
    .describe(
      "How long a worker may be silent before its jobs are given to another. Milliseconds.",
    ),
  controlLockDurationMs: timer
    .default(CONTROL_LOCK_DURATION_MS)
    .describe("The same for jobs that only join and promote. Milliseconds."),
  redisDeadlineMs: timer
    .default(REDIS_DEADLINE_MS)
    .describe(
      "After this time without Redis an operation fails as `redis_unavailable`. Milliseconds.",
    ),
  durability: z
    .enum(DURABILITY_PROFILES, { error: `one of ${DURABILITY_PROFILES.join(", ")}` })
    .default("standard")
    .describe(
      "standard: Redis keeps what is acknowledged as it is set up to. strict: it is acknowledged when it is on the disk and, where there is a replica, there as well. The same for all processes.",
    ),
  replicas: whole(0, 100)
    .optional()
    .describe(
      "With durability strict, how many replicas must have what is acknowledged. Default: 1 with sentinels, a cluster, or when a replica was seen, else 0.",
    ),
  maxRunning: whole(1, 100_000)
    .default(MAX_RUNNING_RUNS)
    .describe(
      "Runs of a tenant that are at work at the same time; the others wait. The same for all processes of a deployment.",
    ),
  maxRetryAfterMs: timer
    .default(MAX_RETRY_AFTER_MS)
    .describe(
      "The longest pause that a service may ask for with `Retry-After`; a longer one is cut to it. Milliseconds.",
    ),
  retainRuns: whole(1, 1_000_000)
    .default(RETAIN_RUNS)
    .describe("Finished runs that are kept per tenant."),
  retainMs: milliseconds
    .default(RETAIN_MS)
    .describe("How long finished runs are kept. Milliseconds."),
  retainFailedMs: milliseconds
    .default(RETAIN_FAILED_MS)
    .describe("How long failed runs are kept. Milliseconds."),
});

/** The environment variables of each setting. The first one that is set wins. */
export const VARIABLES = {
  redisUrl: ["REDIS_URL"],
  home: ["TUTTI_HOME"],
  machine: ["TUTTI_MACHINE"],
  strategy: ["TUTTI_STRATEGY"],
  learning: ["TUTTI_LEARNING"],
  optimizer: ["TUTTI_OPTIMIZER"],
  canary: ["TUTTI_CANARY"],
  prefix: ["TUTTI_PREFIX"],
  host: ["TUTTI_HOST"],
  port: ["TUTTI_PORT", "PORT"],
  catalogues: ["TUTTI_CATALOGUES"],
  secretsDir: ["TUTTI_SECRETS_DIR"],
  filesDir: ["TUTTI_FILES_DIR"],
  redisBinary: ["TUTTI_REDIS_BINARY"],
  logLevel: ["TUTTI_LOG_LEVEL"],
  graceMs: ["TUTTI_GRACE_MS"],
  lockDurationMs: ["TUTTI_LOCK_DURATION_MS"],
  controlLockDurationMs: ["TUTTI_CONTROL_LOCK_DURATION_MS"],
  redisDeadlineMs: ["TUTTI_REDIS_DEADLINE_MS"],
  durability: ["TUTTI_DURABILITY"],
  replicas: ["TUTTI_REPLICAS"],
  maxRunning: ["TUTTI_MAX_RUNNING"],
  maxRetryAfterMs: ["TUTTI_MAX_RETRY_AFTER_MS"],
  retainRuns: ["TUTTI_RETAIN_RUNS"],
  retainMs: ["TUTTI_RETAIN_MS"],
  retainFailedMs: ["TUTTI_RETAIN_FAILED_MS"],
} as const satisfies Record<SettingName, readonly string[]>;

export type Settings = z.output<typeof configSchema>;
export type SettingName = keyof Settings;
