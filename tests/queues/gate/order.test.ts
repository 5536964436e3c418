import * as fc from "fast-check";
import { expect } from "vitest";

import { Gate, Keys } from "../../../queues/index.ts";
import { takes } from "../../support/gate/gated.ts";
import { test } from "../../support/runner/redis.ts";

const CALLER = { machine: "m", process: "p" };

/** A tool that waits: what its call needs, and its place in the order. */
const waiting = fc.record({
  cpu: fc.integer({ min: 1, max: 100 }),
  memory: fc.integer({ min: 0, max: 100 }),
  slots: fc.integer({ min: 0, max: 3 }),
  /** All of one tenant: its classes, and its runs in them. */
  priority: fc.integer({ min: 16, max: 16 + 11 * 190 - 1 }),
  addedAt: fc.integer({ min: 1, max: 1_000_000 }),
});

test("what is given back goes to who waits in fair order, and to nobody whom it does not fit", async ({
  redis,
  prefix,
}) => {
  let round = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(waiting, { minLength: 1, maxLength: 12, selector: ({ addedAt }) => addedAt }),
      async (tools) => {
        const own = `${prefix}${round++}`;
        const gate = new Gate(redis, new Keys(own));
        const ids = tools.map((_, index) => `t${index}`);
        await gate.register(CALLER, 1e9, { "*": 1_000_000 });
        const limits = tools.map(({ cpu, memory, slots }) =>
          takes({ cpu: cpu / 100, memory: memory / 100 }, slots === 0 ? [] : [["gpu", slots, 0]]),
        );
        await gate.configure({
          tools: {
            blocker: { declared: takes({ cpu: 1, memory: 1 }, [["gpu", 3, 0]]) },
            ...Object.fromEntries(ids.map((id, index) => [id, { declared: limits[index]! }])),
          },
          budgets: { gpu: { declared: { slots: 3 } } },
        });
        await redis.lpush(`${own}:blocker:wait`, "job");
        await redis.hset(`${own}:blocker:job`, { timestamp: 1, data: "{}" });
        for (const [index, { priority, addedAt }] of tools.entries()) {
          await redis.zadd(`${own}:t${index}:prioritized`, priority * 2 ** 32, "job");
          await redis.hset(`${own}:t${index}:job`, { timestamp: addedAt, priority, data: "{}" });
        }
        const blocker = await gate.acquire("blocker", CALLER);
        if (blocker.status !== "granted") throw new Error(blocker.status);
        for (const id of ids) {
          const refused = await gate.acquire(id, CALLER);
          expect(refused.status).toBe("refused");
        }
        await gate.release(blocker.permit, { class: "ok" });

        const order = ids.toSorted((a, b) => {
          const [one, other] = [tools[ids.indexOf(a)]!, tools[ids.indexOf(b)]!];
          return one.priority - other.priority || one.addedAt - other.addedAt;
        });
        const expected: string[] = [];
        const held = { cpu: 0, memory: 0, slots: 0 };
        let budgetIsKept = false;
        for (const id of order) {
          const { cpu, memory, slots } = tools[ids.indexOf(id)]!;
          const alone = expected.length === 0;
          const machineFits = alone || (held.cpu + cpu <= 100 && held.memory + memory <= 100);
          const budgetFits = slots === 0 || (held.slots + slots <= 3 && !budgetIsKept);
          if (machineFits && budgetFits) {
            expected.push(id);
            held.cpu += cpu;
            held.memory += memory;
            held.slots += slots;
          } else if (machineFits && slots > 0) {
            // Nobody behind it may take the budget that nothing else keeps it from.
            budgetIsKept = true;
          }
        }
        const offered = await redis.hkeys(`${own}.gate.offered:p`);
        expect(offered.toSorted()).toEqual(expected.toSorted());
      },
    ),
    { numRuns: 150 },
  );
});
