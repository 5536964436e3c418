import { execFileSync } from "node:child_process";

/** The commit that is checked out. */
export const commitNow = (): string =>
  execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
