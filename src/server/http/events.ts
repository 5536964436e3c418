import { once } from "node:events";

import { createSession, type Session } from "better-sse";
import type { Request, Response } from "express";

import type { RunEvent } from "../../runs/view/watch.ts";
import { correlationIdOf } from "./guard.ts";
import { toProblem } from "./problem.ts";

/** Comments are sent this often, so that proxies keep the stream and dead clients are noticed. Milliseconds. */
const HEARTBEAT_MS = 15_000;

/** Id of the last event. A browser that reconnects with it is told to stay away. */
const LAST_ID = "end";

/**
 * Sends a run's events: `snapshot`, `step` and `run` as they come, then `end` and the stream is over.
 * Each stream starts with a snapshot, so a client that reconnects has missed nothing.
 *
 * @throws whatever `events` throws before its first event; later errors become an `error` event.
 */
export async function sendEvents(
  request: Request,
  response: Response,
  events: AsyncIterable<RunEvent>,
  signal: AbortSignal,
): Promise<void> {
  if (request.get("last-event-id") === LAST_ID) {
    response.status(204).end();
    return;
  }
  // Opened by the first event: until then an unknown run can still be answered with a 404.
  let session: Session | undefined;
  try {
    for await (const event of events) {
      session ??= await createSession(request, response, { keepAlive: HEARTBEAT_MS });
      session.push(event, event.type, "");
      // A slow reader slows the watch down instead of filling this process' memory.
      if (response.writableNeedDrain) await once(response, "drain", { signal });
      if (signal.aborted) break;
    }
    if (!signal.aborted) session?.push({}, "end", LAST_ID);
  } catch (thrown) {
    if (session === undefined && !signal.aborted) throw thrown;
    if (!signal.aborted) session?.push(toProblem(thrown, correlationIdOf(response)), "error", "");
  }
  response.end();
}
