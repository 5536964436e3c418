import { messageOf, type Config } from "../../config/index.ts";
import { factsFrom, type DurabilityFacts } from "../connection/index.ts";
import { askRedis, factsOf, type ServerFacts } from "./connection-check.ts";
import { redisFolderOf } from "./folder.ts";
import { locateServer, type Places } from "./locate.ts";
import { canFetch } from "./packages.ts";

/** What a Redis reports about itself, and how far its clock differs from this machine's. */
export interface RedisInspection extends Pick<
  ServerFacts,
  "version" | "appendOnly" | "maxmemoryPolicy"
> {
  /** Positive if the server's clock is ahead, without what the round trip may explain. Milliseconds. */
  readonly clockSkewMs: number;
  readonly durability: DurabilityFacts;
}

/**
 * Asks a Redis about itself on a connection of its own.
 *
 * @param now This machine's clock. Milliseconds.
 * @throws Error with the reason if it does not answer within `timeoutMs`.
 */
export function inspectRedis(
  url: string,
  timeoutMs: number,
  now: () => number = Date.now,
): Promise<RedisInspection> {
  return askRedis({ url, timeoutMs }, async (client) => {
    const { version, appendOnly, maxmemoryPolicy } = await factsOf(client);
    const durability = await factsFrom(client, "tutti");
    const before = now();
    const [seconds, microseconds] = await client.time();
    const after = now();
    const serverMs = Number(seconds) * 1_000 + Number(microseconds) / 1_000;
    const ahead = Math.max(0, serverMs - after);
    const behind = Math.max(0, before - serverMs);
    return {
      version,
      appendOnly,
      maxmemoryPolicy,
      clockSkewMs: Math.round(ahead - behind),
      durability,
    };
  });
}

/** The server that `openRedis` would start here: `canFetch` if it would have to download one. */
export async function findServer(
  config: Pick<Config, "home"> & Places,
): Promise<
  | { readonly path: string; readonly version: string }
  | { readonly reason: string; readonly canFetch: boolean }
> {
  try {
    const found = await locateServer(config, redisFolderOf(config.home));
    return found ?? { reason: "no server found", canFetch: await canFetch() };
  } catch (error) {
    return { reason: messageOf(error), canFetch: false };
  }
}
