import { execFile } from "node:child_process";
import { mkdir, readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The C library must match the system's loader, so the system's own is always used. */
const NEVER_UNPACK = /^(libc6|libc-bin|base-files)_/;

/** Longest time of one apt command. Milliseconds. */
const APT_MS = 120_000;
const MAX_OUTPUT_BYTES = 16_000_000;

async function apt(options: readonly string[], command: readonly string[]): Promise<void> {
  // No terminal, no questions. The environment is passed on, because it may name a proxy.
  await run("apt-get", ["-q", "-y", ...options, ...command], {
    timeout: APT_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
  });
}

async function debsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.endsWith(".deb")).map((name) => join(folder, name));
}

/** Downloads into `work`, without root and without a system lock. apt checks the signatures. */
async function download(
  packages: readonly string[],
  work: string,
  onTalk: (line: string) => void,
): Promise<string[]> {
  const archives = join(work, "cache", "archives");
  const ownLists = join(work, "lists");
  await mkdir(join(archives, "partial"), { recursive: true });
  await mkdir(join(ownLists, "partial"), { recursive: true });
  const options = (lists: string) => [
    `-oDir::State::lists=${lists}`,
    `-oDir::Cache=${join(work, "cache")}`,
    `-oDir::State::extended_states=${join(work, "extended_states")}`,
    "-oDebug::NoLocking=1",
    // As root, apt would become `_apt`, which may not write here.
    "-oAPT::Sandbox::User=root",
    "-oAcquire::Retries=1",
    "-oAcquire::http::Timeout=20",
    "-oAcquire::https::Timeout=20",
  ];
  // Reinstall: an installed package may lack the files needed here.
  const install = [
    "install",
    "--download-only",
    "--reinstall",
    "--no-install-recommends",
    ...packages,
  ];
  const systemLists = await readdir("/var/lib/apt/lists").catch(() => []);
  if (systemLists.some((name) => name.includes("_Packages"))) {
    const found = await apt(options("/var/lib/apt/lists"), install)
      .then(() => debsIn(archives))
      .catch(() => []);
    if (found.length > 0) return found;
  }
  onTalk("reading the package lists of this distribution");
  await apt(options(ownLists), ["update"]);
  await apt(options(ownLists), install);
  return debsIn(archives);
}

/** Whether this platform has what {@link fetchPackages} needs. */
export async function canFetch(): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const found = ["apt-get", "dpkg-deb"].map((name) => run(name, ["--version"], { timeout: 5_000 }));
  return Promise.all(found).then(
    () => true,
    () => false,
  );
}

/**
 * Fetches packages of this distribution with their dependencies and unpacks them into a folder. Needs apt, but no
 * privileges. Returns the names of the package files.
 *
 * @throws Error with apt's reason.
 */
export async function fetchPackages(
  packages: readonly string[],
  folder: string,
  onTalk: (line: string) => void,
): Promise<string[]> {
  const work = join(folder, "download");
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true, mode: 0o700 });
  try {
    const files = await download(packages, work, onTalk);
    const wanted = files.filter((path) => !NEVER_UNPACK.test(basename(path)));
    for (const path of wanted) {
      // One after the other, because they share folders.
      await run("dpkg-deb", ["-x", path, folder], { timeout: APT_MS });
    }
    return wanted.map((path) => basename(path));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
