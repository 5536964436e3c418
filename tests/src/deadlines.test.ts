import { expect, test } from "vitest";

import { withDeadlines, type Deadlines } from "../../src/deadlines.ts";

class Door {
  readonly #parts = { answer: 7 };

  /** Needs no Redis. */
  add(one: number): number {
    return one + this.#parts.answer;
  }

  async read(): Promise<number> {
    return this.#parts.answer;
  }

  async readTwice(): Promise<number> {
    return (await this.read()) + (await this.read());
  }

  async write(): Promise<void> {
    throw new RangeError("not today");
  }
}

/** A door, and what was done under which deadline. */
function held() {
  const seen: string[] = [];
  const deadlines: Deadlines = {
    soon(work) {
      seen.push("soon");
      return work;
    },
    kept(work) {
      seen.push("kept");
      return work();
    },
  };
  const rules = { read: "soon", readTwice: "soon", write: "kept" } as const;
  return { door: withDeadlines(new Door(), deadlines, rules), seen };
}

test("each method is held once, by its rule, and stays what it was", async () => {
  const { door, seen } = held();
  expect(await door.read()).toBe(7);
  expect(seen).toEqual(["soon"]);
  expect(await door.readTwice()).toBe(14);
  expect(seen).toEqual(["soon", "soon"]);
  await expect(door.write()).rejects.toThrow(new RangeError("not today"));
  expect(seen).toEqual(["soon", "soon", "kept"]);
  expect(door).toBeInstanceOf(Door);
});

test("a method that needs no Redis answers at once", () => {
  const { door, seen } = held();
  expect(door.add(1)).toBe(8);
  expect(seen).toEqual([]);
});

test("a method without a rule is an error of types", () => {
  const { door } = held();
  const deadlines: Deadlines = { soon: (work) => work, kept: (work) => work() };
  // @ts-expect-error -- `write` is missing
  expect(withDeadlines(door, deadlines, { read: "soon", readTwice: "soon" })).toBeDefined();
});
