import type { Cluster, Command, Redis } from "ioredis";

import { REDIS_DEADLINE_MS } from "../../config/index.ts";
import { byRedisClock } from "./clock.ts";
import { dial } from "./dial.ts";
import { wholeOrNothing } from "./scripts.ts";
import { redisTrouble, type RedisTrouble } from "./trouble.ts";

/** Pauses before a command that was refused is sent again. Milliseconds. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** Told when Redis begins and ceases to refuse what a connection asks for. */
export interface TroubleReport {
  refused(trouble: RedisTrouble): void;
  /** `times`: how many answers were refusals; `ms`: for how long. */
  over(troubles: readonly RedisTrouble[], times: number, ms: number): void;
}

/**
 * A connection for workers: it waits for Redis as long as it takes, because a worker that gives up
 * loses its jobs' locks. That holds for a Redis that is away and for one that cannot work now (its memory
 * is full, it became a replica, ...): a refused command did nothing, and is sent again until it is not.
 */
export function openPatient(url: string, report?: TroubleReport): Redis {
  return patient(open(url, { maxRetriesPerRequest: null }), report);
}

/** A connection for submitters: commands fail soon when Redis is away. */
export function openImpatient(url: string): Redis {
  return open(url, { maxRetriesPerRequest: 2, connectTimeout: REDIS_DEADLINE_MS });
}

/** How often each connection has heard of Redis. */
const heard = new WeakMap<Redis, number>();
/** How often each was made anew; a cluster has one to each of its nodes. */
const remade = new WeakMap<Redis, number>();

/** Grows with every answer of Redis on this connection. Data that come before it can work are none. */
export function answersOf(redis: Redis): number {
  return heard.get(redis) ?? 0;
}

/**
 * What answers the next command: another word when the connection was made anew, maybe to another server, or a
 * cluster has another master. Null while a cluster is looked for.
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
    // After a failover the address may lead to another server; this one will not write again.
    reconnectOnError: (error: Error) => redisTrouble(error) === "READONLY",
  });
  // ioredis ends the process on an `error` event nobody hears; the commands themselves report the trouble.
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

/** Counts what a connection, or one to a node of its cluster, hears. */
function listen(redis: Redis, node: Redis): void {
  const hear = () => {
    const made = remade.get(node);
    remade.set(node, made === undefined ? 0 : made + 1);
    node.stream?.on("data", () => heard.set(redis, answersOf(redis) + 1));
  };
  node.on("ready", hear);
  if (node.status === "ready") hear();
}

/** Sends commands that Redis refuses because it is in trouble until it takes them. */
function patient(redis: Redis, report?: TroubleReport): Redis {
  const send = redis.sendCommand.bind(redis);
  let now:
    | { readonly reported: Set<RedisTrouble>; readonly sinceMs: number; times: number }
    | undefined;
  const refused = (trouble: RedisTrouble) => {
    now ??= { reported: new Set(), sinceMs: performance.now(), times: 0 };
    now.times++;
    // Different commands may be refused for different reasons: each is told once.
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
      // A transaction is refused as a whole, and whoever sent it has to send it again.
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
