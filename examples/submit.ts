// A service that submits a workflow and waits for its end. It runs no step itself: that is what
// examples/worker.ts does, in as many processes as you like.
//
//   npx tsx examples/submit.ts
import { fileURLToPath } from "node:url";

import { loadCatalogue, loadConfig, openRedis, Tutti } from "tutti";

const order = {
  tutti: 1,
  id: "order",
  steps: [
    {
      id: "prices",
      tool: "shop.price",
      forEach: "${{ input.basket }}",
      with: { item: "${{ item.name }}", pieces: "${{ item.pieces }}" },
    },
    {
      id: "total",
      tool: "data.group",
      with: { rows: "${{ steps.prices.output }}", by: "order", sum: ["cents"] },
    },
  ],
  output: { cents: "${{ int(steps.total.output.groups[0].sums.cents) }}" },
};

const config = loadConfig();
const redis = await openRedis(config);
const tutti = new Tutti({
  redisUrl: redis.url,
  prefix: config.prefix,
  registry: loadCatalogue({ files: [fileURLToPath(new URL("shop.yaml", import.meta.url))] }),
});
try {
  for (const names of [
    ["apple", "pear"],
    ["pear", "plum"],
  ]) {
    const basket = names.map((name) => ({ name, pieces: 2 }));
    const { runId } = await tutti.submit(order, { input: { basket } });
    const run = await tutti.result(runId, { timeoutMs: 60_000 });
    const why = run.error === undefined ? "" : ` (${run.error.message})`;
    process.stdout.write(`${names.join(", ")}: ${run.state} ${JSON.stringify(run.output)}${why}\n`);
  }
} finally {
  await tutti.close();
  await redis.close();
}
