import {
  serializeMessage,
  type JSONRPCMessage,
  type Transport,
} from "@modelcontextprotocol/client";

import { startProcess, type Command, type OwnProcess } from "../command/own-process.ts";
import { LineBuffer } from "./line-buffer.ts";
import { readMessage } from "./message.ts";

export interface StdioServerProcess extends Command {
  /** A longer message ends the server. Bytes. */
  readonly maxMessageBytes: number;
}

const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown));

/** How long a server may take to end after its input was closed. Milliseconds. */
const STDIN_GRACE_MS = 200;

/**
 * Speaks MCP with a child process. The SDK's own transport passes more of our environment on, and
 * ends the first process only: with `npx` in front the server would live on.
 */
export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  /** Set when a message was longer than allowed. */
  overflow = false;
  private readonly server: StdioServerProcess;
  private readonly lines: LineBuffer;
  /** Messages are read one after the other; a long one takes several turns of the loop. */
  private reading: Promise<void> = Promise.resolve();
  private child: OwnProcess | undefined;
  private ended: Promise<void> | undefined;

  constructor(server: StdioServerProcess) {
    this.server = server;
    this.lines = new LineBuffer(server.maxMessageBytes);
  }

  async start(): Promise<void> {
    const child = await startProcess(this.server);
    this.child = child;
    void child.exited.then(() => this.close());
    for (const stream of [child.stdin, child.stdout, child.stderr])
      stream.on("error", (error) => this.onerror?.(error));
    // Read and dropped: a full pipe would stop the server.
    child.stderr.resume();
    child.stdout.on("data", (chunk: Buffer) => this.receive(chunk));
  }

  send(message: JSONRPCMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.child === undefined || this.ended) {
        reject(new Error("the server is not running"));
        return;
      }
      this.child.stdin.write(serializeMessage(message), (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  /** Ends the server with all it started; settles when it is gone. */
  close(): Promise<void> {
    this.ended ??= this.end();
    return this.ended;
  }

  private async end(): Promise<void> {
    const { child } = this;
    if (child !== undefined) {
      child.stdin.end();
      let timer: NodeJS.Timeout | undefined;
      const grace = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, STDIN_GRACE_MS);
      });
      // A server with something to say after its end of input gets the time; most just go.
      await Promise.race([child.exited, grace]);
      clearTimeout(timer);
      await child.end();
      child.stdout.destroy();
      child.stderr.destroy();
    }
    this.lines.clear();
    // What it said last is heard before its calls end for want of an answer.
    await this.reading;
    this.onclose?.();
  }

  private receive(chunk: Buffer): void {
    if (this.overflow) return;
    const { lines, overflow } = this.lines.add(chunk);
    for (const line of lines) this.reading = this.reading.then(() => this.deliver(line));
    if (!overflow) return;
    this.overflow = true;
    this.onerror?.(new Error(`a message of more than ${this.server.maxMessageBytes} bytes`));
    // What came whole before it is still worth hearing.
    void this.reading.then(() => this.close());
  }

  private async deliver(line: Buffer): Promise<void> {
    try {
      this.onmessage?.(await readMessage(line));
    } catch (thrown) {
      // A line that is no message is reported and passed over.
      this.onerror?.(asError(thrown));
    }
  }
}
