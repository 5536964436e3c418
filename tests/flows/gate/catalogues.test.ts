import { pino } from "pino";
import { describe, expect, vi } from "vitest";

import { catalogueParts, loadConfig, ToolRegistry } from "../../../config/index.ts";
import type { ToolHandler } from "../../../processors/index.ts";
import { ownBudget, type Gate } from "../../../queues/index.ts";
import { doctor } from "../../../src/doctor.ts";
import { startServer } from "../../../src/server/index.ts";
import { Tutti } from "../../../src/tutti.ts";
import { startWorker, type TuttiWorker } from "../../../src/worker.ts";
import { takes, test as withGate } from "../../support/gate/gated.ts";
import { eventually } from "../../support/waiting/eventually.ts";

const RATE_5 = "limits: { rate: { max: 5, durationMs: 1000 } }";
const RATE_500 = "limits: { rate: { max: 500, durationMs: 1000 } }";

/** A catalogue with one tool, `ask`. */
function registryOf(more: string, version?: string | number, budgets = ""): ToolRegistry {
  const parts = catalogueParts(
    [
      "tutti: 1",
      ...(version === undefined ? [] : [`version: ${JSON.stringify(version)}`]),
      ...(budgets === "" ? [] : [`budgets: ${budgets}`]),
      "tools:",
      `  - { id: ask, name: Ask, category: foundation, capabilities: [testing], binding: { type: in_process }${more === "" ? "" : `, ${more}`} }`,
    ].join("\n"),
    "test catalogue",
  );
  return new ToolRegistry(parts.tools, parts.budgets, parts.version);
}

interface Fleet {
  readonly tutti: Tutti;
  /** A worker of a catalogue, with the lines that it logs. */
  readonly work: (
    registry: ToolRegistry,
    handler?: ToolHandler,
  ) => Promise<{ readonly worker: TuttiWorker; readonly told: readonly string[] }>;
  /** What holds for `ask`. */
  readonly limits: () => Promise<unknown>;
}

const test = withGate.extend<{ fleet: Fleet }>({
  fleet: async ({ redisUrl, prefix }, use) => {
    const tutti = new Tutti({ redisUrl, prefix, registry: registryOf("") });
    const workers: TuttiWorker[] = [];
    await use({
      tutti,
      limits: async () => {
        const { tools } = await tutti.gate.show();
        const { concurrency, rates, cost } = tools.find(({ tool }) => tool === "ask")!;
        return { concurrency, rates, cost };
      },
      work: async (registry, handler = () => null) => {
        const told: string[] = [];
        const write = (line: string): void => {
          told.push((JSON.parse(line) as { msg: string }).msg);
        };
        const worker = await startWorker({
          redisUrl,
          prefix,
          registry,
          handlers: { ask: handler },
          learning: false,
          graceMs: 0,
          log: pino({ level: "warn" }, { write }),
        });
        workers.push(worker);
        return { worker, told };
      },
    });
    await Promise.all(workers.map((worker) => worker.close()));
    await tutti.close();
  },
});

const rate = (max: number) => ({ concurrency: null, rates: [{ max, durationMs: 1_000 }], cost: 1 });
const NONE = { concurrency: null, rates: [], cost: 1 };

