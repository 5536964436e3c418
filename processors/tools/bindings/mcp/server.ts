import {
  ProtocolError,
  SdkError,
  SdkErrorCode,
  type CallToolResult,
} from "@modelcontextprotocol/client";

import { TuttiError, type JsonObject } from "../../../../config/index.ts";
import { untilAborted } from "../../calling/call-scope.ts";
import {
  createConnection,
  isOverflow,
  type Connection,
  type ConnectionOptions,
} from "./connection.ts";
import { mcpFailure } from "./failure.ts";
import { faultOf } from "./message.ts";

/** Starting a server and shaking hands may take this long. Milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** After a call timed out, a server that does not answer a ping within this time is given up. Milliseconds. */
const PING_TIMEOUT_MS = 2_000;
/** The SDK wants a timeout; ours is the signal. The longest that timers take. Milliseconds. */
const NO_TIMEOUT_MS = 2_147_483_647;

/** Whether the server has spoken: its own word, or an answer that cannot be taken. */
function isAnswer(thrown: unknown): boolean {
  return thrown instanceof ProtocolError && faultOf(thrown)?.code !== "tool_unavailable";
}

export interface McpServerOptions extends ConnectionOptions {
  /** Longest time to start a server and shake hands. Milliseconds. Default: 10,000. */
  readonly handshakeTimeoutMs?: number;
}

export interface McpCall {
  readonly tool: string;
  readonly input: JsonObject;
  readonly signal: AbortSignal;
  readonly correlationId: string;
}

/**
 * One MCP server: started at its first call, shared by all calls, started anew after it died. A
 * call that is aborted is cancelled at the server (`notifications/cancelled`), which is free to go on.
 */
export class McpServer {
  private readonly options: McpServerOptions;
  private readonly name: string;
  /** What new calls use. */
  private current: Connection | undefined;
  /** Everything that has to be gone before {@link close} is done. */
  private readonly open = new Set<Connection>();

  constructor(options: McpServerOptions) {
    this.options = options;
    const { spec } = options;
    this.name = spec.transport === "stdio" ? spec.command : spec.url;
  }

  /**
   * Calls a tool of the server.
   *
   * @throws TuttiError, or the signal's reason.
   */
  async call(call: McpCall): Promise<CallToolResult> {
    const { tool, input, signal, correlationId } = call;
    let connection: Connection | undefined;
    try {
      connection = this.connect();
      connection.calls++;
      await untilAborted(connection.ready, signal);
      return await connection.client.callTool(
        {
          name: tool,
          arguments: { ...input },
          _meta: { "tutti/correlation-id": correlationId },
        },
        { signal, timeout: NO_TIMEOUT_MS },
      );
    } catch (thrown) {
      if (signal.aborted) {
        if (connection) void this.checkHealth(connection);
        throw signal.reason;
      }
      // What broke the exchange may have broken the session; only after an answer is it known to live.
      if (connection && !isAnswer(thrown)) this.retire(connection);
      throw connection?.denied ?? mcpFailure(thrown, this.name, isOverflow(connection?.transport));
    } finally {
      if (connection && --connection.calls === 0 && connection.retired) void this.drop(connection);
    }
  }

  /** Ends the connection and, with stdio, the server with all it started. */
  async close(): Promise<void> {
    await Promise.all([...this.open].map((connection) => this.drop(connection)));
  }

  /** The same once its calls have ended. It must not be called any more. */
  async closeWhenIdle(): Promise<void> {
    for (const connection of this.open) {
      this.retire(connection);
      if (connection.calls === 0) void this.drop(connection);
    }
    await Promise.all([...this.open].map((connection) => connection.gone));
  }

  private connect(): Connection {
    if (this.current) return this.current;
    const connection = createConnection(this.options);
    this.current = connection;
    this.open.add(connection);
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the client is no EventTarget
    connection.client.onclose = () => void this.drop(connection);
    connection.ready = this.handshake(connection);
    return connection;
  }

  private async handshake(connection: Connection): Promise<void> {
    const { client, transport } = connection;
    const { handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS } = this.options;
    const cap = new AbortController();
    const timer = setTimeout(() => {
      const message = `${this.name} did not shake hands within ${handshakeTimeoutMs} ms`;
      cap.abort(new TuttiError("tool_unavailable", message));
    }, handshakeTimeoutMs);
    try {
      await untilAborted(client.connect(transport, { timeout: NO_TIMEOUT_MS }), cap.signal);
    } catch (thrown) {
      void this.drop(connection);
      throw thrown;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Other calls of the connection may be well; they shall end by themselves. */
  private retire(connection: Connection): void {
    connection.retired = true;
    if (this.current === connection) this.current = undefined;
  }

  private drop(connection: Connection): Promise<void> {
    if (this.current === connection) this.current = undefined;
    connection.dropped ??= (async () => {
      await connection.client.close().catch(() => undefined);
      await connection.release();
      this.open.delete(connection);
      connection.leave();
    })();
    return connection.dropped;
  }

  private async checkHealth(connection: Connection): Promise<void> {
    // Before the handshake is done a ping says nothing, and the handshake has its own cap.
    await connection.ready.catch(() => undefined);
    try {
      await connection.client.ping({ timeout: PING_TIMEOUT_MS });
    } catch (thrown) {
      // The newest protocol has no ping; that it is refused says nothing.
      const silent = thrown instanceof SdkError && thrown.code === SdkErrorCode.RequestTimeout;
      if (silent) await this.drop(connection);
    }
  }
}
