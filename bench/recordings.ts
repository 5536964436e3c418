/**
 * Replays recorded workflows (WfCommons WfFormat 1.5) with `core.sleep` and compares what the run
 * reports with what the recording allows: `npm run bench:recordings -- FILE[:SCALE] ...`.
 *
 * Prints per recording the makespan, the critical path, their ratio and how many steps began before a
 * dependency had ended (there must be none).
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { basename, join } from "node:path";

import { parse } from "yaml";

import { runCli } from "../src/cli/index.ts";
import { round } from "./statistics.ts";

interface Imported {
  readonly steps: readonly {
    readonly id: string;
    readonly with: { readonly ms: number };
    readonly needs?: readonly string[];
  }[];
}

interface Reported {
  readonly state: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly steps: Readonly<
    Record<
      string,
      { readonly state: string; readonly startedAt: string; readonly finishedAt: string }
    >
  >;
}

const home = mkdtempSync(join(tmpdir(), "tutti-recordings-"));

/** Runs the command line as a user would, and returns what it prints. */
async function tutti(...args: string[]): Promise<string> {
  let printed = "";
  const stdout = { write: (text: string) => ((printed += text), true), isTTY: false };
  const stderr = { write: (text: string) => process.stderr.write(text), isTTY: false };
  const { PATH = "" } = process.env;
  const code = await runCli(args, { stdout, stderr, env: { PATH, HOME: home, TUTTI_HOME: home } });
  if (code !== 0) throw new Error(`tutti ${args.join(" ")} ended with ${code}`);
  return printed;
}

/** The longest chain of sleeps. Milliseconds. */
function criticalPathMs(steps: Imported["steps"]): number {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const known = new Map<string, number>();
  const until = (id: string): number => {
    const found = known.get(id);
    if (found !== undefined) return found;
    const step = byId.get(id)!;
    const total = step.with.ms + Math.max(0, ...(step.needs ?? []).map(until));
    known.set(id, total);
    return total;
  };
  return Math.max(...steps.map(({ id }) => until(id)));
}

async function replay(file: string, scale: string): Promise<object> {
  const text = await tutti("import", "wfcommons", file, "--scale", scale);
  const document = join(home, `${basename(file)}.yaml`);
  writeFileSync(document, text);
  const { steps }: Imported = parse(text);
  const run: Reported = JSON.parse(await tutti("run", document, "-o", "json"));
  const early = steps.filter(({ id, needs = [] }) =>
    needs.some(
      (before) => Date.parse(run.steps[before]!.finishedAt) > Date.parse(run.steps[id]!.startedAt),
    ),
  );
  const makespanMs = Date.parse(run.finishedAt) - Date.parse(run.startedAt);
  const pathMs = criticalPathMs(steps);
  return {
    recording: basename(file),
    scale: Number(scale),
    steps: steps.length,
    completed: Object.values(run.steps).filter(({ state }) => state === "completed").length,
    beganTooEarly: early.length,
    makespanMs,
    criticalPathMs: pathMs,
    ratio: round(makespanMs / pathMs, 3),
    load: round(loadavg()[0]!),
  };
}

try {
  for (const argument of process.argv.slice(2)) {
    const [file = "", scale = "1"] = argument.split(":");
    readFileSync(file);
    process.stdout.write(`${JSON.stringify(await replay(file, scale))}\n`);
  }
} finally {
  rmSync(home, { recursive: true, force: true });
}
