import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** One connection of a client, and the one behind it. */
interface Link {
  readonly client: Socket;
  readonly server: Socket;
  /** The next answer is swallowed, and the connection cut: the client cannot know whether it was heard. */
  swallows: boolean;
  /** Nothing passes until this time. Milliseconds as `performance.now()` counts them. */
  stalledUntil: number;
}

/** How often each fault was done to a connection. */
export interface Faults {
  cut: number;
  swallowed: number;
  halfClosed: number;
  stalled: number;
}

/** Longest stall. Milliseconds. */
const MAX_STALL_MS = 1_500;
/** Every so many faults hit all connections at once, as a network that goes away does. */
const ALL_AT_ONCE = 0.15;

/** A TCP proxy that does to connections what networks do. */
export class FaultProxy implements AsyncDisposable {
  readonly done: Faults = { cut: 0, swallowed: 0, halfClosed: 0, stalled: 0 };
  readonly port: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #random: () => number;

  private constructor(server: Server, targetPort: number, random: () => number) {
    this.#server = server;
    this.#random = random;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => this.#link(client, targetPort));
  }

  /** In front of a port of this machine. Without {@link fault} it only passes on what comes. */
  static async open(targetPort: number, random: () => number): Promise<FaultProxy> {
    // What one side has ended may go on in the other direction.
    const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FaultProxy(server, targetPort, random);
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
    const kinds = ["cut", "swallow", "halfClose", "stall"] as const;
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
      setTimeout(() => {
        if (performance.now() < one.stalledUntil - 1) return;
        one.client.resume();
        one.server.resume();
      }, ms);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const link of this.#links) reset(link);
    await once(this.#server, "close");
  }

  #link(client: Socket, targetPort: number): void {
    const server = connect({ port: targetPort, host: "127.0.0.1", allowHalfOpen: true });
    const link: Link = { client, server, swallows: false, stalledUntil: 0 };
    this.#links.add(link);
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
        if (from === server && link.swallows) {
          this.done.swallowed++;
          end();
        } else if (to.writable) to.write(chunk);
      });
      from.on("end", () => to.end());
      from.on("error", end);
      from.on("close", end);
    }
  }
}

function reset({ client, server }: Link): void {
  client.resetAndDestroy();
  server.resetAndDestroy();
}
