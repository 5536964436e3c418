import { request, type Dispatcher } from "undici";

import {
  compileTemplate,
  parseJsonInSlices,
  isTuttiError,
  messageOf,
  TuttiError,
  type Allowances,
  type Binding,
  type Json,
  given,
} from "../../../../config/index.ts";
import type { BindingContext, BoundTool, CallContext } from "../../calling/binding.ts";
import { asText, bindingVariables } from "../../calling/variables.ts";
import { ACCEPT_ENCODING, decodeContent } from "../content/encoding.ts";
import { base64Value, charsetOf, textOf } from "../content/text.ts";
import { GuardedAgent } from "./guarded-agent.ts";
import { retryAfterMs } from "./retry-after.ts";

type CallRedact = BindingContext["redact"];
type Headers = Dispatcher.ResponseData["headers"];
type HttpBinding = Extract<Binding, { type: "http" }>;

/** Of an error's body in its details. Characters. */
const MAX_ERROR_BODY_CHARS = 2_000;

/** A value inside an address is one part of it: `/` and `?` in it lead nowhere. */
const urlPart = (value: Json): string => encodeURIComponent(asText(value));

/** `.` and `..` walk through the address, escaped or not, so a value could leave its place with them. */
function hasDotSegment(address: string): boolean {
  const [path = ""] = address.replace(/^[^/]*\/\/[^/?#]*/, "").split(/[?#]/, 1);
  return path.split("/").some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment));
}

function parseUrl(text: string): URL {
  if (URL.canParse(text) && !hasDotSegment(text)) return new URL(text);
  throw new TuttiError("input_invalid", `no valid address: ${text}`);
}

/** What a status other than 2xx means for the step. */
function statusFailure(
  response: Dispatcher.ResponseData,
  body: string,
  url: URL,
  redact: CallRedact,
): TuttiError {
  const { statusCode: status, headers } = response;
  const wait = retryAfterMs(headers["retry-after"], Date.now());
  const details = {
    status,
    url: url.origin + url.pathname,
    body: redact(body).slice(0, MAX_ERROR_BODY_CHARS),
    ...given({ retryAfterMs: wait }),
  };
  const message = `${url.host} answered ${status}`;
  if (status === 429 || status === 503)
    return new TuttiError("tool_unavailable", message, { details });
  if (status === 408 || status >= 500)
    return new TuttiError("step_execution_failed", message, { details });
  const why = status >= 300 && status < 400 ? `${message}; redirects are not followed` : message;
  return new TuttiError("tool_failed", why, { details });
}

/** The deepest reason: undici and Node wrap errors of connections in others. */
export function rootOf(thrown: unknown): unknown {
  if (isTuttiError(thrown)) return thrown;
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return rootOf(thrown.errors[0]);
  if (thrown instanceof Error && thrown.cause !== undefined) return rootOf(thrown.cause);
  return thrown;
}

/** What a failed exchange means for the step. */
function exchangeFailure(thrown: unknown, host: string, maxBytes: number): TuttiError {
  const root = rootOf(thrown);
  if (isTuttiError(root)) return root;
  const code = root instanceof Error && "code" in root ? String(root.code) : "";
  const options = { details: { host, reason: code }, cause: thrown };
  if (code === "UND_ERR_RES_EXCEEDED_MAX_SIZE")
    return new TuttiError(
      "tool_output_invalid",
      `${host} sent more than ${maxBytes} bytes`,
      options,
    );
  if (code === "UND_ERR_INVALID_ARG")
    return new TuttiError("input_invalid", `no valid request: ${messageOf(root)}`, options);
  return new TuttiError(
    "tool_unavailable",
    `${host} cannot be reached: ${messageOf(root)}`,
    options,
  );
}

async function parseBody(bytes: Buffer, contentType: unknown, host: string): Promise<Json> {
  if (bytes.length === 0) return null;
  const text = textOf(bytes, host, charsetOf(contentType));
  if (!/[/+]json\b/i.test(String(contentType))) return text;
  try {
    return await parseJsonInSlices(text, "tool_output_invalid");
  } catch (thrown) {
    const message = `${host} did not answer with valid JSON: ${messageOf(thrown)}`;
    throw new TuttiError("tool_output_invalid", message, { cause: thrown });
  }
}

