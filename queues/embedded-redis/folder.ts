import { chmod, mkdir, readFile, realpath, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { messageOf, TuttiError } from "../../config/index.ts";

/** The files of a machine's embedded server, below `TUTTI_HOME`. */
export interface RedisFolder {
  readonly root: string;
  /** The server's data. Nothing deletes it. */
  readonly data: string;
  /** One file per process that uses the server. */
  readonly users: string;
  /** A fetched server, and the libraries it needs. */
  readonly bin: string;
  readonly lib: string;
  /** Port, password and process of the server that runs, or ran last. Mode 0600. */
  readonly state: string;
  /** The server's configuration. Mode 0600. */
  readonly conf: string;
  readonly log: string;
  readonly lock: string;
}

export function redisFolderOf(home: string): RedisFolder {
  const root = join(home, "redis");
  return {
    root,
    data: join(root, "data"),
    users: join(root, "users"),
    bin: join(root, "bin"),
    lib: join(root, "lib"),
    state: join(root, "server.json"),
    conf: join(root, "redis.conf"),
    log: join(root, "server.log"),
    lock: join(root, "start.lock"),
  };
}

/**
 * Makes the folder, readable only by its owner.
 *
 * @throws TuttiError `config_invalid` if it cannot be made.
 */
export async function makeRedisFolder(home: string): Promise<RedisFolder> {
  try {
    await mkdir(join(home, "redis"), { recursive: true, mode: 0o700 });
    // One server, one folder name: the server is recognized by the path of its configuration.
    const folder = redisFolderOf(await realpath(home));
    await chmod(folder.root, 0o700);
    await mkdir(folder.data, { recursive: true, mode: 0o700 });
    await mkdir(folder.users, { recursive: true, mode: 0o700 });
    return folder;
  } catch (error) {
    throw new TuttiError(
      "config_invalid",
      `expected TUTTI_HOME to be a folder that can be written, got: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Replaces a file atomically, so that no reader sees half of it. Mode 0600. */
export async function writePrivate(path: string, content: string): Promise<void> {
  const draft = `${path}.${process.pid}`;
  await rm(draft, { force: true });
  await writeFile(draft, content, { mode: 0o600, flag: "wx" });
  await rename(draft, path);
}

/** The JSON of a file; `undefined` if there is none or it cannot be read. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return undefined;
  }
}
