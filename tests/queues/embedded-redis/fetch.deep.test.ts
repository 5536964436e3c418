import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";

import { loadConfig, type Config } from "../../../config/index.ts";
import { onRedis, serversOf, startUser } from "./user.ts";

/** An unprivileged user that every Debian has: nobody. */
const NOBODY = { uid: 65_534, gid: 65_534 };
const hasApt = existsSync("/usr/bin/apt-get") && existsSync("/usr/bin/dpkg-deb");
const isRoot = process.getuid?.() === 0;

/** Whether other users may read the compiled project, as nobody has to. */
function othersMayRead(path: string): boolean {
  const mode = statSync(path).mode;
  return (mode & 0o005) === 0o005 && (path === dirname(path) || othersMayRead(dirname(path)));
}

let root = "";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tutti-fetch-"));
  chmodSync(root, 0o755);
});

afterEach(() => rmSync(root, { recursive: true }));

function bareConfig(): Config {
  const home = join(root, "home");
  mkdirSync(home);
  const { redisUrl: _, ...config } = loadConfig({}, { home, searchPath: [] });
  return config;
}

describe.skipIf(!hasApt)("a machine with apt and without Redis", () => {
  test("fetches a server, keeps it, and starts it from its folder next time", async () => {
    const config = bareConfig();
    const first = await startUser(config, { knownFolders: [] });
    expect(first.lines[0]).toContain("fetching the packages");
    expect(await onRedis(first.url, (redis) => redis.ping())).toBe("PONG");
    await first.leave();
    expect(readdirSync(join(config.home, "redis")).toSorted((a, b) => a.localeCompare(b))).toEqual([
      "bin",
      "data",
      "fetched.txt",
      "lib",
      "redis.conf",
      "server.log",
      "users",
    ]);
    const second = await startUser(config, { knownFolders: [], mayFetch: false });
    expect(second.lines).toEqual([expect.stringContaining("started on")]);
    await second.leave();
    expect(serversOf(config.home)).toEqual([]);
  });

  test.skipIf(!isRoot || !othersMayRead(inject("builtFolder")))(
    "does so without any rights",
    async () => {
      const config = bareConfig();
      chownSync(config.home, NOBODY.uid, NOBODY.gid);
      const user = await startUser(config, { knownFolders: [] }, NOBODY);
      expect(user.lines[0]).toContain("fetching the packages");
      expect(await onRedis(user.url, (redis) => redis.ping())).toBe("PONG");
      await user.leave();
      expect(serversOf(config.home)).toEqual([]);
    },
  );
});
