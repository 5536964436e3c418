import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { catalogueParts, ToolRegistry } from "../../../config/index.ts";
import type { CallContext, ToolHandler, UsageProbe } from "../../../src/worker.ts";
import { RESOURCES, type Vector } from "../../scenarios/definitions.ts";
import { Machines } from "../../scenarios/machines.ts";
import { logNormal } from "../../statistics.ts";
import type { WorkTool } from "./workload.ts";

interface StageOptions {
  readonly tools: readonly WorkTool[];
  readonly machines: number;
  readonly random: () => number;
  /** Concurrency that the catalogue gives a tool, by its place. */
  readonly concurrency?: ReadonlyMap<number, number>;
  /** How far the optimizer may raise it. */
  readonly maxConcurrency?: ReadonlyMap<number, number>;
  /** Called when a step of a run begins to call its tool. */
  readonly onBegun?: (runId: string) => void;
  /** Called when a call of a tool begins; what it returns is called when that has had its time. */
  readonly onCalled?: (tool: WorkTool) => () => void;
  /** Called when a call of a tool has had its time. */
  readonly onEnded?: (tool: WorkTool) => void;
  /** What its calls mean to those who wait for them. Default: essential. */
  readonly importance?: ReadonlyMap<number, string>;
  /** What the catalogue says that a call of a tool needs; default: what it does need. */
  readonly declared?: (tool: WorkTool) => Vector;
}

const NOTHING: Vector = [0, 0, 0, 0];

/**
 * What the real stack works on: machines whose calls slow each other down, services with a knee behind HTTP, and
 * ways to break them.
 */
export class Stage {
  readonly machines: Machines;
  /** Share of the calls of a tool that fail. */
  readonly failing = new Map<string, number>();
  /** What the calls of a tool take in the place of what it says itself. */
  readonly times = new Map<string, Pick<WorkTool, "seconds" | "spread">>();
  /** Machines on which the calls of a tool do not come back. */
  readonly stuck = new Map<string, string>();
  readonly #options: StageOptions;
  readonly #server: Server;
  readonly #backgrounds = new Map<number, Vector>();
  #registry: ToolRegistry | undefined;

  private constructor(options: StageOptions) {
    this.#options = options;
    this.machines = new Machines(options.machines);
    this.#server = createServer((request, response) => {
      const tool = options.tools.find(({ id }) => `/${id}` === request.url);
      if (tool === undefined) return void response.writeHead(404).end();
      void this.call(tool, 0).then(() =>
        response.writeHead(200, { "content-type": "application/json" }).end("{}"),
      );
    });
  }

  static async open(options: StageOptions): Promise<Stage> {
    const stage = new Stage(options);
    stage.#server.listen(0, "127.0.0.1");
    await once(stage.#server, "listening");
    stage.#registry = stage.#compileCatalogue();
    return stage;
  }

  get registry(): ToolRegistry {
    return this.#registry!;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Something else takes shares of resources of a machine from now on. */
  burn(machine: number, shares: readonly (readonly [resource: number, share: number])[]): void {
    const before = this.#backgrounds.get(machine) ?? NOTHING;
    const taken = new Map(shares);
    const background = RESOURCES.map((_, at) => taken.get(at) ?? 0) as unknown as Vector;
    this.#backgrounds.set(machine, background);
    this.machines.setBackground(machine, before, background);
  }

  /** What a worker on a machine calls. */
  handlers(machine: number): Record<string, ToolHandler> {
    return Object.fromEntries(
      this.#options.tools
        .filter(({ isService }) => !isService)
        .map((tool) => [tool.id, (_input, context) => this.#handle(tool, machine, context)]),
    );
  }

  /** How a machine is used, as its worker reads it. */
  probe(machine: number): UsageProbe {
    return {
      read: async () => {
        const { ms, used, waited } = this.machines.takeUse(machine);
        if (ms === 0) return null;
        const named = (values: Vector) =>
          Object.fromEntries(
            RESOURCES.map((name, resource) => [name, values[resource]!]),
          ) as Readonly<Record<(typeof RESOURCES)[number], number>>;
        return { windowMs: ms, usage: named(used), pressure: named(waited) };
      },
    };
  }

  async #handle(tool: WorkTool, machine: number, context: CallContext): Promise<null> {
    this.#options.onBegun?.(context.runId);
    if (this.stuck.get(tool.id) === `m${machine}`)
      await new Promise<void>((resolve) => {
        context.signal.addEventListener("abort", () => resolve());
      });
    await this.call(tool, machine);
    if (this.#options.random() < (this.failing.get(tool.id) ?? 0)) throw new Error("told to fail");
    return null;
  }

  /** Resolves when a call of a tool has had its time. */
  async call(tool: WorkTool, machine: number): Promise<void> {
    const { random, onEnded, onCalled } = this.#options;
    const { seconds, spread } = this.times.get(tool.id) ?? tool;
    const onOver = onCalled?.(tool);
    await this.machines.call(machine, tool, 1_000 * logNormal(random, seconds, spread));
    onOver?.();
    onEnded?.(tool);
  }

  #compileCatalogue(): ToolRegistry {
    const { tools, concurrency, maxConcurrency, importance } = this.#options;
    const { declared = ({ use }: WorkTool): Vector => use } = this.#options;
    const host = `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    const text = JSON.stringify({
      tutti: 1,
      allow: { privateHosts: [host] },
      tools: tools.map((tool, index) => ({
        id: tool.id,
        name: tool.id,
        category: "foundation",
        capabilities: ["bench"],
        idempotent: true,
        resources: Object.fromEntries(
          RESOURCES.flatMap((name, resource) => {
            const share = Math.min(1, declared(tool)[resource]!);
            return share > 0 ? [[name, Number(share.toFixed(4))]] : [];
          }),
        ),
        ...(importance?.has(index) ? { importance: importance.get(index) } : {}),
        performance: { responseTimeMs: Math.round(tool.seconds * 1_000) },
        limits: {
          ...(concurrency?.has(index) ? { concurrency: concurrency.get(index) } : {}),
          ...(maxConcurrency?.has(index) ? { maxConcurrency: maxConcurrency.get(index) } : {}),
        },
        binding: tool.isService
          ? { type: "http", url: `http://${host}/${tool.id}` }
          : { type: "in_process", handler: tool.id },
      })),
    });
    const parts = catalogueParts(text, "bench");
    return new ToolRegistry(parts.tools, parts.budgets);
  }
}
