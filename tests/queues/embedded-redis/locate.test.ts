import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { isAtLeast } from "../../../queues/connection/index.ts";
import { redisFolderOf } from "../../../queues/embedded-redis/folder.ts";
import { installHint } from "../../../queues/embedded-redis/index.ts";
import { locateServer } from "../../../queues/embedded-redis/locate.ts";

let root = "";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tutti-locate-"));
});

afterEach(() => rmSync(root, { recursive: true }));

/** A program that says it is this server. */
function server(folder: string, name: string, version: string): string {
  const path = join(root, folder, name);
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho "Server v=${version} sha=0"\n`);
  chmodSync(path, 0o755);
  return path;
}

function locate(searchPath: string[], knownFolders: string[] = []) {
  const skipped: string[] = [];
  const places = {
    searchPath: searchPath.map((one) => join(root, one)),
    knownFolders: knownFolders.map((one) => join(root, one)),
  };
  return locateServer(places, redisFolderOf(root), (reason) => skipped.push(reason)).then(
    (found) => ({ path: found?.path, skipped }),
  );
}

test("Valkey is taken before Redis", async () => {
  server("a", "redis-server", "8.0.0");
  const valkey = server("b", "valkey-server", "8.1.1");
  expect((await locate(["a", "b"])).path).toBe(valkey);
});

test("the first of PATH is taken, then the known folders, then the fetched one", async () => {
  const fetched = server("redis/bin", "redis-server", "7.0.15");
  expect((await locate([])).path).toBe(fetched);
  const known = server("known", "redis-server", "7.0.15");
  expect((await locate([], ["known"])).path).toBe(known);
  const first = server("a", "redis-server", "7.0.15");
  server("b", "redis-server", "7.0.15");
  expect((await locate(["a", "b"], ["known"])).path).toBe(first);
});

test("one that is too old is skipped aloud, one that is no program silently", async () => {
  server("a", "valkey-server", "6.0.16");
  chmodSync(server("b", "valkey-server", "8.1.1"), 0o644);
  const found = server("b", "redis-server", "7.2.0");
  const { path, skipped } = await locate(["a", "b"]);
  expect(path).toBe(found);
  expect(skipped).toEqual([expect.stringContaining("version 6.0.16; 6.2.0 or later is needed")]);
});

test("versions are compared as numbers", () => {
  expect(isAtLeast("6.2.0", "6.2.0")).toBe(true);
  expect(isAtLeast("10.0.0", "6.2.0")).toBe(true);
  expect(isAtLeast("6.0.16", "6.2.0")).toBe(false);
});

describe("the command that installs a server", () => {
  test.each([
    ["darwin", "", "`brew install valkey`"],
    ["win32", "", "`winget install "],
    ["linux", "ID=debian\n", "`apt-get install -y redis-server`"],
    ["linux", 'ID=linuxmint\nID_LIKE="ubuntu debian"\n', "`apt-get install -y redis-server`"],
    ["linux", 'ID="rocky"\nID_LIKE="rhel centos fedora"\n', "`dnf install -y valkey`"],
    ["linux", "ID=alpine\n", "`apk add valkey`"],
    ["linux", "ID=opensuse-leap\n", "`zypper install -y valkey`"],
    ["linux", "", "install Valkey or Redis 6.2 or later"],
    ["sunos", "", "install Valkey or Redis 6.2 or later"],
  ] as const)("%s %j", (platform, osRelease, command) => {
    const hint = installHint(platform, osRelease);
    expect(hint).toContain(command);
    expect(hint).toContain("REDIS_URL");
    expect(hint).not.toContain("\n");
  });
});
