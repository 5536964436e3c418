import type { Cluster, Command, Redis } from "ioredis";

import { REDIS_DEADLINE_MS } from "../../config/index.ts";
import { byRedisClock } from "./clock.ts";
import { dial } from "./dial.ts";
import { wholeOrNothing } from "./scripts.ts";
import { redisTrouble, type RedisTrouble } from "./trouble.ts";

/** Pauses before a refused command is sent again. Milliseconds. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** Is told when Redis begins and stops refusing commands of a connection. */
export interface TroubleReport {
  refused(trouble: RedisTrouble): void;
  /** `times`: number of refusals; `ms`: how long they lasted. */
  over(troubles: readonly RedisTrouble[], times: number, ms: number): void;
}

/**
 * A connection for workers. It waits for Redis as long as it takes, because a worker that gives up loses its jobs'
 * locks. That covers a Redis that is away and one that cannot work now (its memory is full, it became a replica, ...).
 * A refused command did nothing, so it is sent again until Redis accepts it.
 */
export function openPatient(url: string, report?: TroubleReport): Redis {
  return patient(open(url, { maxRetriesPerRequest: null }), report);
}

/** A connection for submitters: commands fail soon if Redis is away. */
export function openImpatient(url: string): Redis {
  return open(url, { maxRetriesPerRequest: 2, connectTimeout: REDIS_DEADLINE_MS });
}

/** Number of answers on each connection. */
const heard = new WeakMap<Redis, number>();
/** How often each connection was made anew. A cluster has one connection per node. */
const remade = new WeakMap<Redis, number>();

/** Grows with every answer of Redis on this connection. Data before the connection is ready do not count. */
export function answersOf(redis: Redis): number {
  return heard.get(redis) ?? 0;
}

/**
 * Identifies what answers the next command. It changes when the connection was made anew, perhaps to another server, or
 * when a cluster has another master. Null while a cluster is not connected.
 */
export function connectionOf(redis: Redis): string | null {
  const made = remade.get(redis);
  if (!redis.isCluster)
    return String(made === undefined || redis.status === "ready" ? (made ?? 0) : made + 1);
  const cluster = redis as unknown as Cluster;
  if (cluster.status !== "ready") return null;
  const masters = cluster.nodes("master").map((node) => {
    const { host, port } = node.options;
    return `${host}:${port}#${remade.get(node) ?? 0}`;
  });
  return masters.toSorted().join(" ");
}

const backOff = (attempt: number): number => Math.min(attempt * 100, 2_000);

function open(
  url: string,
  options: { readonly maxRetriesPerRequest: number | null; readonly connectTimeout?: number },
): Redis {
  const redis = dial(url, {
    ...options,
    retryStrategy: backOff,
    // After a failover the address may lead to another server; this one will not accept writes again.
    reconnectOnError: (error: Error) => redisTrouble(error) === "READONLY",
  });
  // An `error` event without a listener ends the process. The commands report the trouble themselves.
  redis.on("error", () => {});
  listen(redis, redis);
  if (redis.isCluster)
    (redis as unknown as Cluster).on("+node", (node: Redis) => listen(redis, node));
  const define = redis.defineCommand.bind(redis);
  redis.defineCommand = (name, script) => {
    define(name, { ...script, lua: wholeOrNothing(byRedisClock(name, script.lua)) });
  };
  return redis;
}

/** Counts the answers on a connection, or on one to a node of its cluster. */
function listen(redis: Redis, node: Redis): void {
  const hear = () => {
    const made = remade.get(node);
    remade.set(node, made === undefined ? 0 : made + 1);
    node.stream?.on("data", () => heard.set(redis, answersOf(redis) + 1));
  };
  node.on("ready", hear);
  if (node.status === "ready") hear();
}

/** Resends commands that Redis refuses because it is in trouble, until it accepts them. */
function patient(redis: Redis, report?: TroubleReport): Redis {
  const send = redis.sendCommand.bind(redis);
  let now:
    | { readonly reported: Set<RedisTrouble>; readonly sinceMs: number; times: number }
    | undefined;
  const refused = (trouble: RedisTrouble) => {
    now ??= { reported: new Set(), sinceMs: performance.now(), times: 0 };
    now.times++;
    // Different commands may be refused for different reasons. Each reason is reported once.
    if (!now.reported.has(trouble)) report?.refused(trouble);
    now.reported.add(trouble);
  };
  const over = () => {
    if (now === undefined) return;
    report?.over([...now.reported], now.times, Math.round(performance.now() - now.sinceMs));
    now = undefined;
  };
  redis.sendCommand = (command: Command, ...rest) => {
    const { reject } = command;
    let pauseMs = FIRST_PAUSE_MS;
    command.reject = (error: Error): void => {
      const trouble = redisTrouble(error);
      // A transaction is refused as a whole, and its sender must send it again.
      if (trouble === null || command.inTransaction || redis.status === "end") {
        reject(error);
        return;
      }
      refused(trouble);
      setTimeout(() => send(command), pauseMs);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    };
    const { resolve } = command;
    command.resolve = (result): void => {
      if (now !== undefined && pauseMs > FIRST_PAUSE_MS) over();
      resolve(result);
    };
    return send(command, ...rest);
  };
  return redis;
}
