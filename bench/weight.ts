/**
 * What it costs to load each door of the package: `npm run bench:weight [-- --json] [-- --rounds 15]`.
 *
 * User CPU of whole processes, in turns, beside bare Node and `import "bullmq"`. Needs dist/ (`npm run build`).
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { commitNow } from "./commit.ts";
import { median, round } from "./statistics.ts";

const { values: flags } = parseArgs({
  options: { json: { type: "boolean", default: false }, rounds: { type: "string", default: "15" } },
});

const CLI = join("dist", "src", "cli", "main.js");
const importOf = (name: string): string[] => [
  "--input-type=module",
  "-e",
  `import ${JSON.stringify(name)}`,
];

/** What a process is told to do, and what it is compared with. */
const ARMS: readonly { readonly name: string; readonly args: string[]; readonly to?: string }[] = [
  { name: "bare Node", args: ["-e", "0"] },
  { name: "import bullmq", args: importOf("bullmq") },
  { name: "import tutti", args: importOf("tutti"), to: "import bullmq" },
  { name: "import tutti/worker", args: importOf("tutti/worker"), to: "import bullmq" },
  { name: "tutti --help", args: [CLI, "--help"], to: "bare Node" },
  { name: "tutti validate", args: [CLI, "validate", "examples/hello.yaml"], to: "bare Node" },
  { name: "tutti tools list", args: [CLI, "tools", "list"], to: "bare Node" },
];

/** Writes the user CPU of its process to descriptor 3, in microseconds. */
const METER = `data:text/javascript,import{writeSync}from"node:fs";process.on("exit",()=>writeSync(3,String(process.cpuUsage().user)))`;

function userMs(args: readonly string[]): number {
  const { status, output } = spawnSync(process.execPath, ["--import", METER, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}`);
  return Number(output[3]) / 1_000;
}

if (!existsSync(CLI)) throw new Error("there is no dist/: npm run build");
const before = loadavg()[0]!;
const times = new Map(ARMS.map(({ name }) => [name, [] as number[]]));
for (let n = 0; n < Number(flags.rounds); n++)
  for (const { name, args } of ARMS) times.get(name)!.push(userMs(args));

const figures = ARMS.map(({ name, to }) => ({
  name,
  userMs: round(median(times.get(name)!), 0),
  ...(to === undefined
    ? {}
    : { to, ratio: round(median(times.get(name)!.map((ms, n) => ms / times.get(to)![n]!))) }),
}));
const report = {
  commit: commitNow(),
  node: process.version,
  rounds: Number(flags.rounds),
  loadAverage: { before: round(before), after: round(loadavg()[0]!) },
  figures,
};
if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
else {
  const { commit, rounds, loadAverage } = report;
  process.stdout.write(
    `commit ${commit}, ${rounds} rounds, load average ${JSON.stringify(loadAverage)}\n`,
  );
  for (const { name, userMs: ms, to, ratio } of figures)
    process.stdout.write(
      `${name.padEnd(20)} ${String(ms).padStart(5)} ms${to === undefined ? "" : `  ${ratio} x ${to}`}\n`,
    );
}
