import { describe, expect, test } from "vitest";

import { arrowsOf, type GraphSource } from "../../../../src/workflow/graph/graph.ts";
import {
  GRAPHVIZ_MAX_ARROWS,
  GRAPHVIZ_MAX_STEPS,
  isLarge,
  toLayeredSvg,
} from "../../../../src/workflow/graph/large-graph.ts";
import { parseXml, type XmlElement } from "./xml.ts";

type Step = GraphSource["steps"][number];

const graph = (
  count: number,
  needs: (index: number) => readonly number[],
  more: (index: number) => Partial<Step> = () => ({}),
): GraphSource => ({
  workflow: { id: "large", name: "A large one" },
  steps: Array.from({ length: count }, (_, index) => ({
    id: `s${index}`,
    tool: "core.echo",
    dependencies: needs(index).map((one) => `s${one}`),
    forEach: false,
    ...more(index),
  })),
  criticalPath: { steps: ["s0", "s1"] },
});

const SHAPES: Readonly<Record<string, GraphSource>> = {
  "a chain": graph(400, (index) => (index === 0 ? [] : [index - 1])),
  "a fan of one level": graph(500, (index) => (index === 0 ? [] : [0])),
  "no arrows at all": graph(401, () => []),
  "levels that are crossed": graph(600, (index) =>
    index < 20 ? [] : [index - 20, (index * 7) % (index - (index % 20))],
  ),
  "names of every length": graph(
    310,
    (index) => (index < 10 ? [] : [index - 10]),
    (index) => ({ id: `s${index}`, tool: `t.${"x".repeat(index % 90)}` }),
  ),
};

const numbers = (rect: XmlElement): Record<"x" | "y" | "width" | "height", number> => ({
  x: Number(rect.attributes["x"]),
  y: Number(rect.attributes["y"]),
  width: Number(rect.attributes["width"]),
  height: Number(rect.attributes["height"]),
});
const classesOf = ({ attributes }: XmlElement): string[] => (attributes["class"] ?? "").split(" ");

describe.each(Object.entries(SHAPES))("%s", (_name, source) => {
  const elements = parseXml(toLayeredSvg(source));
  const groups = (name: string): XmlElement[] =>
    elements.filter((one) => one.name === "g" && classesOf(one).includes(name));
  const inside = (parent: XmlElement, name: string): XmlElement[] =>
    elements.filter((one) => one.parent === parent && one.name === name);

  test("has every step with its names, and every arrow", () => {
    const nodes = groups("node");
    expect(nodes.map(({ attributes }) => attributes["id"])).toEqual(
      source.steps.map(({ id }) => `step-${id}`),
    );
    for (const [index, node] of nodes.slice(0, 40).entries()) {
      const { id, tool } = source.steps[index]!;
      expect(inside(node, "title").map(({ text }) => text)).toEqual([`${id}: ${tool}`]);
      const [first, second] = inside(node, "text").map(({ text }) => text);
      expect(first).toBe(id);
      expect(second === tool || (second!.includes("…") && second!.length <= 32)).toBe(true);
    }
    const titles = elements.filter(
      ({ name, parent }) =>
        name === "title" && parent !== null && classesOf(parent).includes("edge"),
    );
    expect(titles.map(({ text }) => text).toSorted()).toEqual(
      arrowsOf(source)
        .map(({ from, to }) => `s${from} -&gt; s${to}`)
        .toSorted(),
    );
  });

  test("nothing lies on something else, all inside the picture, arrows lead down", () => {
    const [svg] = elements;
    const size = numbers(svg!);
    const rows = new Map<number, number[]>();
    for (const rect of elements.filter(
      ({ name, parent }) =>
        name === "rect" && parent !== null && classesOf(parent).includes("node"),
    )) {
      const { x, y, width, height } = numbers(rect);
      expect(x >= 0 && y >= 0 && x + width <= size.width && y + height <= size.height).toBe(true);
      rows.set(y, [...(rows.get(y) ?? []), x]);
      expect(height).toBe(36);
    }
    for (const xs of rows.values()) {
      expect(xs.length).toBeLessThanOrEqual(40);
      const sorted = xs.toSorted((a, b) => a - b);
      for (const [index, x] of sorted.entries())
        if (index > 0) expect(x - sorted[index - 1]!).toBeGreaterThan(60);
    }
    const ys = [...rows.keys()].toSorted((a, b) => a - b);
    for (const [index, y] of ys.entries())
      if (index > 0) expect(y - ys[index - 1]!).toBeGreaterThanOrEqual(48);
    for (const { attributes } of elements.filter(
      ({ name, parent }) =>
        name === "path" && parent !== null && classesOf(parent).includes("edge"),
    )) {
      const [, from, to] = /^M[\d.]+ ([\d.]+)C.* ([\d.]+)$/.exec(attributes["d"]!)!;
      expect(Number(to)).toBeGreaterThan(Number(from));
    }
  });
});

