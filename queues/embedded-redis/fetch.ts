import { chmod, copyFile, mkdir, readdir, realpath, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { messageOf } from "../../config/index.ts";
import type { RedisFolder } from "./folder.ts";
import { checkBinary, type ServerBinary } from "./locate.ts";
import { fetchPackages } from "./packages.ts";

/**
 * Debian's redis-server contains only a link; the program is in redis-tools. The listed libraries are those that a
 * small system lacks.
 */
const PACKAGES = ["redis-server", "redis-tools", "libjemalloc2", "liblzf1"];

/** Copies the program and all libraries from the unpacked packages, following links. */
async function collect(unpacked: string, folder: RedisFolder): Promise<void> {
  const files = await readdir(unpacked, { recursive: true, withFileTypes: true });
  const libraries = files.filter(
    (file) => !file.isDirectory() && /^lib.*\.so(\.\d+)*$/.test(file.name),
  );
  await mkdir(folder.bin, { recursive: true, mode: 0o700 });
  await mkdir(folder.lib, { recursive: true, mode: 0o700 });
  await Promise.all(
    libraries.map(async (file) => {
      const source = await realpath(join(file.parentPath, file.name));
      await copyFile(source, join(folder.lib, file.name));
    }),
  );
  const draft = join(folder.bin, "redis-server.new");
  await copyFile(await realpath(join(unpacked, "usr/bin/redis-server")), draft);
  await chmod(draft, 0o755);
  await rename(draft, join(folder.bin, "redis-server"));
}

/**
 * Fetches the distribution's own server into the cache folder. Needs apt, but no privileges. The caller holds the lock.
 *
 * @throws Error with apt's reason, or with the server's if it does not run here.
 */
export async function fetchServer(
  folder: RedisFolder,
  onTalk: (line: string) => void,
): Promise<ServerBinary> {
  const unpacked = join(folder.root, "fetch");
  await rm(unpacked, { recursive: true, force: true });
  try {
    onTalk("no Redis found; fetching the packages of this distribution (no root needed)");
    const packages = await fetchPackages(PACKAGES, unpacked, onTalk);
    await collect(unpacked, folder);
    await writeFile(join(folder.root, "fetched.txt"), `${packages.join("\n")}\n`);
    return await checkBinary(join(folder.bin, "redis-server"), folder.lib);
  } catch (error) {
    const stderr =
      error instanceof Error && "stderr" in error && typeof error.stderr === "string"
        ? error.stderr.trim().split("\n").at(-1)
        : undefined;
    throw new Error(stderr === undefined || stderr === "" ? messageOf(error) : stderr, {
      cause: error,
    });
  } finally {
    await rm(unpacked, { recursive: true, force: true });
  }
}
