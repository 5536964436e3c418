import type { Request } from "express";
import { z } from "zod";

import type { JsonObject, ToolRegistry } from "../../../config/index.ts";
import { MAX_KEY_CHARS } from "../../runs/control/run-options.ts";
import type { RunEvent } from "../../runs/view/watch.ts";
import type { Tutti } from "../../tutti.ts";
import { pointerTo, type ProblemPart, RequestError } from "../http/problem.ts";

// Parsed by reference, not copied: a copy would lose keys such as `__proto__`, which must be refused by name.
/** An object in a body. */
export const jsonObject = z.custom<JsonObject>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  { error: "expected an object" },
);

/** A workflow document, or its text. */
export const documentBody = z.union([z.string(), jsonObject], {
  error: "expected an object or a text",
});

/** What routes work with. */
export interface Services {
  readonly tutti: Tutti;
  readonly registry: ToolRegistry;
  readonly version: string;
  /** `performance.now()` at the start of the server. */
  readonly startedAtMs: number;
}

/** How a route answers. */
export type Reply =
  | {
      readonly status: number;
      readonly body: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly events: AsyncIterable<RunEvent> };

/** A request that passed its route's schemas. */
interface Checked<P, Q, B> {
  /** The one request header that routes read; see {@link idempotencyKey}. */
  readonly key: string | undefined;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly correlationId: string;
  /** Aborted when the client has gone or the server closes. */
  readonly signal: AbortSignal;
}

/** The schemas of a route. A part without a schema is ignored. */
interface Shape<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** As express writes it. */
  readonly path: string;
  /** One sentence for the API's description. */
  readonly summary: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
}

/** A row of the table in index.ts. */
export interface Route extends Shape<z.ZodType, z.ZodType, z.ZodType> {
  /**
   * Checks the request and answers it.
   *
   * @throws RequestError with every problem of the request.
   */
  answer(
    request: Request,
    context: { readonly correlationId: string; readonly signal: AbortSignal },
    services: Services,
  ): Promise<Reply>;
}

/** Binds a handler to its schemas, so that it sees checked and typed values only. */
export function route<
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
>(
  shape: Shape<P, Q, B>,
  handler: (
    request: Checked<z.output<P>, z.output<Q>, z.output<B>>,
    services: Services,
  ) => Promise<Reply> | Reply,
): Route {
  return {
    ...shape,
    async answer(request, context, services) {
      if (shape.body !== undefined) requireJson(request);
      const problems: ProblemPart[] = [];
      const params = check(shape.params, request.params, "parameter", problems);
      const query = check(shape.query, request.query, "parameter", problems);
      const body = check(shape.body, request.body as unknown, "pointer", problems);
      const key = idempotencyKey(request, problems);
      if (problems.length > 0) {
        throw new RequestError(problems[0]?.detail ?? "the request is not valid", problems);
      }
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each part came out of its own schema just above
      const checked = { ...context, key, params, query, body } as Checked<
        z.output<P>,
        z.output<Q>,
        z.output<B>
      >;
      return handler(checked, services);
    },
  };
}

/** The caller's `Idempotency-Key`: the same key asks for the same run. */
function idempotencyKey(request: Request, problems: ProblemPart[]): string | undefined {
  const key = request.get("idempotency-key");
  if (key !== undefined && (key.length === 0 || key.length > MAX_KEY_CHARS)) {
    problems.push({
      detail: `Idempotency-Key: expected 1 to ${MAX_KEY_CHARS} characters, got: ${key.length}`,
      code: "request_invalid",
      parameter: "Idempotency-Key",
    });
  }
  return key;
}

/** JSON also keeps forms of other sites out: a browser asks before it sends that type across origins. */
function requireJson(request: Request): void {
  const empty = (request.get("content-length") ?? "0") === "0" && !request.get("transfer-encoding");
  if (empty || request.is("application/json") !== false) return;
  throw new RequestError(
    `expected Content-Type to be application/json, got: ${request.get("content-type") ?? "none"}`,
  );
}

function check(
  schema: z.ZodType | undefined,
  value: unknown,
  place: "parameter" | "pointer",
  problems: ProblemPart[],
): unknown {
  if (schema === undefined) return undefined;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    const where = place === "pointer" ? pointerTo(issue.path) : issue.path.join(".");
    problems.push({
      detail: `${where}: ${issue.message}`,
      code: "request_invalid",
      [place]: where,
    });
  }
  return undefined;
}
