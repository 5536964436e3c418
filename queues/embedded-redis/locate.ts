import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { messageOf, TuttiError, given } from "../../config/index.ts";
import { isAtLeast } from "../connection/server-info.ts";
import type { RedisFolder } from "./folder.ts";

const run = promisify(execFile);

/** Oldest server on which BullMQ works without restrictions. */
export const MIN_REDIS_VERSION = "6.2.0";

/** Where packages install servers, even if a service's PATH lacks the folder. */
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
  /** The complete environment to start it with. */
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
 * Checks whether a binary starts and is recent enough.
 *
 * @param libraries Folder with libraries that the system lacks.
 * @throws Error with the reason.
 */
export async function checkBinary(path: string, libraries?: string): Promise<ServerBinary> {
  // The server must not see this process's environment, which holds secrets.
  const env = { LC_ALL: "C", ...given({ LD_LIBRARY_PATH: libraries }) };
  return { path, env, version: await versionOf(path, env) };
}

export interface Places {
  /** An explicit choice. If it does not work, nothing else is tried. */
  readonly redisBinary?: string | undefined;
  /** The folders of PATH. */
  readonly searchPath: readonly string[];
  /** Searched after PATH. Default: those of this platform. */
  readonly knownFolders?: readonly string[] | undefined;
}

/** A binary that was fetched earlier, if it works. */
async function fetchedBinary(folder: RedisFolder): Promise<ServerBinary | undefined> {
  return checkBinary(join(folder.bin, "redis-server"), folder.lib).catch(() => undefined);
}

async function tryBinary(
  path: string,
  onSkip: (reason: string) => void,
): Promise<ServerBinary | undefined> {
  // Most folders contain none, which is not worth reporting.
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
 * The first usable server, or `undefined`. Unusable ones on the way are reported to `onSkip`.
 *
 * @throws TuttiError `redis_not_found` if the explicit choice cannot be used.
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
    // One at a time, because the first usable one is taken.
    const found = await tryBinary(candidate, onSkip);
    if (found !== undefined) return found;
  }
  return fetchedBinary(folder);
}
