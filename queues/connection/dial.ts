import { readFileSync } from "node:fs";

import type { Redis, RedisOptions } from "ioredis";

import {
  parseRedisAddress,
  REDIS_ADDRESS_RULE,
  TuttiError,
  type RedisAddress,
  given,
} from "../../config/index.ts";
import { ioredis } from "./packages.ts";

/** ioredis options without `replyMapping`: Redis' answers stay as they are. */
type Options = Omit<RedisOptions, "replyMapping">;

/** Options of a connection, whatever it leads to. */
export type DialOptions = Pick<
  Options,
  | "connectTimeout"
  | "disconnectTimeout"
  | "enableOfflineQueue"
  | "enableReadyCheck"
  | "lazyConnect"
  | "maxRetriesPerRequest"
  | "protocol"
  | "reconnectOnError"
> & {
  /** Pause before another attempt to connect; null: there is none. Milliseconds. */
  readonly retryStrategy: (attempt: number) => number | null;
};

/**
 * Opens a connection to the Redis of an address: a server, the master that sentinels name, or a cluster. Every attempt
 * to connect asks the sentinels and resolves names anew; neither uses an earlier address.
 *
 * @throws TuttiError `config_invalid` if it is no address, or if a file that it names cannot be read.
 */
export function dial(url: string, options: DialOptions): Redis {
  const address = parseRedisAddress(url);
  if (address === null)
    throw new TuttiError("config_invalid", `expected REDIS_URL to be ${REDIS_ADDRESS_RULE}`);
  const shared = { ...options, ...loginOf(address), ...tlsOf(address) } as Options;
  switch (address.kind) {
    case "server":
      return mended(new (ioredis().Redis)({ ...shared, ...address.nodes[0]! }));
    case "sentinel":
      return mended(
        new (ioredis().Redis)({
          ...shared,
          sentinels: [...address.nodes],
          name: address.master!,
          ...given({
            sentinelUsername: address.sentinelUsername,
            sentinelPassword: address.sentinelPassword,
          }),
          sentinelRetryStrategy: options.retryStrategy,
          // The former master may come back as a replica.
          failoverDetector: true,
          enableTLSForSentinelMode: address.isEncrypted,
        }),
      );
    case "cluster": {
      const { lazyConnect, enableOfflineQueue, retryStrategy: _, ...rest } = shared;
      // A cluster has the interface of a connection.
      const cluster = new (ioredis().Cluster)([...address.nodes], {
        clusterRetryStrategy: options.retryStrategy,
        ...given({ lazyConnect, enableOfflineQueue }),
        redisOptions: rest,
      });
      cluster.on("+node", mended);
      return cluster as unknown as Redis;
    }
  }
}

/** The part of ioredis that opens the sockets of a connection. */
interface Connector {
  connect(...args: unknown[]): Promise<NodeJS.EventEmitter>;
  disconnect(): void;
  /** The last socket. */
  readonly stream?: { readonly destroyed: boolean };
  /** Learns of another master from the sentinels, and ends the connection to the old one once. */
  readonly failoverDetector?: { readonly isDisconnected: boolean; cleanup(): void } | null;
}

/**
 * Works around two faults of ioredis. It handles only the first error of a socket, but a TLS connection that it refuses
 * has a second one, which would end the process. And a connection that is just connecting when a sentinel announces
 * another master would be closed forever, instead of going there.
 */
function mended(redis: Redis): Redis {
  const { connector } = redis as unknown as { readonly connector: Connector };
  const disconnect = connector.disconnect.bind(connector);
  let heard: Connector["failoverDetector"];
  connector.disconnect = () => {
    const detector = connector.failoverDetector;
    const isTold = detector?.isDisconnected === true && detector !== heard;
    heard = detector;
    // There is no connection to end, and one that connects now asks for the master anyway.
    if (isTold && connector.stream?.destroyed !== false) detector.cleanup();
    else disconnect();
  };
  const connect = connector.connect.bind(connector);
  connector.connect = async (...args) => (await connect(...args)).on("error", () => {});
  // BullMQ duplicates this connection for a worker that waits.
  const duplicate = redis.duplicate.bind(redis);
  redis.duplicate = (override) => mended(duplicate(override));
  return redis;
}

function loginOf({ username, password, db }: RedisAddress): Options {
  return {
    ...given({ username, password }),
    ...(db === 0 ? {} : { db }),
  };
}

function tlsOf(address: RedisAddress): Options {
  if (!address.isEncrypted) return {};
  const files = (["ca", "cert", "key"] as const).flatMap((one) => {
    const path = address[one];
    return path === undefined ? [] : [[one, contentOf(path)] as const];
  });
  return {
    tls: {
      ...Object.fromEntries(files),
      ...given({ servername: address.servername }),
    },
  };
}

function contentOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (thrown) {
    throw new TuttiError("config_invalid", `a file that REDIS_URL names cannot be read: ${path}`, {
      cause: thrown,
    });
  }
}
