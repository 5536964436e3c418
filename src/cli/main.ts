#!/usr/bin/env node
import { EXIT } from "./console/exit.ts";
import { ask, readOutline } from "./outline.ts";

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

const argv = process.argv.slice(2);
const io = {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  signal: interrupt.signal,
};
// Help and version load no command, and who asks for no Redis loads nothing that talks to one.
const outline = readOutline(new URL("outline.json", import.meta.url));
const asked = outline === null ? null : await ask(outline, argv, io);
if (asked?.isAnswered === true) process.exitCode = EXIT.completed;
else {
  const { runCli } = await import("./run-cli.ts");
  process.exitCode = await runCli(argv, io, asked?.words);
}
setTimeout(() => process.exit(), LINGER_MS).unref();
