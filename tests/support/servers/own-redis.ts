import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";

import { Redis } from "ioredis";

import { loadConfig } from "../../../config/index.ts";
import { findServer } from "../../../queues/embedded-redis/index.ts";
import { makeHome } from "../runner/redis-server.ts";
import { eventually } from "../waiting/eventually.ts";

/** How often a server syncs its append-only file. */
export type AppendFsync = "always" | "everysec";

/** A Redis server that the test may stop and start, at the same address. */
export class OwnRedis implements AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Where its data are. */
  readonly folder: string;
  readonly #keeps: AppendFsync | undefined;
  readonly #args: readonly string[];
  readonly #config: readonly string[] | undefined;
  #child: ChildProcess | undefined;

  private constructor(
    port: number,
    {
      keeps,
      args = [],
      config,
    }: {
      readonly keeps?: AppendFsync | undefined;
      readonly args?: readonly string[];
      readonly config?: readonly string[] | undefined;
    },
  ) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.folder = mkdtempSync(join(tmpdir(), "tutti-redis-"));
    this.#keeps = keeps;
    this.#args = args;
    this.#config = config;
  }

  /**
   * At a free port.
   *
   * @param options.start False: nobody listens there yet.
   * @param options.args More arguments of the server.
   * @param options.config Lines of its configuration file, which it may write.
   * @param options.keeps What it holds survives `stop`, in an append-only file. Default: nothing does.
   */
  static async open({
    start = true,
    ...options
  }: {
    readonly start?: boolean;
    readonly keeps?: AppendFsync | undefined;
    readonly args?: readonly string[];
    readonly config?: readonly string[];
  } = {}): Promise<OwnRedis> {
    const server = new OwnRedis(await freePort(), options);
    if (start) await server.start();
    return server;
  }

  async start(): Promise<void> {
    const file = join(this.folder, "redis.conf");
    if (this.#config !== undefined) writeFileSync(file, this.#config.join("\n"));
    const args = this.#config === undefined ? [] : [file];
    args.push("--port", String(this.port), "--bind", "127.0.0.1");
    args.push("--dir", this.folder, ...this.#args);
    if (!this.#args.includes("--sentinel")) args.push("--save", "");
    if (this.#keeps !== undefined) args.push("--appendonly", "yes", "--appendfsync", this.#keeps);
    // Libraries of a server that was downloaded; a server of the system does not look there for its own.
    const env = { LD_LIBRARY_PATH: resolve("node_modules/.cache/tutti/redis/lib") };
    this.#child = spawn(await programPath(), args, { stdio: "ignore", env });
    const redis = new Redis(this.url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
    redis.on("error", () => {});
    await redis.ping();
    redis.disconnect();
  }

  /** SIGSTOP: it is there and does not answer. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  /** SIGKILLs it; `start` makes one with what it kept. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    child.kill("SIGKILL");
    await eventually(() => {
      if (child.exitCode === null && child.signalCode === null) throw new Error("still there");
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true });
  }
}

/** A port of this machine that nobody listens at. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

/** The server that this machine has. */
async function programPath(): Promise<string> {
  const home = makeHome();
  try {
    const found = await findServer(loadConfig(process.env, { home }));
    if ("reason" in found) throw new Error(found.reason);
    // The home goes away; a server that was downloaded stands in it by a link only. The name of the
    // file stays: the same program is a server or a checker by it.
    return join(realpathSync(dirname(found.path)), basename(found.path));
  } finally {
    rmSync(home, { recursive: true });
  }
}