describe("of living workers the strictest limit holds", () => {
  test.for([
    ["a looser one comes later", RATE_5, RATE_500, rate(5), rate(500)],
    ["a stricter one comes later", RATE_500, RATE_5, rate(5), rate(5)],
    ["one without comes later", RATE_5, "", rate(5), NONE],
    ["one with comes later", "", RATE_5, rate(5), rate(5)],
  ] as const)("%s", async ([, first, second, both, left], { fleet: { work, limits, tutti } }) => {
    const a = await work(registryOf(first));
    const b = await work(registryOf(second));
    expect(await limits()).toEqual(both);
    const { disagreements, catalogues } = await tutti.gate.show();
    expect(catalogues).toHaveLength(2);
    expect(disagreements).toMatchObject([
      { of: "tool", name: "ask", differs: expect.arrayContaining(["rate"]), holds: "strictest" },
    ]);
    expect(disagreements[0]!.says.flatMap(({ workers }) => workers).toSorted()).toEqual(
      [a.worker.id, b.worker.id].toSorted(),
    );
    // Who came first found nothing; who came later did, and said so once.
    expect(a.told).toEqual([]);
    expect(b.told).toEqual([disagreements[0]!.sentence]);
    // What the one that goes has declared goes with it.
    await a.worker.close();
    expect(await limits()).toEqual(left);
    expect((await tutti.gate.catalogues()).disagreements).toEqual([]);
  });

  test("until an operator says otherwise, and again when that is taken back", async ({
    fleet: { work, limits, tutti },
  }) => {
    await work(registryOf(RATE_5));
    const b = await work(registryOf(RATE_500));
    await tutti.gate.set({ tool: "ask", rates: [{ max: 50, durationMs: 1_000 }] });
    expect(await limits()).toEqual(rate(50));
    expect((await tutti.gate.show()).disagreements).toMatchObject([{ holds: "set" }]);
    await b.worker.close();
    const c = await work(registryOf(RATE_500));
    expect(await limits()).toEqual(rate(50));
    expect(c.told).toEqual([]);
    await tutti.gate.reset({ tool: "ask" });
    expect(await limits()).toEqual(rate(5));
    expect((await tutti.gate.show()).disagreements).toMatchObject([{ holds: "strictest" }]);
  });

  test("or a newer version does, as a whole, as long as it lives", async ({
    fleet: { work, limits, tutti },
  }) => {
    await work(registryOf("limits: { concurrency: 2, rate: { max: 5, durationMs: 1000 } }", "1.9"));
    const newer = await work(registryOf(RATE_500, "1.10"));
    // The concurrency of the older one is not mixed in.
    expect(await limits()).toEqual(rate(500));
    expect((await tutti.gate.show()).disagreements).toMatchObject([
      { holds: "newest", says: [{ version: "1.10" }, { version: "1.9" }] },
    ]);
    expect(newer.told).toEqual([]);
    // Back to the older: when the last of the newer ones has gone, it holds again.
    await newer.worker.close();
    expect(await limits()).toMatchObject({ concurrency: 2, rates: rate(5).rates });
    // Without a version it is older than any.
    const without = await work(registryOf("limits: { concurrency: 1 }"));
    expect(await limits()).toMatchObject({ concurrency: 2 });
    expect(without.told).toEqual([]);
  });

  test("of budgets that tools share too, and a call takes no more than there is", async ({
    fleet: { work, tutti },
  }) => {
    await work(registryOf("budgets: { gpu: 4 }", undefined, "{ gpu: { slots: 8 } }"));
    const b = await work(registryOf("budgets: { gpu: 1 }", undefined, "{ gpu: { slots: 2 } }"));
    const { budgets, tools, disagreements } = await tutti.gate.show();
    expect(budgets.find(({ budget }) => budget === "gpu")?.slots?.capacity).toBe(2);
    expect(tools[0]!.budgets).toEqual({ gpu: { slots: 2, cost: 4 } });
    expect(disagreements.map(({ of, name }) => [of, name])).toEqual([
      ["budget", "gpu"],
      ["tool", "ask"],
    ]);
    const { runId } = await tutti.submit({ tutti: 1, id: "wf", steps: [{ id: "a", tool: "ask" }] });
    expect((await tutti.result(runId, { timeoutMs: 30_000 })).state).toBe("completed");
    await b.worker.close();
    const after = await tutti.gate.show();
    expect(after.budgets.find(({ budget }) => budget === "gpu")?.slots?.capacity).toBe(8);
    expect(after.tools[0]!.budgets).toEqual({ gpu: { slots: 4, cost: 4 } });
  });
});

test("a catalogue that changes while its worker lives is declared anew", async ({
  fleet: { work, limits },
}) => {
  const registry = registryOf(RATE_5);
  await work(registry);
  expect(await limits()).toEqual(rate(5));
  for (const entry of registryOf(RATE_500).list()) registry.replace(entry);
  await eventually(async () => expect(await limits()).toEqual(rate(500)), { timeoutMs: 30_000 });
});

