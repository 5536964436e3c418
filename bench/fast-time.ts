/**
 * A time that goes faster for a whole tree of processes: libfaketime multiplies every clock and divides every timer,
 * so that the stack under test, Redis too, runs as it is, with the times and intervals that it is shipped with.
 */
import { spawn } from "node:child_process";
import { access, mkdir, readdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

import { messageOf } from "../config/index.ts";
import { fetchPackages } from "../queues/embedded-redis/packages.ts";

/** Says to a process that its time already goes faster. */
const MARK = "BENCH_TIMES_FASTER";
/** Redis' own allocator asks for the time before libfaketime is ready; with another one in front it need not. */
const PACKAGES = ["faketime", "libfaketime", "libmimalloc2.0"];
const LIBRARY = /^libfaketimeMT\.so\.1$/;
const ALLOCATOR = /^libmimalloc\.so\.2\.\d+$/;

interface FastTime {
  readonly command: string;
  readonly libraries: readonly string[];
}

/** How many times faster the time of this process goes. */
export const timesFaster = Number(process.env[MARK] ?? 1);

/**
 * Starts this program once more, in a time that goes so many times faster, and ends with it. Returns when that is
 * not needed any more, or not possible here: then time goes as it does.
 */
export async function hasten(times: number, onTalk: (line: string) => void): Promise<void> {
  if (times === 1 || MARK in process.env) return;
  const fast = await findOrFetch(onTalk).catch((thrown: unknown) => {
    onTalk(`time cannot go faster here: ${messageOf(thrown)}`);
    return null;
  });
  if (fast === null) return;
  const preload = `LD_PRELOAD=${fast.libraries.join(" ")}`;
  const child = spawn(
    fast.command,
    ["-m", "-f", `+0 x${times}`, "env", preload, process.execPath, ...process.argv.slice(1)],
    { stdio: "inherit", env: { ...process.env, [MARK]: String(times) } },
  );
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  const code = await new Promise<number>((resolve) => {
    child.once("exit", (exit) => resolve(exit ?? 1));
  });
  process.exit(code);
}

async function findOrFetch(onTalk: (line: string) => void): Promise<FastTime> {
  const installed = await find("/usr", (process.env["PATH"] ?? "").split(delimiter));
  if (installed !== null) return installed;
  const root = fileURLToPath(new URL("../../fast-time", import.meta.url));
  const bin = [join(root, "usr/bin")];
  const before = await find(join(root, "usr"), bin);
  if (before !== null) return before;
  onTalk("fetching libfaketime of this distribution (no root needed)");
  await mkdir(root, { recursive: true });
  await fetchPackages(PACKAGES, root, onTalk);
  const fetched = await find(join(root, "usr"), bin);
  if (fetched === null) throw new Error("its packages do not hold it");
  return fetched;
}

async function find(usr: string, path: readonly string[]): Promise<FastTime | null> {
  const files = await Promise.all(
    [...libFolders(usr), ...libFolders(usr).map((folder) => join(folder, "faketime"))].map(
      async (folder) =>
        (await readdir(folder).catch(() => [])).map((name) => ({ name, path: join(folder, name) })),
    ),
  );
  const named = (name: RegExp) => files.flat().find((file) => name.test(file.name))?.path;
  const [library, allocator] = [named(LIBRARY), named(ALLOCATOR)];
  const commands = await Promise.all(
    path.map(async (folder) => {
      const command = join(folder, "faketime");
      return access(command).then(
        () => command,
        () => null,
      );
    }),
  );
  const command = commands.find((one) => one !== null);
  if (command === undefined || library === undefined || allocator === undefined) return null;
  return { command, libraries: [allocator, library] };
}

const libFolders = (usr: string): string[] =>
  ["x86_64-linux-gnu", "aarch64-linux-gnu"].map((name) => join(usr, "lib", name));
