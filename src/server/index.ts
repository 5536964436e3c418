import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";

import { type Config, messageOf, type ToolRegistry, TuttiError } from "../../config/index.ts";
import type { Tutti } from "../tutti.ts";
import { BOARD_PATH, createApp, type ReportError } from "./app.ts";

export { BOARD_PATH, type ReportError } from "./app.ts";
export type { Problem, ProblemPart } from "./http/problem.ts";

/** Requests that are still running this long after the server began to close are cut off. Milliseconds. */
const CLOSE_GRACE_MS = 5_000;

/** A server that listens. */
export interface RunningServer {
  /** Without a slash at the end. */
  readonly url: string;
  /** Where Bull Board is. */
  readonly boardUrl: string;
  /** Ends event streams, lets running requests finish (5 s at most), frees the port. Does not close `tutti`. */
  close(): Promise<void>;
}

/**
 * Serves the HTTP interface and Bull Board on a loopback address.
 *
 * @param options.config `port` 0 takes a free port.
 * @param options.reportError hears of errors that are answered as `internal_error`. Default: nobody.
 */
export async function startServer(options: {
  readonly tutti: Tutti;
  readonly registry: ToolRegistry;
  readonly config: Pick<Config, "host" | "port">;
  readonly reportError?: ReportError;
}): Promise<RunningServer> {
  const { tutti, registry, config } = options;
  const closing = new AbortController();
  const app = createApp(
    { tutti, registry, openedAtMs: performance.now() },
    { closing: closing.signal, reportError: options.reportError ?? (() => {}) },
  );
  const server = createServer(app);
  const releaseIdle = trackConnections(server, closing.signal);
  const url = await listen(server, config);

  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const ended = once(server, "close");
    server.close();
    closing.abort();
    releaseIdle();
    const cutOff = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
    await ended;
    clearTimeout(cutOff);
  };
  return { url, boardUrl: `${url}${BOARD_PATH}`, close: () => (closed ??= close()) };
}

async function listen(server: Server, config: Pick<Config, "host" | "port">): Promise<string> {
  try {
    server.listen(config.port, config.host);
    await once(server, "listening");
  } catch (thrown) {
    throw new TuttiError(
      "address_refused",
      `cannot listen on ${config.host} port ${config.port}: ${messageOf(thrown)}; TUTTI_PORT names another port`,
      { cause: thrown },
    );
  }
  const bound = server.address();
  if (bound === null || typeof bound === "string") {
    throw new TuttiError("internal_error", "expected a network address, got: none");
  }
  const host = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
  return `http://${host}:${bound.port}`;
}

/**
 * Returns a function that ends the connections without a request; while `closing`, the others end
 * with their answer. Node's own closeIdleConnections() spares those that browsers open in advance.
 */
function trackConnections(server: Server, closing: AbortSignal): () => void {
  const idle = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    idle.add(socket);
    socket.once("close", () => idle.delete(socket));
  });
  server.on("request", (request, response) => {
    const { socket } = request;
    idle.delete(socket);
    response.once("close", () => {
      if (closing.aborted) socket.destroySoon();
      else if (!socket.destroyed) idle.add(socket);
    });
  });
  return () => {
    for (const socket of idle) socket.destroy();
  };
}
