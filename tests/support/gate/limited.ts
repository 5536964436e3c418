import { catalogueParts, loadCatalogue, ToolRegistry } from "../../../config/index.ts";
import type { ToolHandler } from "../../../processors/index.ts";
import { Gate, Keys } from "../../../queues/index.ts";
import { Tutti } from "../../../src/tutti.ts";
import type { StartWorkerOptions, TuttiWorker } from "../../../src/worker.ts";
import { test as withOrchestra } from "../deployment/orchestra.ts";

/** A deployment whose tools and budgets a test declares itself. */
export interface Limited {
  readonly tutti: Tutti;
  readonly gate: Gate;
  readonly work: (
    handlers: Readonly<Record<string, ToolHandler>>,
    options?: Partial<StartWorkerOptions>,
  ) => Promise<TuttiWorker>;
}

/** What a test says of its tools: more fields of each, by id; everything else is filled in. */
interface Declared {
  readonly tools: Readonly<Record<string, object>>;
  readonly budgets?: object;
}

export const test = withOrchestra.extend<{ limited: (declared: Declared) => Limited }>({
  limited: async ({ orchestra, redis, redisUrl, prefix }, use) => {
    const opened: Tutti[] = [];
    await use(({ tools, budgets = {} }) => {
      const text = JSON.stringify({
        tutti: 1,
        budgets,
        tools: Object.entries(tools).map(([id, more]) => ({
          id,
          name: id,
          category: "foundation",
          capabilities: ["testing"],
          idempotent: true,
          binding: { type: "in_process" },
          ...more,
        })),
      });
      const parts = catalogueParts(text, "test tools");
      const registry = new ToolRegistry([...loadCatalogue().list(), ...parts.tools], parts.budgets);
      const tutti = new Tutti({ redisUrl, prefix, registry });
      opened.push(tutti);
      return {
        tutti,
        gate: new Gate(redis, new Keys(prefix)),
        work: (handlers, options = {}) =>
          orchestra.work(handlers, { registry, tools: Object.keys(tools), ...options }),
      };
    });
    await Promise.all(opened.map((tutti) => tutti.close()));
  },
});
