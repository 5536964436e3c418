import { execFile } from "node:child_process";
import { chmod, copyFile, mkdir, readdir, realpath, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";

import { messageOf } from "../../config/index.ts";
import type { RedisFolder } from "./folder.ts";
import { checkBinary, type ServerBinary } from "./locate.ts";

const run = promisify(execFile);

/**
 * Debian's redis-server holds only a link; the program is in redis-tools. The libraries are named
 * because they are the ones that a small system lacks.
 */
const PACKAGES = ["redis-server", "redis-tools", "libjemalloc2", "liblzf1"];

/** The C library has to fit the system's loader, so it is always the system's own. */
const NEVER_UNPACK = /^(libc6|libc-bin|base-files)_/;

/** Longest time of one apt command. Milliseconds. */
const APT_MS = 120_000;
const MAX_OUTPUT_BYTES = 16_000_000;

async function apt(options: readonly string[], command: readonly string[]): Promise<void> {
  // No terminal, no questions. The environment passes through, because it may name a proxy.
  await run("apt-get", ["-q", "-y", ...options, ...command], {
    timeout: APT_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
  });
}

async function debsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.endsWith(".deb")).map((name) => join(folder, name));
}

/** Downloads into `work`, without root and without a lock of the system's. apt checks the signatures. */
async function download(work: string, onTalk: (line: string) => void): Promise<string[]> {
  const archives = join(work, "cache", "archives");
  const ownLists = join(work, "lists");
  await mkdir(join(archives, "partial"), { recursive: true });
  await mkdir(join(ownLists, "partial"), { recursive: true });
  const options = (lists: string) => [
    `-oDir::State::lists=${lists}`,
    `-oDir::Cache=${join(work, "cache")}`,
    `-oDir::State::extended_states=${join(work, "extended_states")}`,
    "-oDebug::NoLocking=1",
    // As root, apt would become `_apt`, who may not write here.
    "-oAPT::Sandbox::User=root",
    "-oAcquire::Retries=1",
    "-oAcquire::http::Timeout=20",
    "-oAcquire::https::Timeout=20",
  ];
  // Reinstall: a package that is there may be there without what we need of it.
  const install = [
    "install",
    "--download-only",
    "--reinstall",
    "--no-install-recommends",
    ...PACKAGES,
  ];
  const systemLists = await readdir("/var/lib/apt/lists").catch(() => []);
  if (systemLists.some((name) => name.includes("_Packages"))) {
    const packages = await apt(options("/var/lib/apt/lists"), install)
      .then(() => debsIn(archives))
      .catch(() => []);
    if (packages.length > 0) return packages;
  }
  onTalk("reading the package lists of this distribution");
  await apt(options(ownLists), ["update"]);
  await apt(options(ownLists), install);
  return debsIn(archives);
}

/** Copies the program and every library, links followed, out of the unpacked packages. */
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

/** Whether this platform has what {@link fetchServer} needs. */
export async function canFetch(): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const found = ["apt-get", "dpkg-deb"].map((name) => run(name, ["--version"], { timeout: 5_000 }));
  return Promise.all(found).then(
    () => true,
    () => false,
  );
}

/**
 * Fetches the distribution's own server into the cache folder. Needs apt and no rights. The caller
 * holds the lock.
 *
 * @throws Error with apt's reason, or with the server's when it does not run here.
 */
export async function fetchServer(
  folder: RedisFolder,
  onTalk: (line: string) => void,
): Promise<ServerBinary> {
  const work = join(folder.root, "fetch");
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true, mode: 0o700 });
  try {
    onTalk("no Redis found; fetching the packages of this distribution (no root needed)");
    const packages = await download(work, onTalk);
    const unpacked = join(work, "unpacked");
    const wanted = packages.filter((path) => !NEVER_UNPACK.test(basename(path)));
    for (const path of wanted) {
      // One after the other: they share folders.
      // oxlint-disable-next-line no-await-in-loop
      await run("dpkg-deb", ["-x", path, unpacked], { timeout: APT_MS });
    }
    await collect(unpacked, folder);
    await writeFile(
      join(folder.root, "fetched.txt"),
      `${wanted.map((path) => basename(path)).join("\n")}\n`,
    );
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
    await rm(work, { recursive: true, force: true });
  }
}
