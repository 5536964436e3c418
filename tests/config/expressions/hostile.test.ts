import { describe, expect, it } from "vitest";

import { Budget, compileTemplate, MAX_EXPRESSION_STEPS, type Json } from "../../../config/index.ts";
import { ownSpeed } from "../../support/waiting/speed.ts";

const rows = Array.from({ length: 2_000 }, (_, id) => ({ id }));
const input = { rows, long: "a".repeat(1_000_000), zeros: Array<number>(7_900_000).fill(0) };
const render = (template: Json): Json =>
  compileTemplate(template, "result").render({ input, steps: {}, run: {} });

/** `wrap` put around `inner` many times; $ stands for the inside. */
const nested = (times: number, wrap: string, inner: string): string => {
  let text = inner;
  for (let n = 0; n < times; n++) text = wrap.replace("$", () => text);
  return text;
};
/** v0 = first, v1 = next of v0 ...; the last is what comes out. */
const chain = (times: number, first: string, next: (before: string) => string, last: string) => {
  let text = "";
  for (let n = 0; n < times; n++)
    text += `cel.bind(v${n}, ${n === 0 ? first : next(`v${n - 1}`)}, `;
  return text + last.replaceAll("$", `v${times - 1}`) + ")".repeat(times);
};

const hostile: [string, string][] = [
  ["a join of two lists", "size(input.rows.filter(x, !input.rows.exists(y, y.id == -x.id - 1)))"],
  ["three nested loops", "input.rows.all(x, input.rows.all(y, input.rows.all(z, true)))"],
  ["lists that double", nested(20, "[$].map(a, [a, a])", "[[1, 1]]")],
  ["maps that double", chain(25, "1", (v) => `{'a': ${v}, 'b': ${v}}`, "$")],
  [
    "two that doubled, compared",
    `${chain(22, "1", (v) => `[${v}, ${v}]`, "$")} == ${chain(22, "1", (v) => `[${v}, ${v}]`, "$")}`,
  ],
  ["lists that are put together", chain(25, "[1, 2, 3]", (v) => `${v} + ${v}`, "$.size()")],
  ["texts that are put together", chain(25, "input.long", (v) => `${v} + ${v}`, "$.size()")],
  ["bytes that are put together", chain(25, "bytes(input.long)", (v) => `${v} + ${v}`, "$.size()")],
  ["a search that nearly finds", `input.rows.map(x, input.long.contains('${"a".repeat(60)}b'))`],
  ["a long search", `input.rows.map(x, input.long.indexOf('${"a".repeat(9_000)}b'))`],
  ["a text in a million parts", "input.long.split('a').map(x, x + 'b')"],
  ["texts in lower case", "input.rows.map(x, input.long.lowerAscii())"],
  ["long texts compared", "input.rows.filter(x, input.long < input.long + 'a')"],
  ["a join with a long text", "input.rows.map(x, 'a').join(input.long)"],
  ["the input many times", "input.rows.map(x, input)"],
  ["zones", "input.rows.map(x, input.rows.map(y, timestamp(int(x.id)).getHours('Asia/Tokyo')))"],
  ["errors that are swallowed", "input.rows.exists(x, input.rows.exists(y, y.gone))"],
];

describe("a hostile expression", () => {
  it.each(hostile)("%s ends at its limit and holds nobody up", (_name, source) => {
    const speed = ownSpeed();
    const startedAt = speed.now();
    expect(() => render(`\${{ ${source} }}`)).toThrow(
      expect.objectContaining({
        code: "work_limit_exceeded",
        message: expect.stringMatching(
          /MAX_EXPRESSION_STEPS|MAX_EXPRESSION_BYTES/,
        ) as unknown as string,
      }) as Error,
    );
    expect(speed.now() - startedAt).toBeLessThan(speed.steps(MAX_EXPRESSION_STEPS));
  });

  it("many at once share one limit, also as parts of one text", () => {
    const source = "${{ input.zeros.size() > 0 && input.rows.all(x, input.rows[0].id == 0) }}";
    expect(render([source])).toEqual([true]);
    const limit = expect.objectContaining({ code: "work_limit_exceeded" }) as Error;
    expect(() => render(Array<string>(1_000).fill(source))).toThrow(limit);
    expect(() => render(source.repeat(1_000))).toThrow(limit);
    expect(() => render(Object.fromEntries(rows.map(({ id }) => [id, "${{ input }}"])))).toThrow(
      limit,
    );
    const shared = new Budget();
    const one = compileTemplate(source, "result");
    expect(() => {
      for (let n = 0; n < 1_000; n++) one.render({ input, steps: {}, run: {} }, shared);
    }).toThrow(limit);
  });

  it("what an ordinary one does is far from the limit", () => {
    expect(render("${{ input.rows.filter(x, x.id % 2 == 0).map(x, x.id * 2).size() }}")).toBe(
      1_000,
    );
    expect(render("${{ input.zeros }}")).toBe(input.zeros);
    expect(
      render("${{ input.rows.map(x, {'id': x.id, 'name': 'n' + string(x.id)}) }}"),
    ).toHaveLength(2_000);
  });
});
