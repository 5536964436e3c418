import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  checkPlainData,
  checkPlainDataInTurns,
  copyJson,
  mapJson,
  MAX_VALUE_BYTES,
  parseJsonInSlices,
  readJsonInSlices,
  REFUSED_VALUE_KEYS,
  writeJson,
  type Json,
} from "../../../config/index.ts";
import { Redactor } from "../../../processors/tools/calling/secrets.ts";

const LONG = 300_000;

/** Values of every shape that is long in another way. */
const LARGE: Readonly<Record<string, Json>> = {
  "a text": "x".repeat(LONG),
  "a text of pairs": `a${"\u{1f3bc}".repeat(LONG)}`,
  "a text with half characters": "\ud83c\udfbc\ud83c".repeat(LONG),
  "a text that is escaped": '"\\\n\u0001\u2028'.repeat(LONG / 4),
  numbers: Array.from({ length: LONG }, (_, index) => index / 3),
  "empty lists": Array.from({ length: LONG }, () => []),
  rows: Array.from({ length: 20_000 }, (_, id) => ({
    id,
    name: `n${id}`,
    tags: ["a", null, true],
  })),
  fields: Object.fromEntries(
    Array.from({ length: 50_000 }, (_, index) => [`k${index}`, { index }]),
  ),
  "long keys": { ["k".repeat(LONG)]: 1, constructor: { prototype: [] } },
  "small and large in turn": [
    1,
    "x".repeat(LONG),
    [],
    {},
    ["y".repeat(LONG)],
    { z: "z".repeat(LONG) },
    2,
  ],
  deep: Array.from({ length: 60 }).reduce<Json>((inner) => [1, inner, "x".repeat(9_000)], {}),
};

describe.each(Object.entries(LARGE))("%s", (_name, value) => {
  const text = JSON.stringify(value);

  test("is written as JSON.stringify does", async () => {
    expect((await writeJson(value)) === text).toBe(true);
  });

  test("is read as JSON.parse does", async () => {
    expect(JSON.stringify(await readJsonInSlices(text)) === text).toBe(true);
    if (_name !== "a text with half characters")
      expect(JSON.stringify(await parseJsonInSlices(text, "input_invalid")) === text).toBe(true);
  });

  test("is copied", async () => {
    const copy = await copyJson(value);
    expect(JSON.stringify(copy) === text).toBe(true);
    if (typeof value === "object") expect(copy).not.toBe(value);
  });

  test("is checked with the same result", async () => {
    for (const max of [MAX_VALUE_BYTES, 1_000])
      expect(await checkPlainDataInTurns(value, max, REFUSED_VALUE_KEYS)).toEqual(
        checkPlainData(value, max, REFUSED_VALUE_KEYS),
      );
  });

  test("loses the same secrets", async () => {
    const redactor = new Redactor();
    redactor.add("TOKEN", "xxxxxxxxxxxxxxxx");
    redactor.add("OTHER", "n19999");
    const [whole, parts] = [await redactor.wholeValue(value), redactor.value(value)];
    expect(JSON.stringify(whole) === JSON.stringify(parts)).toBe(true);
  });
});

test("any value is written and copied as it is", async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue({ maxDepth: 6 }), async (one) => {
      const value = JSON.parse(JSON.stringify(one)) as Json;
      const around: Json = [value, "x".repeat(LONG), value, { value }];
      expect((await writeJson(around)) === JSON.stringify(around)).toBe(true);
      expect(await copyJson(value)).toEqual(value);
    }),
    { numRuns: 50 },
  );
});

test("problems are found at the same places, however long the value is", async () => {
  const cycle: unknown[] = [];
  cycle.push([cycle]);
  const strange: readonly unknown[] = [
    cycle,
    [1, undefined, Number.NaN, 2n, () => 1, new Date(), { a: { ["__proto__"]: 1 } }],
    {
      [Symbol("s")]: 1,
      get getter() {
        return 1;
      },
      ["__proto__" as string]: 2,
    },
    JSON.parse('{"__proto__": {"a": 1}, "b": [{"__proto__": 1}]}'),
    Array.from({ length: 200 }, () => Number.NaN),
    Array.from({ length: 110 }).reduce((inner) => [inner], 1),
    new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error("no");
        },
      },
    ),
    [
      new Proxy(
        { a: 1 },
        {
          getOwnPropertyDescriptor: () => {
            throw new Error("no");
          },
        },
      ),
    ],
  ];
  for (const value of strange) {
    const [small, large] = [[value], ["x".repeat(LONG), value]];
    const issues = checkPlainData(small, MAX_VALUE_BYTES, REFUSED_VALUE_KEYS);
    expect(issues).not.toEqual([]);
    const same = await checkPlainDataInTurns(large, MAX_VALUE_BYTES, REFUSED_VALUE_KEYS);
    const inLarge = ({ path, ...issue }: (typeof issues)[number]) => ({
      ...issue,
      path: path.length === 0 ? path : [1, ...path.slice(1)],
    });
    expect(same).toEqual(issues.map(inLarge));
  }
});

test("what is long is worked on a part at a time: others have their turns meanwhile", async () => {
  const value = Array.from({ length: 120_000 }, (_, id) => ({ id, name: `name ${id}`, ok: true }));
  const text = JSON.stringify(value);
  const redactor = new Redactor();
  redactor.add("TOKEN", "a secret that is nowhere");
  const works: Readonly<Record<string, () => Promise<unknown>>> = {
    writeJson: () => writeJson(value),
    copyJson: () => copyJson(value),
    checkPlainDataInTurns: () => checkPlainDataInTurns(value, MAX_VALUE_BYTES, REFUSED_VALUE_KEYS),
    parseJsonInSlices: () => parseJsonInSlices(text, "input_invalid"),
    readJsonInSlices: () => readJsonInSlices(text),
    wholeValue: () => redactor.wholeValue(value),
    mapJson: () =>
      mapJson(value, { part: (one) => one, text: () => Promise.resolve(""), key: (one) => one }),
  };
  for (const [name, work] of Object.entries(works)) {
    let turns = 0;
    const over = new AbortController();
    const others = (async () => {
      while (!over.signal.aborted) {
        await new Promise(setImmediate);
        turns++;
      }
    })();
    await work();
    over.abort();
    await others;
    if (name !== "mapJson") expect(turns, name).toBeGreaterThan(1);
  }
});