test("marks what a small picture marks: the critical path, forEach, conditions, levels", () => {
  const source = graph(
    310,
    (index) => (index === 0 ? [] : [index - 1]),
    (index) => ({ forEach: index === 1, ...(index === 2 ? { when: "true" } : {}) }),
  );
  const elements = parseXml(toLayeredSvg(source));
  const node = (id: string) =>
    elements.find(({ attributes }) => attributes["id"] === `step-${id}`)!;
  const rects = (id: string) =>
    elements.filter(({ name, parent }) => name === "rect" && parent === node(id));
  expect(classesOf(node("s0"))).toEqual(["node", "critical"]);
  expect(classesOf(node("s2"))).toEqual(["node", "conditional"]);
  expect([rects("s0").length, rects("s1").length]).toEqual([1, 2]);
  const bold = elements.filter((one) => classesOf(one).join(" ") === "edge critical");
  expect(bold).toHaveLength(1);
  expect(elements.filter((one) => classesOf(one).includes("level"))).toHaveLength(310);
});

test("text that means something to XML, or that it does not have, stays text", () => {
  const source = {
    ...graph(
      1,
      () => [],
      () => ({ tool: '<b>&"\u0000\uD800' }),
    ),
    workflow: { id: "w", name: 'a "b" <c> & \u0007\uFFFE \u{1F600}' },
  };
  const elements = parseXml(toLayeredSvg(source));
  expect(elements.find(({ name }) => name === "title")?.text).toBe(
    "a &quot;b&quot; &lt;c&gt; &amp; \uFFFD\uFFFD \u{1F600}",
  );
  expect(elements.filter((one) => classesOf(one).includes("node"))).toHaveLength(1);
});

test("is for graphs above some hundred steps, or with very many arrows", () => {
  expect(isLarge(graph(GRAPHVIZ_MAX_STEPS, () => []))).toBe(false);
  expect(isLarge(graph(GRAPHVIZ_MAX_STEPS + 1, () => []))).toBe(true);
  const dense = (count: number) =>
    graph(count, (index) => Array.from({ length: index }, (_, one) => one));
  const count = Math.ceil(Math.sqrt(2 * GRAPHVIZ_MAX_ARROWS)) + 1;
  expect(isLarge(dense(count))).toBe(true);
  expect(isLarge(dense(count - 5))).toBe(false);
});

test("its work grows with the steps and arrows, and no faster", () => {
  const work = (count: number): { readonly reads: number; readonly chars: number } => {
    let reads = 0;
    const source = graph(count, (index) => (index < 30 ? [] : [index - 30, index - 17]));
    const steps = source.steps.map(
      (step) =>
        new Proxy(step, {
          get: (target, key) => {
            reads++;
            return Reflect.get(target, key) as unknown;
          },
        }),
    );
    const chars = toLayeredSvg({ ...source, steps }).length;
    return { reads, chars };
  };
  const small = work(1_000);
  const large = work(10_000);
  expect(large.reads / small.reads).toBeLessThan(10.5);
  expect(large.chars / small.chars).toBeLessThan(12);
});
