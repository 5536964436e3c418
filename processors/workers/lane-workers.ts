import type { Worker } from "bullmq";
import type { Redis } from "ioredis";

import { toolOfQueue } from "../../queues/index.ts";
import { Periodic } from "../periodic.ts";
import type { Engine } from "../steps/engine.ts";

/** All lanes are looked at this often, should a message have been lost. Milliseconds. */
const LOOK_MS = 5_000;

/** What is needed of a lane's worker. */
type LaneWorker = Pick<Worker, "close" | "waitUntilReady">;

/** What a process serves lanes with. */
interface LaneWorkersOptions {
  /** A connection that listens. */
  readonly subscriber: Redis;
  /** Whether this process serves a tool. */
  readonly serves: (tool: string) => boolean;
  /** Begins to serve a lane. */
  readonly open: (lane: string) => LaneWorker;
}

/**
 * The lanes that a process serves: those of its tools that are written down. A message says that something
 * about a lane has changed, never what: that is read after it, one after another, so the last reading is as
 * new as the last message.
 */
export class LaneWorkers {
  readonly #engine: Engine;
  readonly #options: LaneWorkersOptions;
  readonly #open = new Map<string, LaneWorker>();
  readonly #closing = new Set<Promise<void>>();
  /** Lanes of which something was said since they were read. */
  readonly #changed = new Set<string>();
  #work: Promise<void> = Promise.resolve();
  #looks: Periodic | undefined;
  #stopped = false;

  constructor(engine: Engine, options: LaneWorkersOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  /** Lanes that are served here now. */
  get names(): string[] {
    return [...this.#open.keys()];
  }

  /** Resolves when every lane that is there is served. */
  async start(): Promise<void> {
    const { subscriber } = this.#options;
    const { laneChanges } = this.#engine.keys;
    subscriber.on("message", (channel: string, lane: string) => {
      if (channel === laneChanges) this.#hear(lane);
    });
    await subscriber.subscribe(laneChanges);
    subscriber.on("ready", () => void this.#look());
    await this.#look();
    await Promise.all([...this.#open.values()].map((worker) => worker.waitUntilReady()));
    this.#looks = new Periodic(LOOK_MS, () => this.#look());
  }

  /** Serves no lane more. Resolves when the jobs that run have ended. */
  async close(): Promise<void> {
    this.#stopped = true;
    void this.#looks?.stop();
    await this.#work;
    await Promise.all([...this.#open.values()].map((worker) => worker.close()));
    await Promise.all(this.#closing);
  }

  #hear(lane: string): void {
    if (!this.#options.serves(toolOfQueue(lane))) return;
    this.#changed.add(lane);
    void this.#inTurn(async () => {
      const changed = [...this.#changed];
      this.#changed.clear();
      const known = await this.#engine.queues.lanes.known(changed);
      for (const [index, name] of changed.entries()) this.#serve(name, known[index] === true);
    });
  }

  #look(): Promise<void> {
    return this.#inTurn(async () => {
      const all = await this.#engine.queues.lanes.all();
      const there = new Set(all.filter((lane) => this.#options.serves(toolOfQueue(lane))));
      for (const lane of this.#open.keys()) this.#serve(lane, there.has(lane));
      for (const lane of there) this.#serve(lane, true);
    });
  }

  #inTurn(read: () => Promise<void>): Promise<void> {
    this.#work = this.#after(this.#work, read);
    return this.#work;
  }

  async #after(before: Promise<void>, read: () => Promise<void>): Promise<void> {
    await before;
    if (this.#stopped) return;
    try {
      await read();
    } catch (thrown) {
      this.#engine.troubles.warn({}, thrown, "lanes were not looked for");
    }
  }

  #serve(lane: string, there: boolean): void {
    if (this.#stopped) return;
    const worker = this.#open.get(lane);
    if (there && worker === undefined) this.#open.set(lane, this.#options.open(lane));
    if (there || worker === undefined) return;
    this.#open.delete(lane);
    const closing = this.#leave(lane, worker);
    this.#closing.add(closing);
    void closing.then(() => this.#closing.delete(closing));
  }

  /** A lane was dropped: nothing of it stays behind, unless it has come back meanwhile. */
  async #leave(lane: string, worker: LaneWorker): Promise<void> {
    try {
      await worker.close();
      if (this.#open.has(lane)) return;
      await this.#engine.keeper.part(lane);
      await this.#engine.queues.lanes.tidy([lane]);
    } catch (thrown) {
      this.#engine.troubles.warn({ queue: lane }, thrown, "a lane was not left");
    }
  }
}
