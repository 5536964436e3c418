// Brings a fresh clone to the point where everything runs: dependencies, then the build.
// usage: node scripts/setup.mjs
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { root } from "./root.mjs";
import { runNode, runNpm, say, seconds } from "./steps.mjs";

/** Oldest Node that everything is tested on. */
const MIN_NODE = "20.19.0";

const lock = join(root, "package-lock.json");
const installed = join(root, "node_modules/.package-lock.json");
const stamp = join(root, "node_modules/.tutti-lock");

function checkNode() {
  const isOld = process.versions.node.localeCompare(MIN_NODE, "en", { numeric: true }) < 0;
  if (!isOld) return;
  say(`Tutti needs Node ${MIN_NODE} or later; this is ${process.versions.node}.`);
  process.exit(2);
}

function lockHash() {
  return createHash("sha256").update(readFileSync(lock)).digest("hex");
}

function isInstalled() {
  if (!existsSync(installed)) return false;
  if (existsSync(stamp)) return readFileSync(stamp, "utf8") === lockHash();
  // Somebody ran npm by hand.
  return statSync(installed).mtimeMs >= statSync(lock).mtimeMs;
}

async function orExit(code) {
  const status = await code;
  if (status !== 0) process.exit(status);
}

/** Installs and builds what is missing or out of date. Ends the process when that fails. */
export async function setup() {
  checkNode();
  if (!isInstalled()) {
    const started = performance.now();
    // The lock file names everything, so nothing has to be asked or audited. The build comes below.
    const quiet = ["--no-audit", "--no-fund", "--ignore-scripts"];
    const options = ["--include=dev", "--prefer-offline", ...quiet];
    if ((await runNpm(["ci", ...options])) !== 0) {
      // A lock file with gaps (see complete-lock.mjs) is no reason to stop: its versions still hold.
      say("npm ci failed; trying npm install, which accepts an incomplete lock file");
      await orExit(runNpm(["install", "--no-save", ...options]));
    }
    say(`dependencies installed in ${seconds(started)}`);
  }
  writeFileSync(stamp, lockHash());
  const started = performance.now();
  await orExit(runNode("scripts/build.mjs", ["--if-stale"]));
  say(`build ready in ${seconds(started)}`);
}

if (process.argv[1] === join(root, "scripts/setup.mjs")) await setup();
