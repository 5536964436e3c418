import { randomUUID } from "node:crypto";

import type { RequestHandler, Response } from "express";

import { RequestError } from "./problem.ts";

/** Names of this machine. A page that was loaded from elsewhere can point its own name at 127.0.0.1, but not use these. */
const LOOPBACK = /^(127(\.\d{1,3}){3}|localhost|\[::1\])$/i;

const CORRELATION_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** The id that ties a request to its run, its log lines and its outgoing calls. */
export function correlationIdOf(response: Response): string {
  return String(response.locals["correlationId"]);
}

/** Takes the caller's `X-Correlation-Id`, or makes one, and answers with it. */
export const correlate: RequestHandler = (request, response, next) => {
  const given = request.get("x-correlation-id");
  const valid = given === undefined || CORRELATION_ID.test(given);
  const id = valid && given !== undefined ? given : randomUUID();
  response.locals["correlationId"] = id;
  response.set("X-Correlation-Id", id);
  if (!valid) {
    throw new RequestError(
      "expected X-Correlation-Id to be 1 to 128 of A-Z a-z 0-9 . _ : -, got: something else",
    );
  }
  next();
};

/**
 * Refuses DNS rebinding (a foreign name that resolves to this machine) and requests that change
 * something on behalf of a page of another origin. There is no identity yet, so being local is all
 * the right a caller has.
 */
export const requireLocal: RequestHandler = (request, _response, next) => {
  const host = request.get("host") ?? "";
  const name = host.replace(/:\d*$/, "");
  if (!LOOPBACK.test(name)) {
    throw new RequestError(
      `expected Host to be 127.0.0.1, localhost or [::1], got: ${JSON.stringify(host)}`,
    );
  }
  const origin = request.get("origin");
  const changes = !["GET", "HEAD", "OPTIONS"].includes(request.method);
  if (changes && origin !== undefined && origin !== `http://${host}`) {
    throw new RequestError(
      `expected Origin to be http://${host} or absent, got: ${JSON.stringify(origin)}`,
    );
  }
  if (changes && request.get("sec-fetch-site") === "cross-site") {
    throw new RequestError("a page of another site may not change anything here");
  }
  next();
};
