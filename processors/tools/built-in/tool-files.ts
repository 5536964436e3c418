import { randomUUID } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { lstat, mkdir, open, realpath, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";

import { messageOf, TuttiError, type Json } from "../../../config/index.ts";

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

/** A name inside a folder that is held open, so that nobody can put another folder in its place. */
interface Place {
  /** Where to reach the name. */
  readonly path: string;
  /** Where a name beside it is reached. */
  readonly beside: (name: string) => string;
  /** Ends in an error when the folder is not the one that was meant. */
  readonly verify: (file: FileHandle, at: string) => Promise<void>;
  readonly leave: () => Promise<void>;
}

/** The way to a place: names to go through from the root, the last of them the file's. */
interface Way {
  readonly root: string;
  readonly names: readonly string[];
  /** As it was given, for errors. */
  readonly path: string;
  /** Whether folders that are missing are made. */
  readonly make: boolean;
}

const codeOf = (thrown: unknown): unknown =>
  thrown instanceof Error && "code" in thrown ? thrown.code : undefined;

const denied = (path: string, why: string): TuttiError =>
  new TuttiError("tool_denied", `the path ${JSON.stringify(path)} ${why}`, { details: { path } });

const invalid = (path: string, why: string): TuttiError =>
  new TuttiError("input_invalid", `the path ${JSON.stringify(path)} ${why}`, { details: { path } });

const LEADS_OUT = "leads out of the folder of tools (TUTTI_FILES_DIR)";
const IS_LINK = "has a symbolic link in it; inside the folder of tools they are not followed";

/** Of a system call that failed: what the workflow can do about it, if that is known. */
function refusal(thrown: unknown, path: string): unknown {
  const code = codeOf(thrown);
  if (code === "ENOTDIR" || code === "EEXIST")
    return invalid(path, "leads through what is no folder");
  if (code === "EISDIR") return invalid(path, "is a folder");
  if (code === "ENAMETOOLONG") return invalid(path, "has a name that is too long");
  if (code === "ELOOP") return denied(path, IS_LINK);
  if (code === "EACCES" || code === "EPERM" || code === "EROFS")
    return denied(path, `cannot be used: ${messageOf(thrown)}`);
  return thrown;
}

/** Linux alone lets a name be reached by the descriptor of its folder. */
const canAnchor = (): boolean => process.platform === "linux" && existsSync("/proc/self/fd");

/**
 * The one folder in which tools write files and look for them. A path is meant relative to it; `..`, an absolute path
 * or a symbolic link that leads elsewhere is refused.
 */
export class ToolFiles {
  private readonly folder: string;
  private readonly anchored: boolean;

  /** @param anchored Whether folders are reached by their descriptors; by paths else, which are compared afterwards. */
  constructor(folder: string, anchored = canAnchor()) {
    this.folder = resolve(folder);
    this.anchored = anchored;
  }

  /**
   * Writes a file in one step: readers see the old one or the new one, also when the process dies. Folders are made
   * as needed. A link of that name is replaced, not followed.
   *
   * @throws TuttiError `tool_denied`, `input_invalid`.
   */
  async write(path: string, text: string, signal: AbortSignal): Promise<Json> {
    const place = await this.placeOf(path, true).catch((thrown: unknown) => {
      throw refusal(thrown, path);
    });
    // In the same folder, because a rename across file systems is a copy.
    const draft = place.beside(`.tutti-${randomUUID()}.tmp`);
    try {
      const file = await open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o666);
      try {
        await place.verify(file, draft);
        await file.writeFile(text, { signal });
      } finally {
        await file.close();
      }
      signal.throwIfAborted();
      await rename(draft, place.path);
    } catch (thrown) {
      await rm(draft, { force: true });
      throw signal.aborted ? thrown : refusal(thrown, path);
    } finally {
      await place.leave();
    }
    return { path, bytes: Buffer.byteLength(text) };
  }

  /**
   * The size of a file; undefined when it is not there. Bytes.
   *
   * @throws TuttiError `tool_denied`, `input_invalid`.
   */
  async sizeOf(path: string): Promise<number | undefined> {
    let place: Place | undefined;
    try {
      place = await this.placeOf(path, false);
      const found = await lstat(place.path);
      if (found.isSymbolicLink()) throw denied(path, IS_LINK);
      return found.size;
    } catch (thrown) {
      if (codeOf(thrown) === "ENOENT") return undefined;
      throw refusal(thrown, path);
    } finally {
      await place?.leave();
    }
  }

  /** The names on the way from the folder to what a path means, by the letters of the path alone. */
  private namesOf(path: string, root: string): string[] {
    if (path.includes("\0")) throw invalid(path, "holds a NUL character");
    // Written as bytes it would become another name.
    if (/\p{Surrogate}/u.test(path)) throw invalid(path, "holds half a character");
    if (/(?:^|[/\\])\.{0,2}$/.test(path)) throw invalid(path, "names a folder");
    for (const base of new Set([this.folder, root])) {
      const inside = relative(base, resolve(root, path));
      if (inside !== ".." && !inside.startsWith(`..${sep}`) && !isAbsolute(inside)) {
        if (inside === "") throw invalid(path, "names the folder of tools");
        return inside.split(sep);
      }
    }
    throw denied(path, LEADS_OUT);
  }

  /** Goes to the folder of a path, from one folder to the next, through no link. */
  private async placeOf(path: string, make: boolean): Promise<Place> {
    // A folder that is missing is told by who opens it.
    const real = (): Promise<string> => realpath(this.folder).catch(() => this.folder);
    this.namesOf(path, await real());
    if (make) await mkdir(this.folder, { recursive: true });
    const root = await real();
    const names = this.namesOf(path, root);
    const way = { root, names, path, make };
    return this.anchored ? anchoredPlace(way) : comparedPlace(way);
  }
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path).catch((thrown: unknown) => {
    if (codeOf(thrown) !== "EEXIST") throw thrown;
  });
}

