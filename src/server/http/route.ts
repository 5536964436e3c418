import type { Request } from "express";

import { issuesOf, shownValue, type Issue } from "../../../config/index.ts";
import { OPERATIONS } from "../../operations/index.ts";
import type { Context, HttpDoor, Operation } from "../../operations/operation.ts";
import { MAX_KEY_CHARS } from "../../runs/control/run-options.ts";
import type { RunEvent } from "../../runs/view/watch.ts";
import { pointerTo, type ProblemPart, RequestError } from "./problem.ts";

/** How a route answers. */
type Reply =
  | {
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: unknown;
    }
  | { readonly events: AsyncIterable<RunEvent> };

/** An operation as express serves it. */
interface Route extends Pick<HttpDoor<unknown>, "method" | "path"> {
  readonly takesBody: boolean;
  /** @throws RequestError with every problem of the request. */
  answer(request: Request, context: Context): Promise<Reply>;
}

/** Every route under the server's root. */
export const ROUTES: readonly Route[] = OPERATIONS.flatMap((operation) =>
  operation.http === undefined ? [] : [routeOf(operation, operation.http)],
);

function routeOf(operation: Operation, http: HttpDoor<unknown>): Route {
  const parts = partsOf(operation, http);
  return {
    method: http.method,
    path: http.path,
    takesBody: parts.rest === "body",
    async answer(request, context) {
      const answer = await operation.run(context, readInput(operation, http, parts, request));
      if (isEvents(answer)) return { events: answer };
      const location = http.locationOf?.(answer);
      return {
        status: http.statusOf?.(answer) ?? http.status ?? 200,
        headers: location === undefined ? {} : { location },
        body: http.bodyOf === undefined ? answer : http.bodyOf(answer),
      };
    },
  };
}

/** Where the fields of an input come from. */
interface Parts {
  /** Those of the path. */
  readonly path: readonly string[];
  /** All that do not come with the rest. */
  readonly elsewhere: readonly string[];
  /** Where the others come from, if there are others. */
  readonly rest: "body" | "query" | "nowhere";
}

function partsOf({ input }: Operation, { method, path, isKeyed }: HttpDoor<unknown>): Parts {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name = ""]) => name);
  const elsewhere = isKeyed === true ? [...names, "key"] : names;
  const hasOthers = Object.keys(input.shape).some((name) => !elsewhere.includes(name));
  const hasBody = method !== "get" && method !== "delete";
  return { path: names, elsewhere, rest: !hasOthers ? "nowhere" : hasBody ? "body" : "query" };
}

function readInput(
  operation: Operation,
  http: HttpDoor<unknown>,
  parts: Parts,
  request: Request,
): unknown {
  if (parts.rest === "body") requireJson(request);
  const sent: unknown = parts.rest === "nowhere" ? {} : request[parts.rest];
  const rest = isObject(sent) ? sent : {};
  const key = request.get("idempotency-key");
  const keyed = http.isKeyed === true && key !== undefined ? { key } : {};
  // A spread keeps keys such as `__proto__`, which have to be refused by name.
  const input = { ...rest, ...request.params, ...keyed };
  const parsed = operation.input.safeParse(input);

  const checked = { schema: operation.input, data: input, whole: "the request" };
  const issues = parsed.success ? [] : issuesOf(parsed.error, "request_invalid", checked);
  const isOfPath = ({ path }: Issue) => parts.path.includes(String(path[0]));
  const problems = issues
    .filter(isOfPath)
    .map((issue) => problemAt("parameter", issue.path, messageOfIssue(issue)));
  const place = parts.rest === "body" ? "pointer" : "parameter";
  if (isObject(sent)) {
    const strange = Object.keys(rest).filter((name) => parts.elsewhere.includes(name));
    problems.push(
      ...(operation.isCheckedByClient ? [] : issues)
        .filter((issue) => !isOfPath(issue))
        .map((issue) => problemAt(place, issue.path, messageOfIssue(issue))),
      ...strange.map((name) => problemAt(place, [name], `unknown key "${name}" in the request`)),
    );
  } else if (sent !== undefined || issues.some((issue) => !isOfPath(issue)))
    problems.push(
      problemAt(place, [], `expected the request to be an object, got: ${shownValue(sent)}`),
    );
  if (key !== undefined && (key.length === 0 || key.length > MAX_KEY_CHARS)) {
    const expected = `expected 1 to ${MAX_KEY_CHARS} characters, got: ${key.length}`;
    problems.push(problemAt("parameter", ["Idempotency-Key"], expected));
  }
  if (problems[0] !== undefined) throw new RequestError(problems[0].detail, problems);
  return operation.isCheckedByClient ? input : parsed.data;
}

function problemAt(
  place: "parameter" | "pointer",
  path: readonly PropertyKey[],
  message: string,
): ProblemPart {
  const where = place === "pointer" ? pointerTo(path) : path.join(".");
  return { detail: `${where}: ${message}`, code: "request_invalid", [place]: where };
}

const messageOfIssue = ({ message, suggestion }: Issue): string =>
  suggestion === undefined ? message : `${message} (did you mean ${JSON.stringify(suggestion)}?)`;

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isEvents(answer: unknown): answer is AsyncIterable<RunEvent> {
  return isObject(answer) && Symbol.asyncIterator in answer;
}

/** JSON also keeps forms of other sites out: a browser asks before it sends that type across origins. */
function requireJson(request: Request): void {
  const empty = (request.get("content-length") ?? "0") === "0" && !request.get("transfer-encoding");
  if (empty || request.is("application/json") !== false) return;
  throw new RequestError(
    `expected Content-Type to be application/json, got: ${request.get("content-type") ?? "none"}`,
  );
}
