import { randomUUID } from "node:crypto";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { type RedisFolder, readJson } from "./folder.ts";
import { isAlive, isProcessMark, ownMark } from "./process-identity.ts";

/** Notes that this process uses the server. Returns the note. A process may hold several. */
export async function addUser(folder: RedisFolder): Promise<string> {
  const note = join(folder.users, `${process.pid}.${randomUUID().slice(0, 8)}`);
  await writeFile(note, JSON.stringify(await ownMark()), { mode: 0o600 });
  return note;
}

/** Removes a note and those of processes that died. Returns how many are left. */
export async function removeUser(folder: RedisFolder, note: string): Promise<number> {
  await rm(note, { force: true });
  const notes = await readdir(folder.users);
  const left = await Promise.all(
    notes.map(async (name) => {
      const path = join(folder.users, name);
      const mark = await readJson(path);
      if (isProcessMark(mark) && (await isAlive(mark))) return 1;
      await rm(path, { force: true });
      return 0;
    }),
  );
  return left.reduce<number>((sum, one) => sum + one, 0);
}
