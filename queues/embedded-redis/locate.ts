import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { messageOf, TuttiError, given } from "../../config/index.ts";
import { isAtLeast } from "../connection/server-info.ts";
import type { RedisFolder } from "./folder.ts";

const run = promisify(execFile);

/** Oldest server that BullMQ works on without restrictions. */
export const MIN_REDIS_VERSION = "6.2.0";

/** Where packages put servers, although the folder may not be on the PATH of a service. */
const KNOWN_FOLDERS: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: ["/usr/bin", "/usr/local/bin", "/usr/sbin", "/home/linuxbrew/.linuxbrew/bin"],
  darwin: ["/opt/homebrew/bin", "/usr/local/bin", "/opt/local/bin"],
  freebsd: ["/usr/local/bin"],
  win32: [String.raw`C:\Program Files\Memurai`, String.raw`C:\Program Files\Redis`],
};

/** Valkey first: its license is free everywhere. */
const NAMES =
  process.platform === "win32"
    ? ["valkey-server.exe", "memurai.exe", "redis-server.exe"]
    : ["valkey-server", "redis-server"];

/** A server that can be started. */
export interface ServerBinary {
  readonly path: string;
  readonly version: string;
  /** The whole environment to start it with. */
  readonly env: Readonly<Record<string, string>>;
}

async function versionOf(path: string, env: Readonly<Record<string, string>>): Promise<string> {
  const { stdout } = await run(path, ["--version"], { env, timeout: 5_000 });
  const [, version] = /\bv=(\d+\.\d+\.\d+)/.exec(stdout) ?? [];
  if (version === undefined) throw new Error(`${path} is no Redis or Valkey server`);
  if (!isAtLeast(version, MIN_REDIS_VERSION)) {
    throw new Error(`${path} is version ${version}; ${MIN_REDIS_VERSION} or later is needed`);
  }
  return version;
}

/**
 * Looks whether a binary can be started and is recent enough.
 *
 * @param libraries Folder with libraries that the system lacks.
 * @throws Error with the reason.
 */
export async function checkBinary(path: string, libraries?: string): Promise<ServerBinary> {
  // Nothing of our environment, which holds secrets, is any business of the server's.
  const env = { LC_ALL: "C", ...given({ LD_LIBRARY_PATH: libraries }) };
  return { path, env, version: await versionOf(path, env) };
}

export interface Places {
  /** An explicit choice. If it does not work, nothing else is tried. */
  readonly redisBinary?: string | undefined;
  /** The folders of PATH. */
  readonly searchPath: readonly string[];
  /** Looked through after PATH. Default: those of this platform. */
  readonly knownFolders?: readonly string[] | undefined;
}

/** The binary that was fetched earlier, when there is one that works. */
async function fetchedBinary(folder: RedisFolder): Promise<ServerBinary | undefined> {
  return checkBinary(join(folder.bin, "redis-server"), folder.lib).catch(() => undefined);
}

async function tryBinary(
  path: string,
  onSkip: (reason: string) => void,
): Promise<ServerBinary | undefined> {
  // Most folders hold none, and that is nothing to talk about.
  const isThere = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!isThere) return undefined;
  return checkBinary(path).catch((error: unknown) => {
    onSkip(messageOf(error).split("\n", 1)[0] ?? "");
    return undefined;
  });
}

/**
 * The first server that can be used, or `undefined`. Unusable ones on the way are told to `onSkip`.
 *
 * @throws TuttiError `redis_not_found` when the explicit choice cannot be used.
 */
export async function locateServer(
  { redisBinary, searchPath, knownFolders = KNOWN_FOLDERS[process.platform] ?? [] }: Places,
  folder: RedisFolder,
  onSkip: (reason: string) => void = () => {},
): Promise<ServerBinary | undefined> {
  if (redisBinary !== undefined) {
    return checkBinary(redisBinary).catch((error: unknown) => {
      const reason = messageOf(error).split("\n", 1)[0] ?? "";
      throw new TuttiError("redis_not_found", `TUTTI_REDIS_BINARY cannot be used: ${reason}`, {
        cause: error,
      });
    });
  }
  const folders = [...new Set([...searchPath, ...knownFolders])];
  const candidates = NAMES.flatMap((name) => folders.map((one) => join(one, name)));
  for (const candidate of candidates) {
    // In order, because the first one is the one to take.
    const found = await tryBinary(candidate, onSkip);
    if (found !== undefined) return found;
  }
  return fetchedBinary(folder);
}
