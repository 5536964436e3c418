import { AsyncLocalStorage } from "node:async_hooks";

import {
  isJSONRPCRequest,
  StreamableHTTPClientTransport,
  type FetchLike,
  type JSONRPCMessage,
  type StreamableHTTPClientTransportOptions,
} from "@modelcontextprotocol/client";

import type { TuttiError } from "../../../../config/index.ts";
import { retryAfterMs } from "../http/retry-after.ts";
import { guardAnswer, lostAnswer } from "./guarded-answer.ts";
import { faultAnswer } from "./message.ts";

/** One request on its way; what is fetched for it, also to take up a broken stream again, is fetched within it. */
interface Exchange {
  readonly refuse: (fault: TuttiError) => void;
  /** Set when the service asked to be left alone. Milliseconds. */
  retryAfterMs?: number | undefined;
  isOver: boolean;
}

export interface HttpServer {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: FetchLike;
  /** A longer message, counted after it was decompressed, fails its call. Bytes. */
  readonly maxMessageBytes: number;
  readonly reconnection: NonNullable<StreamableHTTPClientTransportOptions["reconnectionOptions"]>;
}

const exchanges = new AsyncLocalStorage<Exchange>();

/** A pause that the service asked for, beside what the SDK keeps of its answer. */
export class LimitedError extends Error {
  readonly retryAfterMs: number;

  constructor(cause: unknown, pauseMs: number) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.retryAfterMs = pauseMs;
  }
}

/**
 * Speaks MCP over HTTP. The SDK's transport reads answers of any length and lets a request wait for ever whose
 * response stream has ended: here each request ends with its stream, or with what is wrong with its answer.
 */
export class HttpTransport extends StreamableHTTPClientTransport {
  constructor(server: HttpServer) {
    super(server.url, {
      fetch: async (url, init) => {
        const exchange = exchanges.getStore();
        const answer = await server.fetch(url, init);
        if (exchange && !answer.ok)
          exchange.retryAfterMs = retryAfterMs(answer.headers.get("retry-after"), Date.now());
        return guardAnswer(answer, {
          server: server.url.host,
          maxMessageBytes: server.maxMessageBytes,
          refuse: (fault) => exchange?.refuse(fault),
        });
      },
      requestInit: { headers: server.headers },
      reconnectionOptions: server.reconnection,
    });
  }

  override async send(
    message: JSONRPCMessage | JSONRPCMessage[],
    options?: Parameters<StreamableHTTPClientTransport["send"]>[1],
  ): Promise<void> {
    if (Array.isArray(message) || !isJSONRPCRequest(message)) return super.send(message, options);
    const { id } = message;
    const refuse = (fault: TuttiError): void => {
      if (exchange.isOver) return;
      exchange.isOver = true;
      this.onmessage?.(faultAnswer(id, fault));
    };
    const exchange: Exchange = { refuse, isOver: false };
    const onRequestStreamEnd = (): void => {
      options?.onRequestStreamEnd?.();
      // An answer that came before the end has been handed on: this one is for nobody then.
      setImmediate(() => exchange.refuse(lostAnswer()));
    };
    try {
      await exchanges.run(exchange, () => super.send(message, { ...options, onRequestStreamEnd }));
    } catch (thrown) {
      if (exchange.retryAfterMs === undefined) throw thrown;
      throw new LimitedError(thrown, exchange.retryAfterMs);
    }
  }
}
