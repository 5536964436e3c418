import { randomUUID } from "node:crypto";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import type { Json } from "../../config/index.ts";

/**
 * Writes a file in one step: readers see the old one or the new one, also when the process dies.
 * Folders are made as needed.
 */
export async function writeFileAtOnce(
  path: string,
  text: string,
  signal: AbortSignal,
): Promise<Json> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  // In the same folder, because a rename across file systems is a copy.
  const temporary = join(folder, `.${basename(path)}.${randomUUID()}.tmp`);
  try {
    await writeFile(temporary, text, { signal });
    signal.throwIfAborted();
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
  return { path, bytes: Buffer.byteLength(text) };
}
