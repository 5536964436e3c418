// Runs commands one after the other and tells how long each took. Only what Node brings along:
// these scripts run before anything is installed.
import { spawn } from "node:child_process";

import { root } from "./root.mjs";

/** npm is a script of its own on Windows, and started by a shell there. */
const NPM = process.platform === "win32" ? "npm.cmd" : "npm";

export function say(line) {
  process.stderr.write(`${line}\n`);
}

export function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

/** Ctrl-C reaches the child by the terminal; we only have to outlive it. */
const stay = () => {};

/** Runs a program to its end and returns its exit code. It gets this terminal, and the signals sent to us. */
export function run(command, args) {
  const child = spawn(command, args, {
    cwd: root,
    stdio: "inherit",
    shell: command === NPM && process.platform === "win32",
  });
  const passOn = () => child.kill("SIGTERM");
  process.on("SIGINT", stay).on("SIGTERM", passOn);
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("exit", (code, signal) => {
      process.off("SIGINT", stay).off("SIGTERM", passOn);
      done(code ?? (signal === "SIGINT" ? 130 : 1));
    });
  });
}

export function runNode(script, args = []) {
  return run(process.execPath, [script, ...args]);
}

export function runNpm(args) {
  return run(NPM, args);
}
