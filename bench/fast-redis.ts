import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { loadConfig } from "../config/index.ts";
import { findServer, openRedis, type OpenRedis } from "../queues/embedded-redis/index.ts";
import { timesFaster } from "./fast-time.ts";

/** What makes the time of a process go faster; the product passes nothing of its environment on to its server. */
const FAST = ["LD_PRELOAD", "FAKETIME", "FAKETIME_SHARED"];

/** Opens an embedded Redis of its own, in the time of this process; closing it leaves nothing behind. */
export async function openFastRedis(onTalk: (line: string) => void): Promise<OpenRedis> {
  const home = mkdtempSync(join(tmpdir(), "tutti-fast-"));
  const config = { ...loadConfig(), home };
  const options = { onTalk };
  const redis = await (timesFaster === 1
    ? openRedis(config, options)
    : openRedis({ ...config, redisBinary: await hastened(home, options) }, options));
  return {
    ...redis,
    close: async () => {
      await redis.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** A program that starts the server of this machine in our time. */
async function hastened(
  home: string,
  options: { readonly onTalk: (line: string) => void },
): Promise<string> {
  const config = { ...loadConfig(), home };
  let found = await findServer(config);
  if (!("path" in found)) {
    // Starting one fetches it.
    await (await openRedis(config, options)).close();
    found = await findServer(config);
  }
  if (!("path" in found)) throw new Error(found.reason);
  const path = join(home, "fast-redis-server");
  const settings = FAST.map((name) => `${name}='${process.env[name] ?? ""}'`);
  writeFileSync(path, `#!/bin/sh\n${settings.join(" ")} exec '${found.path}' "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}
