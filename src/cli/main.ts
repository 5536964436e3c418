#!/usr/bin/env node
import { EXIT } from "./console/failure.ts";
import { runCli } from "./run-cli.ts";

/** A command that is done but leaves something open would never end. Milliseconds. */
const LINGER_MS = 2_000;

const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // The second signal means now. What runs is picked up again by other workers.
    if (interrupt.signal.aborted) process.exit(EXIT.interrupted);
    interrupt.abort();
  });
}
// `tutti runs list | head` closes the pipe early; that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(EXIT.completed);
});

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  signal: interrupt.signal,
});
setTimeout(() => process.exit(), LINGER_MS).unref();
