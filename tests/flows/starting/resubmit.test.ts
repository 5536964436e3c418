import { describe, expect } from "vitest";

import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const DIAMOND = workflow([
  { id: "a" },
  { id: "b", needs: ["a"] },
  { id: "c", needs: ["a"] },
  { id: "d", needs: ["b", "c"] },
]);

describe("the same run id again", () => {
  test("before, during and after the run: nothing runs twice", async ({
    orchestra: { tutti, work },
  }) => {
    const gate = new Turnstile();
    const again = () => tutti.submit(DIAMOND, { runId: "r" });
    expect(await again()).toEqual({ runId: "r", created: true });
    expect(await again()).toEqual({ runId: "r", created: false });
    await work({
      probe: async (_input, { stepId, signal }) => {
        await gate.pass(stepId, signal);
        expect((await again()).created).toBe(false);
        return null;
      },
    });
    await gate.holds(1);
    expect((await again()).created).toBe(false);
    gate.open();
    expect((await tutti.result("r")).state).toBe("completed");
    expect((await again()).created).toBe(false);
    expect((await tutti.get("r")).state).toBe("completed");
    expect(gate.came.toSorted()).toEqual(["a", "b", "c", "d"]);
  });

  test("ten times at once: one run", async ({ orchestra: { tutti, work } }) => {
    const calls: string[] = [];
    await work({ probe: (_input, { stepId }) => calls.push(stepId) });
    const all = await Promise.all(
      Array.from({ length: 10 }, () => tutti.submit(DIAMOND, { runId: "r" })),
    );
    expect(all.filter(({ created }) => created)).toHaveLength(1);
    expect((await tutti.result("r")).state).toBe("completed");
    expect(calls.toSorted()).toEqual(["a", "b", "c", "d"]);
  });

  test(
    "while a large tree is being added: one run",
    { timeout: 60_000 },
    async ({ orchestra: { tutti, work } }) => {
      const calls: string[] = [];
      await work({ probe: (_input, { stepId }) => calls.push(stepId) });
      const wide = tutti.prepare(
        workflow([
          ...Array.from({ length: 1_200 }, (_, n) => ({ id: `s${n}` })),
          { id: "end", needs: Array.from({ length: 1_200 }, (_, n) => `s${n}`) },
        ]),
      );
      await Promise.all(Array.from({ length: 4 }, () => tutti.submit(wide, { runId: "r" })));
      expect((await tutti.result("r", { timeoutMs: 30_000 })).state).toBe("completed");
      expect(calls).toHaveLength(1_201);
      expect(new Set(calls).size).toBe(1_201);
    },
  );

  test("with another workflow or input is run_conflict, and changes nothing", async ({
    orchestra: { tutti, work },
  }) => {
    const large = { text: "a".repeat(300_000) };
    const echo = workflow([{ id: "a", with: { text: "${{ input.text }}" } }]);
    await tutti.submit(echo, { runId: "r", input: large });
    for (const [document, input] of [
      [echo, { text: "b".repeat(300_000) }],
      [echo, {}],
      [DIAMOND, large],
    ] as const) {
      await expect(tutti.submit(document, { runId: "r", input })).rejects.toMatchObject({
        code: "run_conflict",
      });
    }
    await work({ probe: ({ text }) => text ?? null });
    expect((await tutti.result("r")).steps["a"]?.output).toBe(large.text);
  });

  test("with the same input in another order is the same run", async ({ orchestra: { tutti } }) => {
    await tutti.submit(DIAMOND, { runId: "r", input: { a: 1, b: { c: 2, d: [3] } } });
    const again = await tutti.submit(DIAMOND, { runId: "r", input: { b: { d: [3], c: 2 }, a: 1 } });
    expect(again.created).toBe(false);
  });

  test("of a run that was cancelled stays cancelled", async ({ orchestra: { tutti, work } }) => {
    const calls: string[] = [];
    await tutti.submit(DIAMOND, { runId: "r" });
    await tutti.cancel("r");
    expect((await tutti.submit(DIAMOND, { runId: "r" })).created).toBe(false);
    await work({ probe: (_input, { stepId }) => calls.push(stepId) });
    const other = await tutti.submit(DIAMOND, { runId: "other" });
    await tutti.result(other.runId);
    await eventually(async () => expect((await tutti.get("r")).state).toBe("cancelled"));
    expect(calls).toHaveLength(4);
  });
});
