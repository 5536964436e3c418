import {
  checkPlainDataInTurns,
  REFUSED_VALUE_KEYS,
  compileSchema,
  MAX_RETRY_AFTER_MS,
  MAX_VALUE_BYTES,
  takesAnything,
  TuttiError,
  ValidationError,
  type Json,
  type JsonObject,
  type McpServerSpec,
  type SchemaProblem,
  type ToolEntry,
  type ToolRegistry,
  type ToolSpec,
  given,
} from "../../config/index.ts";
import type { ToolTerms } from "../../queues/index.ts";
import { bindCommand } from "./bindings/command/command.ts";
import { baseEnvironment } from "./bindings/command/process-group.ts";
import { bindHttp } from "./bindings/http/http.ts";
import { withinPause } from "./bindings/http/retry-after.ts";
import { bindInProcess } from "./bindings/in-process.ts";
import { bindMcp } from "./bindings/mcp/bind.ts";
import { McpServers } from "./bindings/mcp/servers.ts";
import type { BoundTool, ToolHandler } from "./calling/binding.ts";
import { CallScope, type CallerContext } from "./calling/call-scope.ts";
import { Redactor, type SecretSource } from "./calling/secrets.ts";
import { checkedBy, TermsWatch, type CheckedBy } from "./calling/terms.ts";

export interface BindToolsOptions {
  /** May change while the bindings live: a tool that was replaced is bound anew at its next call. */
  readonly registry: ToolRegistry;
  /** Functions for `in_process` bindings, by handler name. The built-in ones are `builtInHandlers`. */
  readonly handlers?: Readonly<Record<string, ToolHandler>>;
  /** Secrets of MCP servers, which outlive any call. Tools take theirs from the call's context. */
  readonly secret?: SecretSource;
  /** Where PATH, HOME and LANG of commands and stdio servers come from. Default: usual values. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The longest pause that a tool may ask for. Milliseconds. Default: an hour. */
  readonly maxRetryAfterMs?: number;
  /** Told once of a tool that workflows were prepared with another declaration of, and in which words. */
  readonly onOtherTerms?: (tool: string, differs: readonly string[]) => void;
}

export interface CallOptions {
  /** Longest time of this call. Milliseconds. Default: the tool's `timeoutMs`. */
  readonly timeoutMs?: number;
  /** Secrets that stand in the input: they are kept out of outputs and errors as well. */
  readonly secrets?: Iterable<string>;
  /** What the tool was declared as when the workflow was prepared. Default: as it is declared here. */
  readonly terms?: ToolTerms | undefined;
}

interface Bound {
  readonly entry: ToolEntry;
  readonly tool: BoundTool;
  readonly scopes: Set<CallScope>;
  retired: boolean;
}

/** Where an MCP tool's name at its server begins: `server.tool` is how such tools are usually called. */
const nameAtServer = (id: string): string => id.slice(id.indexOf(".") + 1);

function issuesOf(problems: readonly SchemaProblem[], code: "input_invalid"): ValidationError {
  return new ValidationError(
    problems.map(({ path, message, suggestion }) => ({
      code,
      message,
      path,
      ...given({ suggestion }),
    })),
  );
}

function checkedInput(spec: CheckedBy, input: JsonObject): JsonObject {
  if (takesAnything(spec.input)) return input;
  const checked = compileSchema(spec.input)(input);
  if ("problems" in checked) throw issuesOf(checked.problems, "input_invalid");
  return checked.value;
}

async function checkedOutput(spec: CheckedBy, output: Json): Promise<Json> {
  const fail = (message: string, details: object) =>
    new TuttiError("tool_output_invalid", `the output of ${spec.id}: ${message}`, {
      details: { tool: spec.id, ...details },
    });
  const [problem] = await checkPlainDataInTurns(output, MAX_VALUE_BYTES, REFUSED_VALUE_KEYS);
  if (problem) throw fail(problem.message, { path: problem.path });
  if (!spec.output) return output;
  const checked = compileSchema(spec.output)(output);
  if (!("problems" in checked)) return output;
  throw fail(checked.problems[0]?.message ?? "is not valid", { problems: checked.problems });
}

/** The tools of a registry, ready to be called. */
export class BoundTools {
  private readonly options: BindToolsOptions;
  private readonly bound = new Map<string, Bound>();
  private readonly retiring = new Set<Promise<void>>();
  /** One for each declaration: tools of one file and server share it. */
  private readonly servers = new Map<McpServerSpec, McpServers>();
  private readonly serverSecrets = new Map<string, string>();
  private readonly terms: TermsWatch;
  private closed = false;

  constructor(options: BindToolsOptions) {
    this.options = options;
    this.terms = new TermsWatch((tool, differs) => options.onOtherTerms?.(tool, differs));
  }

  /** Whether the tool exists and can be called: it has a binding, and a function when that is `in_process`. */
  isBound(id: string): boolean {
    const entry = this.options.registry.get(id);
    if (entry?.spec.binding === undefined) return false;
    return entry.spec.binding.type !== "in_process" || this.handlerOf(entry) !== undefined;
  }

