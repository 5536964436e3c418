import type { Redis, RedisOptions } from "ioredis";

import { messageOf } from "../../config/index.ts";
import { silence } from "../connection/deadline.ts";
import { dial, type DialOptions } from "../connection/dial.ts";
import { ioredis } from "../connection/packages.ts";
import { parseInfo } from "../connection/server-info.ts";

/** What a server reports about itself. */
export interface ServerFacts {
  readonly version: string;
  readonly runId: string;
  readonly pid: number;
  /** Path of its configuration file; empty if it was started without one. */
  readonly configFile: string;
  /** True while it loads its data after a start. It answers hardly anything else then. */
  readonly loading: boolean;
  readonly appendOnly: boolean;
  readonly maxmemoryPolicy: string;
}

export async function factsOf(client: Redis): Promise<ServerFacts> {
  const fields = parseInfo(await client.info());
  return {
    // Valkey also reports a Redis version, for compatibility; its own says more.
    version: fields.get("valkey_version") ?? fields.get("redis_version") ?? "",
    runId: fields.get("run_id") ?? "",
    pid: Number(fields.get("process_id")),
    configFile: fields.get("config_file") ?? "",
    loading: fields.get("loading") === "1",
    appendOnly: fields.get("aof_enabled") === "1",
    maxmemoryPolicy: fields.get("maxmemory_policy") ?? "",
  };
}

/**
 * Connects once, does the work and disconnects: no retries, nothing left open.
 *
 * @throws Error with the reason if there is no connection or no answer within `timeoutMs`.
 */
export async function askRedis<T>(
  options: Pick<RedisOptions, "host" | "port" | "password"> & {
    readonly timeoutMs: number;
    readonly url?: string;
  },
  work: (client: Redis) => Promise<T>,
): Promise<T> {
  const { timeoutMs, url, ...rest } = options;
  const settings = {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    retryStrategy: () => null,
    enableReadyCheck: false,
    // Servers that are too old know no other protocol, and must be able to report their version.
    protocol: 2,
    enableOfflineQueue: false,
    // Its timer also runs for a closed socket and keeps the process alive.
    disconnectTimeout: 50,
  } satisfies DialOptions;
  const client =
    url === undefined ? new (ioredis().Redis)({ ...rest, ...settings }) : dial(url, settings);
  // The promise says only "Connection is closed."; the event says why.
  let reason: Error | undefined;
  client.on("error", (error: Error) => {
    reason ??= error;
  });
  const over = new AbortController();
  const late = async (): Promise<never> => {
    await silence(timeoutMs, over.signal);
    throw new Error(`no answer within ${timeoutMs} ms`);
  };
  try {
    const done = client.connect().then(() => work(client));
    return await Promise.race([done, late()]);
  } catch (error) {
    throw new Error(reasonOf(reason ?? error), { cause: error });
  } finally {
    over.abort();
    client.disconnect();
  }
}

/** The error of a refused connection to a name with several addresses has an empty message. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "")
    return error.errors.map(messageOf).join(", ");
  return messageOf(error);
}
