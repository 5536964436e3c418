import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** One connection of a client, and the one behind it. */
interface Link {
  readonly client: Socket;
  readonly server: Socket;
  /** The next answer is swallowed, and the connection cut: the client cannot know whether it was heard. */
  swallows: boolean;
  /** The next answers get through up to the first OK: of a transaction, its beginning. */
  tears: boolean;
  /** Nothing passes until this time. Milliseconds as `performance.now()` counts them. */
  stalledUntil: number;
}

/** How often each fault was done to a connection. */
export interface Faults {
  cut: number;
  swallowed: number;
  torn: number;
  halfClosed: number;
  stalled: number;
}

/** How Redis answers the beginning of a transaction. */
const OK = "+OK\r\n";
/** Of a Redis whose address names none. */
const DEFAULT_PORT = 6379;
/** Longest stall. Milliseconds. */
const MAX_STALL_MS = 1_500;
/** Every so many faults hit all connections at once, as a network that goes away does. */
const ALL_AT_ONCE = 0.15;

/** A TCP proxy that does to connections what networks do. */
export class FaultProxy implements AsyncDisposable {
  readonly done: Faults = { cut: 0, swallowed: 0, torn: 0, halfClosed: 0, stalled: 0 };
  /** The address that was given, by way of the proxy. */
  readonly url: string;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #random: () => number;
  #isMeant: ((request: string) => boolean) | undefined;
  #isSwallowed: ((request: string) => boolean) | undefined;
  #blackUntil = 0;
  #isClosed = false;

  private constructor(server: Server, target: URL, random: () => number) {
    this.#server = server;
    this.#random = random;
    const own = new URL(target);
    own.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.url = own.href;
    server.on("connection", (client) => this.#link(client, target));
  }

  /** In front of a Redis. Without {@link fault} it only passes on what comes. */
  static async open(targetUrl: string, random: () => number): Promise<FaultProxy> {
    // What one side has ended may go on in the other direction.
    const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FaultProxy(server, new URL(targetUrl), random);
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#links.size;
  }

  /** Does one fault to one connection, or to all of them. */
  fault(): void {
    const all = [...this.#links];
    const one = all[Math.floor(this.#random() * all.length)];
    if (one === undefined) return;
    const hit = this.#random() < ALL_AT_ONCE ? all : [one];
    const kinds = ["cut", "swallow", "tear", "halfClose", "stall"] as const;
    const kind = kinds[Math.floor(this.#random() * kinds.length)]!;
    for (const link of hit) this[kind](link);
  }

  /** Ends a connection with a reset, both ways. Without a link: all of them. */
  cut(link?: Link): void {
    for (const one of link === undefined ? this.#links : [link]) {
      this.done.cut++;
      reset(one);
    }
  }

  /** Lets what was asked through, and cuts the connection instead of answering. */
  swallow(link?: Link): void {
    for (const one of link === undefined ? this.#links : [link]) one.swallows = true;
  }

  /** Lets answers through up to the first OK, and cuts the connection: half of a transaction is answered. */
  tear(link?: Link): void {
    for (const one of link === undefined ? this.#links : [link]) one.tears = true;
  }

  /** Tears the answer to the first request for which this holds, on whatever connection. */
  tearAnswerTo(isMeant: (request: string) => boolean): void {
    this.#isMeant = isMeant;
  }

  /** Swallows the answer to the first request for which this holds, on whatever connection. */
  swallowAnswerTo(isMeant: (request: string) => boolean): void {
    this.#isSwallowed = isMeant;
  }

  /** Ends one direction and leaves the other open. */
  halfClose(link?: Link): void {
    for (const one of link === undefined ? this.#links : [link]) {
      this.done.halfClosed++;
      (this.#random() < 0.5 ? one.client : one.server).end();
    }
  }

  /** Holds everything back for a while, without telling anybody. */
  stall(link?: Link, ms: number = Math.ceil(this.#random() * MAX_STALL_MS)): void {
    for (const one of link === undefined ? this.#links : [link]) {
      this.done.stalled++;
      one.stalledUntil = performance.now() + ms;
      one.client.pause();
      one.server.pause();
      const over = (): void => {
        if (performance.now() < one.stalledUntil - 1) return;
        one.client.resume();
        one.server.resume();
      };
      setTimeout(over, ms).unref();
    }
  }

  /** Holds everything back for a while, also on connections that are made meanwhile. */
  blackHole(ms: number): void {
    this.#blackUntil = performance.now() + ms;
    for (const one of this.#links) this.stall(one, ms);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#server.close();
    for (const link of this.#links) reset(link);
    await once(this.#server, "close");
  }

  #link(client: Socket, { hostname, port }: URL): void {
    if (this.#isClosed) {
      client.destroy();
      return;
    }
    const server = connect({
      port: Number(port || DEFAULT_PORT),
      host: hostname,
      allowHalfOpen: true,
    });
    const link: Link = { client, server, swallows: false, tears: false, stalledUntil: 0 };
    this.#links.add(link);
    const blackMs = this.#blackUntil - performance.now();
    if (blackMs > 0) this.stall(link, blackMs);
    const end = () => {
      this.#links.delete(link);
      reset(link);
    };
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.setNoDelay(true);
      from.on("data", (chunk: Buffer) => {
        if (from === client && this.#isMeant?.(chunk.toString()) === true) {
          this.#isMeant = undefined;
          link.tears = true;
        }
        if (from === client && this.#isSwallowed?.(chunk.toString()) === true) {
          this.#isSwallowed = undefined;
          link.swallows = true;
        }
        if (from === server && link.swallows) {
          this.done.swallowed++;
          end();
        } else if (from === server && link.tears && chunk.includes(OK)) {
          this.done.torn++;
          // Its sender is told nothing; a reset would take back what was passed on.
          client.end(chunk.subarray(0, chunk.indexOf(OK) + OK.length));
          server.destroy();
        } else if (to.writable) to.write(chunk);
      });
      from.on("end", () => to.end());
      from.on("error", end);
      from.on("close", end);
    }
  }
}

function reset({ client, server }: Link): void {
  for (const socket of [client, server]) {
    // Node waits with a reset until a socket is connected, which may be never, and loses one that is being shut down.
    if (socket.connecting || socket.writableEnded) socket.destroy();
    else socket.resetAndDestroy();
  }
}