  /**
   * Calls a tool once: checks the input and fills its defaults in, calls, checks the output; by `terms` where
   * there are any, while it is reached as it is declared here. Secrets
   * that the call used are replaced in its output and its error.
   *
   * Rejects with the reason of `context.signal` when that is aborted (a cancel), and with
   * `tool_timeout` when the tool takes too long: the two are never mistaken for each other.
   *
   * @throws TuttiError `tool_not_found`, `tool_not_bound`, `input_invalid`, `tool_output_invalid` and
   * those of {@link BoundTool.call}.
   */
  async call(
    id: string,
    input: JsonObject,
    context: CallerContext,
    options: CallOptions = {},
  ): Promise<Json> {
    const { spec } = this.options.registry.require(id);
    if (this.closed) throw new TuttiError("tool_unavailable", "the bindings are closed");
    const bound = this.bind(id);
    if (context.signal.aborted) throw context.signal.reason;
    if (options.terms !== undefined) this.terms.look(spec, options.terms);
    const checks = checkedBy(spec, options.terms);

    const redactor = new Redactor();
    const secret = redactor.watch((name) => context.secret(name));
    const scope = new CallScope(
      id,
      context,
      options.timeoutMs ?? spec.timeoutMs,
      secret,
      (text) => {
        this.watchServerSecrets(redactor);
        return redactor.text(text);
      },
    );
    for (const name of options.secrets ?? []) secret(name);
    bound.scopes.add(scope);
    try {
      const checked = checkedInput(checks, input);
      const running = bound.tool.call(checked, scope);
      const output = await (bound.tool.heedless === true ? scope.race(running) : running);
      this.watchServerSecrets(redactor);
      return await redactor.wholeValue(await checkedOutput(checks, output));
    } catch (thrown) {
      this.watchServerSecrets(redactor);
      const { maxRetryAfterMs = MAX_RETRY_AFTER_MS } = this.options;
      throw redactor.error(scope.aborted ? scope.reason : withinPause(thrown, maxRetryAfterMs));
    } finally {
      scope.end();
      bound.scopes.delete(scope);
      this.releaseWhenIdle(bound);
    }
  }

  /** Aborts running calls (`tool_unavailable`) and ends all processes and connections. */
  async close(): Promise<void> {
    this.closed = true;
    const all = [...this.bound.values()];
    this.bound.clear();
    for (const { scopes } of all) for (const scope of scopes) scope.close();
    await Promise.all([
      ...all.map(({ tool }) => tool.close()),
      ...[...this.servers.values()].map((servers) => servers.close()),
      ...this.retiring,
    ]);
    this.servers.clear();
  }

  private handlerOf({ spec }: ToolEntry): ToolHandler | undefined {
    const { handlers = {} } = this.options;
    const name = (spec.binding?.type === "in_process" && spec.binding.handler) || spec.id;
    return Object.hasOwn(handlers, name) ? handlers[name] : undefined;
  }

  private bind(id: string): Bound {
    const entry = this.options.registry.require(id);
    const known = this.bound.get(id);
    if (known?.entry === entry) return known;
    const bound = { entry, tool: this.create(entry), scopes: new Set<CallScope>(), retired: false };
    this.bound.set(id, bound);
    if (known) {
      known.retired = true;
      this.releaseWhenIdle(known);
    }
    return bound;
  }

  private releaseWhenIdle({ retired, scopes, tool }: Bound): void {
    if (!retired || scopes.size > 0) return;
    const done: Promise<void> = tool.close().finally(() => this.retiring.delete(done));
    this.retiring.add(done);
  }

  private create(entry: ToolEntry): BoundTool {
    const { spec, allow } = entry;
    const { binding } = spec;
    switch (binding?.type) {
      case undefined:
        throw this.notBound(spec, "it has no binding");
      case "in_process": {
        const handler = this.handlerOf(entry);
        if (!handler) throw this.notBound(spec, "its function is not registered");
        return bindInProcess(handler);
      }
      case "command":
        return bindCommand(binding, allow, baseEnvironment(this.options.env));
      case "http":
        return bindHttp(binding, allow, spec.limits.concurrency);
      case "mcp": {
        if (!entry.server) throw this.notBound(spec, `there is no server "${binding.server}"`);
        return bindMcp(this.serversOf(entry.server, entry), binding.tool ?? nameAtServer(spec.id));
      }
      default:
        return binding satisfies never;
    }
  }

  private serversOf(spec: McpServerSpec, { allow }: ToolEntry): McpServers {
    const known = this.servers.get(spec);
    if (known) return known;
    const secret = (name: string): string => {
      if (!this.options.secret)
        throw new TuttiError("secret_missing", `no secrets are configured, wanted: ${name}`);
      const value = this.options.secret(name);
      this.serverSecrets.set(name, value);
      return value;
    };
    const base = baseEnvironment(this.options.env);
    const servers = new McpServers({ spec, allow, base, secret });
    this.servers.set(spec, servers);
    return servers;
  }

  private watchServerSecrets(redactor: Redactor): void {
    for (const [name, value] of this.serverSecrets) redactor.add(name, value);
  }

  private notBound(spec: ToolSpec, why: string): TuttiError {
    const { id: tool, suggestedBinding } = spec;
    const details = { tool, ...(suggestedBinding && { suggestedBinding }) };
    return new TuttiError("tool_not_bound", `${tool} cannot be called: ${why}`, { details });
  }
}

/** Makes the tools of a registry callable. Nothing is started before the first call. */
export function bindTools(options: BindToolsOptions): BoundTools {
  return new BoundTools(options);
}
