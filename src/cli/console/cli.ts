import pc from "picocolors";
import type { Colors } from "picocolors/types.js";

import type { Format } from "./formats.ts";
import { render, type Writer } from "./output.ts";

/** What surrounds a command line. A test passes buffers, main.ts the process. */
export interface CliIo {
  readonly stdout: Writer;
  readonly stderr: Writer;
  /** Default: the process' environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal?: AbortSignal;
  /** Read when a FILE is `-`. */
  readonly stdin?: AsyncIterable<string | Uint8Array>;
}

/** Options that every command has. */
export interface GlobalOptions {
  readonly output: Format;
  readonly catalogue: readonly string[];
}

/** What a command works with. */
export class Cli {
  readonly io: CliIo;
  readonly signal: AbortSignal;
  /** Colors for stderr: none without a terminal or with NO_COLOR. */
  readonly colors: Colors;
  exitCode = 0;

  constructor(io: CliIo) {
    this.io = io;
    this.signal = io.signal ?? new AbortController().signal;
    const refused = io.env === undefined ? !pc.isColorSupported : Boolean(io.env["NO_COLOR"]);
    this.colors = pc.createColors(!refused && io.stderr.isTTY === true);
  }

  /** Says something to whoever is watching; never data. */
  say(line: string): void {
    this.io.stderr.write(`${line}\n`);
  }

  /** Prints data in the form that was asked for. */
  print(format: Format, value: unknown, text: () => string): void {
    this.io.stdout.write(render(value, format, text));
  }
}
