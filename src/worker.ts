import { GRACE_MS, type ToolRegistry } from "../config/index.ts";
import { declaredLimits, Periodic, type BoundTools, type Engine } from "../processors/index.ts";
import { HEARTBEAT_MS } from "../queues/client.ts";
import { settlesWithin, upgradePayloads, type Declaration } from "../queues/index.ts";
import { listenForAborts } from "./worker/aborts.ts";
import { closeGround, openEngine, openGround, openTools, type Ground } from "./worker/engine.ts";
import type { StartWorkerOptions } from "./worker/options.ts";
import { openServices, type Services } from "./worker/services.ts";

export type {
  CallContext,
  SecretSource,
  ToolHandler,
  UsageProbe,
  UsageReading,
} from "../processors/index.ts";
export type { StartWorkerOptions } from "./worker/options.ts";

/** How long a stopping worker tries to say so. Milliseconds. */
const LEAVE_MS = 1_000;

/** A worker process at work. */
export interface TuttiWorker extends AsyncDisposable {
  readonly id: string;
  /** Ids of the tools it serves. */
  readonly tools: readonly string[];
  /** Takes no new steps, waits for the running ones, and leaves. */
  close(): Promise<void>;
}

/**
 * Starts to run the steps of workflows in this process.
 *
 * ```ts
 * const worker = await startWorker({ redisUrl, registry, handlers: { "mail.send": async (input) => ... } });
 * ```
 */
export async function startWorker(options: StartWorkerOptions): Promise<TuttiWorker> {
  const ground = openGround(options);
  let running: RunningWorker | undefined;
  try {
    running = new RunningWorker(options, ground);
    await running.start();
    return running;
  } catch (thrown) {
    // Who could not start leaves nothing behind that would keep the process.
    if (running === undefined) closeGround(ground);
    else await running.close();
    throw thrown;
  }
}

class RunningWorker implements TuttiWorker {
  readonly id: string;
  readonly tools: readonly string[];
  readonly #options: StartWorkerOptions;
  readonly #ground: Ground;
  readonly #bound: BoundTools;
  readonly #engine: Engine;
  readonly #services: Services;
  #heartbeat: Periodic | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: StartWorkerOptions, ground: Ground) {
    this.#options = options;
    this.#ground = ground;
    this.id = this.#ground.id;
    this.#bound = openTools(options, this.#ground);
    const served = this.#ground.registry
      .list()
      .map(({ spec }) => spec)
      .filter(({ id }) => this.#bound.isBound(id) && (options.tools?.includes(id) ?? true));
    this.tools = served.map(({ id }) => id);
    const onLimits = () => this.#services.workers.show();
    this.#engine = openEngine(options, this.#ground, this.#bound, onLimits);
    this.#services = openServices(options, this.#ground, this.#engine, served);
  }

  async start(): Promise<void> {
    const { clock, durability, keeper } = this.#engine;
    const { workers, duties, optimizer, starters, sampler } = this.#services;
    const { registry, learning, stores, subscriber } = this.#ground;
    await clock.measure(stores.redis);
    await durability.check();
    await upgradePayloads(stores.redis, stores.keys, stores.queues);
    await listenForAborts(this.#engine, subscriber);
    await keeper.start(declaredOf(registry, learning));
    await workers.start();
    await duties.start();
    await optimizer.turn(this.#options.optimizer ?? true);
    await starters.start();
    sampler.start();
    await this.#announce();
    this.#heartbeat = new Periodic(HEARTBEAT_MS, () => this.#announce());
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { keeper, flows, queues, presence, troubles, durability } = this.#engine;
    const { workers, duties, starters, sampler } = this.#services;
    void this.#heartbeat?.stop();
    // First of all: whoever sees that this worker has left may count on its taking nothing any more.
    const drained = workers.close(this.#options.graceMs ?? GRACE_MS);
    // Redis may be away, and its connections wait for it; a process that has to stop does not.
    await settlesWithin(presence.leave(this.id), LEAVE_MS);
    await settlesWithin(Promise.all([duties.close(), starters.close()]), LEAVE_MS);
    await drained;
    await settlesWithin(sampler.close(), LEAVE_MS);
    await settlesWithin(keeper.close(), LEAVE_MS);
    await this.#bound.close();
    await settlesWithin(flows.close(), LEAVE_MS);
    await settlesWithin(queues.close(), LEAVE_MS);
    troubles.close();
    durability.close();
    closeGround(this.#ground);
  }

  async #announce(): Promise<void> {
    const { clock, presence, troubles } = this.#engine;
    const { machine, stores } = this.#ground;
    try {
      await clock.measure(stores.redis);
      await presence.announce({ id: this.id, machine, pid: process.pid, tools: this.tools });
    } catch (thrown) {
      troubles.warn({}, thrown, "the heartbeat was not heard");
    }
  }
}

/** What a registry declares, made anew when it has changed. */
function declaredOf(registry: ToolRegistry, learning: boolean): () => Declaration {
  let { revision } = registry;
  let declared = declaredLimits(registry, learning);
  return () => {
    if (registry.revision !== revision) {
      revision = registry.revision;
      declared = declaredLimits(registry, learning);
    }
    return declared;
  };
}
