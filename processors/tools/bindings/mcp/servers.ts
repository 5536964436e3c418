import { compileTemplate, type JsonObject, type McpServerSpec } from "../../../../config/index.ts";
import { bindingVariables } from "../../calling/variables.ts";
import { McpServer, type McpServerOptions } from "./server.ts";

/** Servers of one declaration that run at once; the one that was used longest ago makes room. */
const MAX_SERVERS = 8;

function textsOf(spec: McpServerSpec): string[] {
  return spec.transport === "stdio"
    ? [spec.command, ...spec.args, ...Object.values(spec.env), spec.cwd ?? ""]
    : [spec.url, ...Object.values(spec.headers)];
}

/**
 * The servers behind one declaration. Usually that is one. A declaration that names `args` of the
 * call, such as the folder a file server may read, has one server for each value of them.
 */
export class McpServers {
  private readonly options: Omit<McpServerOptions, "args">;
  private readonly deciding: readonly ReturnType<typeof compileTemplate>[];
  /** The one that was used longest ago comes first. */
  private readonly current = new Map<string, McpServer>();
  private readonly leaving = new Set<Promise<void>>();

  constructor(options: Omit<McpServerOptions, "args">) {
    this.options = options;
    this.deciding = textsOf(options.spec)
      .map((text) => compileTemplate(text, "binding"))
      .filter((template) => template.readsInput);
  }

  /**
   * The server for a call with this input. Call it before anything else is awaited: a server that
   * nobody calls may be ended to make room.
   *
   * @throws TuttiError `reference_missing` when the input lacks what the declaration names.
   */
  for(input: JsonObject): McpServer {
    const variables = bindingVariables(this.deciding, input, this.options.secret);
    const key = JSON.stringify(this.deciding.map((template) => template.render(variables)));
    const server = this.current.get(key) ?? new McpServer({ ...this.options, args: input });
    this.current.delete(key);
    this.current.set(key, server);
    for (const [oldest, one] of this.current) {
      if (this.current.size <= MAX_SERVERS) break;
      this.current.delete(oldest);
      this.release(one);
    }
    return server;
  }

  /** Ends all of them, also those that are still called. */
  async close(): Promise<void> {
    await Promise.all([...this.current.values()].map((server) => server.close()));
    await Promise.all(this.leaving);
  }

  private release(server: McpServer): void {
    const gone: Promise<void> = server.closeWhenIdle().finally(() => this.leaving.delete(gone));
    this.leaving.add(gone);
  }
}
