// One worker process of the gate's bench. argv: its orders as JSON; stops when its parent says so.
import { setTimeout as pause } from "node:timers/promises";

import type { Job } from "bullmq";

import { openPatient } from "../../queues/client.ts";
import type { PickedUp, PlayerOrders } from "./fleet.ts";
import { bareServer, gatedServer, type ServerOptions } from "./keeper.ts";
import { Meter } from "./meter.ts";
import { mixedTools, type BenchTool } from "./tools.ts";

const orders = JSON.parse(process.argv[2]!) as PlayerOrders;
const connection = openPatient(orders.redisUrl);
const tools = mixedTools(orders.tools, orders.seed);

const servers = await Promise.all(
  Object.entries(orders.prefixes).map(async ([arm, prefix]) => {
    const options: ServerOptions = { ...orders, connection, prefix, tools };
    const server = arm === "gated" ? await gatedServer(options) : bareServer(options);
    const meter = new Meter(connection, prefix, orders.machine);
    const play = async (tool: BenchTool, { data }: Job<{ readonly addedNs?: string }>) => {
      if (data.addedNs !== undefined) {
        // The monotonic clock is one for all processes of a machine.
        const ms = Number(process.hrtime.bigint() - BigInt(data.addedNs)) / 1_000_000;
        process.send!({ arm, ms } satisfies PickedUp);
      }
      await meter.begin(tool.limits.needs);
      await pause(tool.sleepMs);
      await meter.end(tool.limits.needs);
    };
    const workers = tools.map((tool) => server.serve(tool, (job) => play(tool, job)));
    for (const worker of workers)
      worker.on("error", (error) => process.stderr.write(`${orders.process}: ${error.message}\n`));
    await Promise.all(workers.map((worker) => worker.waitUntilReady()));
    return server;
  }),
);
process.on("message", () => void leave());
// A parent that died says nothing.
process.on("disconnect", () => process.exit());
process.send!("ready");

async function leave(): Promise<void> {
  await Promise.all(servers.map((server) => server.close()));
  connection.disconnect();
  process.disconnect();
}
