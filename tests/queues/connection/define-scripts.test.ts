import { Redis } from "ioredis";
import { expect, expectTypeOf, onTestFinished } from "vitest";

import { defineScripts, script } from "../../../queues/connection/index.ts";
import { test } from "../../support/runner/redis.ts";
import { FaultProxy } from "../../support/servers/fault-proxy.ts";

const SCRIPTS = {
  add: script<[sum: string, by: number], number>(
    "tuttiTestAdd",
    "return redis.call('INCRBY', KEYS[1], ARGV[1])",
    { keys: 1 },
  ),
  addOnce: script<[sum: string, by: number], number>(
    "tuttiTestAddOnce",
    "return redis.call('INCRBY', KEYS[1], ARGV[1])",
    { keys: 1, once: true },
  ),
  count: script<[keyCount: number, ...keysAndArgs: string[]], [keys: number, args: number]>(
    "tuttiTestCount",
    "return { #KEYS, #ARGV }",
    { keys: "counted", once: true },
  ),
};

test("a script takes its keys and arguments, and answers", async ({ redis, prefix }) => {
  const scripts = defineScripts(redis, prefix, SCRIPTS);
  expect(await scripts.add(`${prefix}.sum`, 2)).toBe(2);
  expect(await scripts.addOnce(`${prefix}.sum`, 3)).toBe(5);
  expectTypeOf(scripts.add).parameters.toEqualTypeOf<[sum: string, by: number]>();
  expectTypeOf(scripts.add).returns.toEqualTypeOf<Promise<number>>();
});

test("one whose keys are counted has those and no others", async ({ redis, prefix }) => {
  const { count } = defineScripts(redis, prefix, SCRIPTS);
  expect(await count(2, `${prefix}.a`, `${prefix}.b`, "x")).toEqual([2, 1]);
});

test("one that does its work once does it once when its call is sent twice", async ({
  redis,
  redisUrl,
  prefix,
}) => {
  await using proxy = await FaultProxy.open(redisUrl, Math.random);
  const connection = new Redis(proxy.url, { maxRetriesPerRequest: null });
  connection.on("error", () => {});
  onTestFinished(() => connection.disconnect());
  const { addOnce } = defineScripts(connection, prefix, SCRIPTS);
  // With its connection: ioredis sends the call again on the next one.
  proxy.swallowAnswerTo((request) => request.includes(`${prefix}.sum`));
  expect(await addOnce(`${prefix}.sum`, 3)).toBe(3);
  expect(proxy.done.swallowed).toBe(1);
  expect(await redis.get(`${prefix}.sum`)).toBe("3");
  // Another call is another one.
  expect(await addOnce(`${prefix}.sum`, 3)).toBe(6);
});

test("a script that Redis has lost is sent again", async ({ redis, prefix }) => {
  const { add } = defineScripts(redis, prefix, {
    add: script<[sum: string, by: number], number>(
      "tuttiTestLost",
      `return redis.call('INCRBY', KEYS[1], ARGV[1]) -- ${prefix}`,
      { keys: 1 },
    ),
  });
  // Redis has not seen this text, as if it had lost it.
  expect(await add(`${prefix}.sum`, 2)).toBe(2);
});

test("another text of the same name is refused, the same text is not", ({ redis, prefix }) => {
  defineScripts(redis, prefix, SCRIPTS);
  defineScripts(redis, prefix, SCRIPTS);
  expect(() =>
    defineScripts(redis, prefix, {
      add: script<[sum: string], number>("tuttiTestAdd", "return 1", { keys: 1 }),
    }),
  ).toThrow("there are two scripts tuttiTestAdd");
});

test("a script without a key is refused: a cluster could send it to any node", () => {
  expect(() => script<[], number>("tuttiTestNone", "return 1", { keys: 0 })).toThrow(
    "expected tuttiTestNone to have a key",
  );
});
