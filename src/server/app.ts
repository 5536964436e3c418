import express, { type ErrorRequestHandler, type Express, type Response } from "express";
import helmet from "helmet";

import {
  findTextProblem,
  isTuttiError,
  MAX_DOCUMENT_BYTES,
  MAX_VALUE_BYTES,
  TuttiError,
} from "../../config/index.ts";
import type { Context } from "../operations/operation.ts";
import { board } from "./http/board.ts";
import { sendEvents } from "./http/events.ts";
import { correlate, correlationIdOf, requireLocal } from "./http/guard.ts";
import { type Problem, toProblem } from "./http/problem.ts";
import { ROUTES } from "./http/route.ts";

/** Where Bull Board is mounted. */
export const BOARD_PATH = "/admin/queues";

/** A body holds a document and an input; what is in them is limited by their own rules. Bytes. */
const MAX_BODY_BYTES = 2 * MAX_DOCUMENT_BYTES + MAX_VALUE_BYTES;

/** An error that nobody threw on purpose, with what is needed to find its request. */
export type ReportError = (
  thrown: unknown,
  request: { readonly correlationId: string; readonly method: string; readonly path: string },
) => void;

/** The HTTP interface as an express app. `closing` ends the streams that are open. */
export function createApp(
  service: Pick<Context, "tutti" | "registry" | "openedAtMs">,
  options: { readonly closing: AbortSignal; readonly reportError: ReportError },
): Express {
  const app = express();
  app.disable("x-powered-by");
  app.set("query parser", "simple");
  app.use(correlate, requireLocal, security());
  app.use(
    BOARD_PATH,
    board(BOARD_PATH, () => service.tutti.shownQueues()),
  );

  const json = express.json({ limit: MAX_BODY_BYTES, verify: checkBody });
  for (const route of ROUTES) {
    app[route.method](route.path, ...(route.takesBody ? [json] : []), async (request, response) => {
      const gone = new AbortController();
      response.once("close", () => gone.abort());
      const signal = AbortSignal.any([gone.signal, options.closing]);
      const correlationId = correlationIdOf(response);
      const reply = await route.answer(request, { ...service, correlationId, signal });
      if ("events" in reply) await sendEvents(request, response, reply.events, signal);
      else response.status(reply.status).set(reply.headers).json(reply.body);
    });
  }
  app.use((request) => {
    throw new TuttiError("not_found", `nothing at ${request.method} ${request.path}`);
  });
  app.use(answerError(options.reportError));
  return app;
}

/**
 * Looks at a body before it is parsed: a parser that follows millions of levels holds everybody up, and one that
 * reads long integers changes them.
 *
 * @throws Error
 */
function checkBody(_request: unknown, _response: unknown, body: Buffer, encoding: string): void {
  const problem = findTextProblem(new TextDecoder(encoding || "utf-8").decode(body));
  if (problem !== undefined)
    // A plain one: the parser writes a status of its own on it, which an error of ours does not take.
    throw new Error(`the body: ${problem.message} (at character ${problem.offset})`);
}

/** Four parameters, or express does not take it for an error handler. */
function answerError(reportError: ReportError): ErrorRequestHandler {
  return (thrown: unknown, request, response, _next) => {
    const correlationId = correlationIdOf(response);
    const problem = toProblem(thrown, correlationId);
    if (problem.code === "internal_error") {
      reportError(thrown, { correlationId, method: request.method, path: request.path });
    }
    if (!response.headersSent) response.set(retryHeader(thrown));
    sendProblem(response, problem);
  };
}

/** When an error knows when to try again, so does who reads the answer: whole seconds, never at once. */
function retryHeader(thrown: unknown): Record<string, string> {
  const ms = isTuttiError(thrown) ? thrown.details["retryAfterMs"] : undefined;
  return typeof ms === "number"
    ? { "retry-after": String(Math.max(1, Math.ceil(ms / 1_000))) }
    : {};
}

function sendProblem(response: Response, problem: Problem): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.status(problem.status).type("application/problem+json").send(JSON.stringify(problem));
}

/** Bull Board has inline styles, its configuration as an inline JSON block, and nothing from elsewhere. */
function security() {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", "data:"],
        fontSrc: ["'self'", "data:"],
        connectSrc: ["'self'"],
        manifestSrc: ["'self'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    // Loopback has no TLS; a browser that remembered this would lock out every other local service.
    strictTransportSecurity: false,
  });
}