/** A link is told from other things that are no folder. */
async function noFolder(at: string, path: string, thrown: unknown): Promise<unknown> {
  const found = await lstat(at).catch(() => undefined);
  return found?.isSymbolicLink() === true ? denied(path, IS_LINK) : refusal(thrown, path);
}

async function anchoredPlace({ root, names, path, make }: Way): Promise<Place> {
  let handle = await open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  for (const folder of names.slice(0, -1)) {
    const outer = handle;
    const at = `/proc/self/fd/${outer.fd}/${folder}`;
    try {
      if (make) await makeFolder(at);
      handle = await open(at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } catch (thrown) {
      throw codeOf(thrown) === "ENOENT" ? thrown : await noFolder(at, path, thrown);
    } finally {
      await outer.close();
    }
  }
  const beside = (one: string): string => `/proc/self/fd/${handle.fd}/${one}`;
  return {
    path: beside(names.at(-1) ?? ""),
    beside,
    verify: () => Promise.resolve(),
    leave: () => handle.close(),
  };
}

async function comparedPlace({ root, names, path, make }: Way): Promise<Place> {
  let at = root;
  for (const folder of names.slice(0, -1)) {
    at = join(at, folder);
    if (make) await makeFolder(at);
    const found = await lstat(at);
    if (found.isSymbolicLink()) throw denied(path, IS_LINK);
    if (!found.isDirectory()) throw invalid(path, "leads through what is no folder");
  }
  const expected = at;
  return {
    path: join(at, names.at(-1) ?? ""),
    beside: (one) => join(expected, one),
    async verify(file, draft) {
      const [really, mine, there] = await Promise.all([
        realpath(dirname(draft)),
        file.stat(),
        lstat(draft),
      ]);
      if (really !== expected || mine.ino !== there.ino || mine.dev !== there.dev)
        throw denied(path, IS_LINK);
    },
    leave: () => Promise.resolve(),
  };
}
