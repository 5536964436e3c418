import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { loadavg } from "node:os";
import { dirname } from "node:path";

import { readJson } from "../../config/index.ts";
import { timesFaster } from "../fast-time.ts";
import { round } from "../statistics.ts";

/** Under which circumstances something was played. */
interface Circumstances {
  readonly commit: string;
  readonly times: number;
  readonly loadAverage: number | null;
}

/** What was played so far: a line each, so that a bench that was ended goes on where it stood. */
export class ResultFile<T extends object> {
  readonly all: (T & Circumstances)[] = [];
  readonly #path: string | null;
  readonly #commit: string;

  /** `path` null: nothing is kept. */
  constructor(path: string | null, commit: string, fresh: boolean) {
    this.#path = path;
    this.#commit = commit;
    if (path === null) return;
    mkdirSync(dirname(path), { recursive: true });
    if (fresh) rmSync(path, { force: true });
    if (!existsSync(path)) return;
    for (const line of readFileSync(path, "utf8").split("\n"))
      if (line !== "") this.all.push(readJson<T & Circumstances>(line));
  }

  add(played: T): void {
    const line = {
      ...played,
      commit: this.#commit,
      times: timesFaster,
      loadAverage: round(loadavg()[0]!),
    };
    this.all.push(line);
    if (this.#path !== null) appendFileSync(this.#path, `${JSON.stringify(line)}\n`);
  }
}
