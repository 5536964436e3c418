import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { SharedService } from "./shared-service.ts";

/** A call that came to the API. Times are of the API's own clock. Milliseconds. */
export interface ApiCall {
  readonly atMs: number;
  readonly path: string;
  /** What the caller says it costs: `?units=`. Default: 1. */
  readonly units: number;
  /** What it was told; 0 for nothing: cut off, or left without an answer. */
  readonly status: number;
  /** Calls that were being served when it came, with itself. */
  readonly inFlight: number;
}

/** How the API is ill: it says 503, it never answers, or it cuts the connection. */
export type Outage = "unavailable" | "silent" | "reset";

export interface ApiSpeed {
  /** How long a call takes when few are there. Milliseconds. */
  readonly serviceMs: number;
  /** Calls at once that it serves at full speed; more of them share it. Default: any number. */
  readonly knee?: number;
}

/** An API that a test calls over HTTP: it writes down what comes and can be slow, ill or full. */
export class FakeApi implements AsyncDisposable {
  /** Everything that came, in order. */
  readonly calls: ApiCall[] = [];
  outage: Outage | undefined;
  readonly #server: Server;
  #service = new SharedService(Infinity);
  #serviceMs = 0;
  #full: { readonly untilMs: number; readonly retryAfterSeconds: number } | undefined;
  #inFlight = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request, response);
    });
  }

  static async open(speed: ApiSpeed = { serviceMs: 0 }): Promise<FakeApi> {
    const api = new FakeApi();
    api.speed(speed);
    api.#server.listen(0, "127.0.0.1");
    await once(api.#server, "listening");
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The API's clock. */
  now(): number {
    return performance.now();
  }

  /** Calls that come from now on take this long. */
  speed({ serviceMs, knee = Infinity }: ApiSpeed): void {
    this.#serviceMs = serviceMs;
    this.#service = new SharedService(knee);
  }

  /** Says 429 to everybody for a time, and when to come again. */
  refuse(forMs: number, retryAfterSeconds: number): void {
    this.#full = { untilMs: this.now() + forMs, retryAfterSeconds };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const atMs = this.now();
    const url = new URL(request.url ?? "/", "http://fake");
    const full = this.#full !== undefined && atMs < this.#full.untilMs ? this.#full : undefined;
    const status = this.#statusOf(full !== undefined);
    this.#inFlight++;
    response.once("close", () => this.#inFlight--);
    this.calls.push({
      atMs,
      path: url.pathname,
      units: Number(url.searchParams.get("units") ?? 1),
      status,
      inFlight: this.#inFlight,
    });
    request.resume();
    if (this.outage === "silent") return;
    if (this.outage === "reset") {
      request.socket.resetAndDestroy();
      return;
    }
    if (status === 200) await this.#service.serve(this.#serviceMs);
    response.writeHead(status, {
      "content-type": "application/json",
      ...(full === undefined ? {} : { "retry-after": String(full.retryAfterSeconds) }),
    });
    response.end(JSON.stringify({ status }));
  }

  #statusOf(full: boolean): number {
    if (this.outage === "unavailable") return 503;
    if (this.outage !== undefined) return 0;
    return full ? 429 : 200;
  }
}