/** The body of an error, as far as it can be shown. */
async function errorText(bytes: Buffer, headers: Headers, maxBytes: number): Promise<string> {
  try {
    const plain = await decodeContent(bytes, headers["content-encoding"], maxBytes, "it");
    return textOf(plain, "it", charsetOf(headers["content-type"]));
  } catch {
    return `(${bytes.length} bytes that are no text)`;
  }
}

/** Compiled once, rendered at each call. */
function compileRequest(binding: HttpBinding) {
  // A value that is the whole address is one; inside an address it is a part.
  const url = compileTemplate(binding.url, "binding", { write: urlPart });
  const headers = Object.entries(binding.headers).map(
    ([name, text]) => [name.toLowerCase(), compileTemplate(text, "binding")] as const,
  );
  const body = binding.body === undefined ? undefined : compileTemplate(binding.body, "binding");
  const templates = [url, body, ...headers.map(([, one]) => one)].filter(
    (one) => one !== undefined,
  );
  return (args: Parameters<BoundTool["call"]>[0], context: CallContext) => {
    const variables = bindingVariables(templates, args, (name) => context.secret(name));
    const sent: Record<string, string> = {};
    for (const [name, template] of headers) {
      const value = template.render(variables);
      if (value !== null) sent[name] = asText(value);
    }
    return {
      url: parseUrl(asText(url.render(variables))),
      headers: {
        "accept-encoding": ACCEPT_ENCODING,
        accept: "application/json, text/*;q=0.9, */*;q=0.1",
        ...(body && { "content-type": "application/json" }),
        ...sent,
        "x-correlation-id": context.correlationId,
      },
      body: body && JSON.stringify(body.render(variables)),
    };
  };
}

/**
 * Binds an HTTP endpoint. Redirects are not followed; the tool is retried by the queue, not here.
 * See `http` in config/tools/tool.ts for the meaning of the fields.
 *
 * @param connections Connections at the same time.
 * @throws TuttiError `expression_invalid`.
 */
export function bindHttp(
  binding: HttpBinding,
  allow: Allowances,
  connections: number | undefined,
): BoundTool {
  const prepare = compileRequest(binding);
  const agent = new GuardedAgent(allow, {
    connections,
    maxResponseBytes: binding.maxResponseBytes,
  });

  const exchange = async (
    { url, headers, body }: ReturnType<typeof prepare>,
    signal: AbortSignal,
  ) => {
    const response = await request(url, {
      dispatcher: agent.for(url),
      method: binding.method,
      headers,
      body: body ?? null,
      signal,
    });
    return { response, bytes: Buffer.from(await response.body.arrayBuffer()) };
  };

  return {
    async call(input, context) {
      const prepared = prepare(input, context);
      const { url } = prepared;
      let answer: Awaited<ReturnType<typeof exchange>>;
      try {
        answer = await exchange(prepared, context.signal);
      } catch (thrown) {
        context.signal.throwIfAborted();
        throw exchangeFailure(thrown, url.host, binding.maxResponseBytes);
      }
      const { response, bytes } = answer;
      const { statusCode: status, headers } = response;
      const { maxResponseBytes: max } = binding;
      if (status < 200 || status > 299)
        throw statusFailure(response, await errorText(bytes, headers, max), url, context.redact);
      const coding = headers["content-encoding"];
      const plain = await decodeContent(bytes, coding, max, url.host);
      if (binding.output === "base64")
        return { ...base64Value(plain), mediaType: mediaTypeOf(headers) };
      const body = await parseBody(plain, headers["content-type"], url.host);
      if (binding.output === "body") return body;
      return { status, headers: plainHeaders(headers), body };
    },
    close: () => agent.close(),
  };
}

/** As the header has it, with its parameters. */
function mediaTypeOf(headers: Headers): Json {
  const type = headers["content-type"];
  return typeof type === "string" ? type : null;
}

function plainHeaders(headers: Headers): Record<string, Json> {
  const plain: Record<string, Json> = {};
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) plain[name] = value;
  return plain;
}