test("a disagreement is told by /ready and by the doctor", async ({
  fleet: { work, tutti },
  redisUrl,
  prefix,
}) => {
  const a = await work(registryOf(RATE_5));
  const b = await work(registryOf(RATE_500));
  const { sentence } = (await tutti.gate.show()).disagreements[0]!;
  for (const { worker } of [a, b]) expect(sentence).toContain(worker.id);
  const server = await startServer({
    tutti,
    registry: tutti.registry,
    config: { host: "127.0.0.1", port: 0 },
  });
  const ready = async () => {
    const response = await fetch(`${server.url}/ready`);
    return [response.status, ((await response.json()) as { warnings?: string[] }).warnings];
  };
  const checked = async () => {
    const config = { ...loadConfig(undefined, {}), redisUrl, prefix };
    const checks = await doctor(() => config, { catalogue: () => ({ tools: [] }) });
    return checks.find(({ id }) => id === "workers_agree");
  };
  try {
    expect(await ready()).toEqual([200, [sentence]]);
    expect(await checked()).toMatchObject({ ok: null, detail: sentence });
    await b.worker.close();
    expect(await ready()).toEqual([200, undefined]);
    expect(await checked()).toMatchObject({ ok: true });
  } finally {
    await server.close();
  }
});

describe("a worker that is heard of no more", () => {
  const declared = (max: number) => ({
    tools: { ask: takes({}, [[ownBudget("ask"), 1, 1]]) },
    budgets: { [ownBudget("ask")]: { rates: [[max, 1_000] as const] } },
  });
  const rates = async (gate: Gate) => (await gate.show()).budgets.get(ownBudget("ask"))?.rates;

  test("takes its limits along when it was killed", async ({ gated }) => {
    const killed = await gated.process("a", declared(5), { leaseMs: 600 });
    await gated.process("b", declared(500), { leaseMs: 600 });
    expect(await rates(gated.gate)).toEqual([[5, 1_000]]);
    killed.vanish();
    await eventually(async () => expect(await rates(gated.gate)).toEqual([[500, 1_000]]), {
      timeoutMs: 30_000,
    });
  });
});

describe("a step is checked by the catalogue that its run was submitted with", () => {
  const schema = (required: string, more = "") =>
    `input: { type: object, required: [${required}], properties: { ${required}: { type: string${more} } } }`;
  const steps = [{ id: "a", tool: "ask", with: { old: "x" } }];

  test("whatever that of its worker says", async ({ fleet: { work }, redisUrl, prefix }) => {
    const submitted = `${schema("old")}, output: { type: object }, effect: read, timeoutMs: 5000`;
    await using tutti = new Tutti({ redisUrl, prefix, registry: registryOf(submitted) });
    const handler = vi.fn<ToolHandler>(() => ({ done: true }));
    const other = `${schema("fresh")}, output: { type: string }, effect: write, timeoutMs: 1000`;
    const { told } = await work(registryOf(other), handler);
    for (const runId of ["r1", "r2"]) {
      await tutti.submit({ tutti: 1, id: "wf", steps }, { runId });
      const run = await tutti.result(runId, { timeoutMs: 30_000 });
      expect(run.steps["a"]).toMatchObject({ state: "completed", output: { done: true } });
    }
    expect(handler.mock.calls.map(([input]) => input)).toEqual([{ old: "x" }, { old: "x" }]);
    // Told once, not with each call.
    const differences = told.filter((line) => line.includes("another declaration of ask"));
    expect(differences).toEqual([expect.stringContaining("(input, output, effect)")]);
  });

  test("also where its worker's would let more through, and its defaults are filled in", async ({
    fleet: { work },
    redisUrl,
    prefix,
  }) => {
    const submitted = `input: { type: object, properties: { n: { type: integer, default: 7 } } }, output: { type: integer }`;
    await using tutti = new Tutti({ redisUrl, prefix, registry: registryOf(submitted) });
    const handler = vi.fn<ToolHandler>(() => "no integer");
    await work(registryOf(""), handler);
    await tutti.submit(
      {
        tutti: 1,
        id: "wf",
        steps: [
          { id: "wrong", tool: "ask", with: { n: "${{ input.n }}" }, retry: { maxAttempts: 1 } },
          { id: "fine", tool: "ask", retry: { maxAttempts: 1 } },
        ],
      },
      { runId: "r", input: { n: "text" } },
    );
    const { steps: ended } = await tutti.result("r", { timeoutMs: 30_000 });
    expect(ended["wrong"]?.error?.code).toBe("input_invalid");
    expect(ended["fine"]?.error?.code).toBe("tool_output_invalid");
    expect(handler.mock.calls.map(([input]) => input)).toEqual([{ n: 7 }]);
  });
});
