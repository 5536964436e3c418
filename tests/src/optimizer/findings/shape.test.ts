import { expect, test } from "vitest";

import { TARGETS } from "../../../../config/index.ts";
import type { RunDefinition } from "../../../../queues/index.ts";
import { shapeOf } from "../../../../src/optimizer/findings/shape.ts";
import { prepare } from "../../../../src/workflow/prepare.ts";
import { gatehouseTools } from "../../../support/gate/gatehouse.ts";

const shape = (...steps: readonly object[]) =>
  shapeOf(prepare({ tutti: 1, id: "w", steps }, gatehouseTools).definition);

test("a tool is called by each of its steps, behind the tools of those before them", () => {
  const { visits, before } = shape(
    { id: "a", tool: "ask" },
    { id: "b", tool: "render", needs: ["a"] },
    { id: "c", tool: "mail", needs: ["b"] },
    { id: "d", tool: "ask", needs: ["c"] },
  );
  expect(visits).toEqual({ ask: 2, render: 1, mail: 1 });
  expect(before).toEqual({ ask: ["mail", "render"], render: ["ask"], mail: ["render", "ask"] });
});

test("a workflow says what its runs aim at", () => {
  const aim = (more: object) =>
    shapeOf(
      prepare({ tutti: 1, id: "w", steps: [{ id: "a", tool: "ask" }], ...more }, gatehouseTools)
        .definition,
    ).target;
  expect(aim({})).toBe("balanced");
  for (const target of TARGETS) expect(aim({ target })).toBe(target);
});

test("what may be skipped or repeated is not known before", () => {
  const { visits } = shape(
    { id: "a", tool: "ask" },
    { id: "b", tool: "ask", when: "${{ input.x }}" },
    { id: "c", tool: "mail", forEach: "${{ input.items }}" },
    { id: "d", tool: "spare", optional: true },
    { id: "e", tool: "plain" },
  );
  expect(visits).toEqual({ ask: null, mail: null, spare: null, plain: 1 });
});

test("steps stand behind those that they need, also in a chain longer than a stack", () => {
  const last = 20_000;
  const steps = Array.from({ length: last + 1 }, (_, index) => [
    `s${last - index}`,
    {
      tool: index === last ? "first" : "ask",
      needs: index === last ? [] : [`s${last - index - 1}`],
    },
  ]);
  const definition = { steps: Object.fromEntries(steps) } as unknown as RunDefinition;
  const ordered = shapeOf(definition).steps;
  expect(ordered[0]).toEqual(["first", []]);
  expect(ordered.slice(1).every(([, needs], index) => needs[0] === index)).toBe(true);
});
