import { messageOf } from "../errors.ts";
import { compileTemplate } from "../expressions/template.ts";
import { isCommandAllowed, isHostAllowed } from "./allow.ts";
import type { Allowances, Binding, McpServerSpec } from "./tool.ts";

/** A problem of a binding or a server, with its path inside. */
export interface BindingProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

const EXPRESSION = "${{";

/** The address if it is literal; undefined if expressions decide it. */
function literalUrl(text: string): URL | undefined | "invalid" {
  const [literal = ""] = text.split(EXPRESSION, 1);
  const hostEnds = /^[a-z]+:\/\/[^/?#]+[/?#]/i.test(literal);
  if (literal.length < text.length && !hostEnds) return undefined;
  return URL.canParse(literal) ? new URL(literal) : "invalid";
}

function* checkHost(url: string, allow: Allowances, path: string): Generator<BindingProblem> {
  const literal = literalUrl(url);
  if (literal === undefined) return;
  if (literal === "invalid" || !/^https?:$/.test(literal.protocol))
    yield { path: [path], message: `expected an http or https address, got: ${url}` };
  else if (!isHostAllowed(allow, literal))
    yield { path: [path], message: `the host ${literal.host} is not in allow.hosts` };
}

function* checkCommand(command: string, allow: Allowances): Generator<BindingProblem> {
  if (command.includes(EXPRESSION) || isCommandAllowed(allow, command)) return;
  yield { path: ["command"], message: `the command ${command} is not in allow.commands` };
}

/** Expressions that do not compile. Each text is compiled on its own, so that the path is exact. */
function* checkExpressions(value: unknown, path: (string | number)[]): Generator<BindingProblem> {
  if (typeof value === "string") {
    try {
      compileTemplate(value, "binding");
    } catch (thrown) {
      yield { path, message: messageOf(thrown) };
    }
  } else if (Array.isArray(value)) {
    for (const [index, one] of value.entries()) yield* checkExpressions(one, [...path, index]);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, one] of Object.entries(value)) yield* checkExpressions(one, [...path, key]);
  }
}

/** Checks a binding: expressions, binaries and hosts that are not allowed, unknown servers. */
export function* checkBinding(
  binding: Binding,
  allow: Allowances,
  servers: Readonly<Record<string, McpServerSpec>>,
): Generator<BindingProblem> {
  switch (binding.type) {
    case "in_process":
      return;
    case "command":
      yield* checkCommand(binding.command, allow);
      break;
    case "http":
      yield* checkHost(binding.url, allow, "url");
      break;
    case "mcp":
      if (!Object.hasOwn(servers, binding.server))
        yield { path: ["server"], message: `there is no server "${binding.server}" in this file` };
      return;
    default:
      binding satisfies never;
  }
  yield* checkExpressions(binding, []);
}

/** The same for an MCP server. One whose expressions use `args` runs once for each of their values. */
export function* checkServer(server: McpServerSpec, allow: Allowances): Generator<BindingProblem> {
  if (server.transport === "stdio") yield* checkCommand(server.command, allow);
  else yield* checkHost(server.url, allow, "url");
  yield* checkExpressions(server, []);
}
