import { instance } from "@viz-js/viz";
import { expect, test } from "vitest";

import { type GraphSource, toDot, toMermaid } from "../../../../src/workflow/graph/graph.ts";

const step = (id: string, dependencies: string[] = [], more: object = {}) => ({
  id,
  tool: "core.echo",
  dependencies,
  forEach: false,
  ...more,
});

const diamond: GraphSource = {
  workflow: { id: "diamond", name: "Diamond" },
  steps: [
    step("a"),
    step("b", ["a"], { forEach: true }),
    step("c", ["a"], { when: "true" }),
    step("end", ["b", "c"]),
  ],
  criticalPath: { steps: ["a", "b", "end"] },
};

test("DOT names every step and dependency, marks forEach, conditions and the critical path", () => {
  expect(toDot(diamond)).toBe(`digraph "diamond" {
  label="Diamond" labelloc=t fontname="sans-serif" rankdir=TB
  node [shape=box style=rounded fontname="sans-serif" fontsize=11]
  edge [arrowsize=0.7]
  "a" [id="step-a" label="a\\ncore.echo" penwidth=2.5 class="critical"]
  "b" [id="step-b" label="b\\ncore.echo" peripheries=2 penwidth=2.5 class="critical"]
  "c" [id="step-c" label="c\\ncore.echo" style="rounded,dashed"]
  "end" [id="step-end" label="end\\ncore.echo" penwidth=2.5 class="critical"]
  "a" -> "b" [penwidth=2.5 class="critical"]
  "a" -> "c"
  "b" -> "end" [penwidth=2.5 class="critical"]
  "c" -> "end"
}
`);
});

test("Mermaid numbers its nodes, because `end` is a word of its own", () => {
  expect(toMermaid(diamond)).toBe(`flowchart TD
  s0["a<br/>core.echo"]
  s1[["b<br/>core.echo"]]
  s2["c<br/>core.echo"]
  s3["end<br/>core.echo"]
  s0 --> s1
  s0 --> s2
  s1 --> s3
  s2 --> s3
  classDef critical stroke-width:3px
  class s0,s1,s3 critical
  linkStyle 0,2 stroke-width:3px
`);
});

test("text that means something to the formats stays text", async () => {
  const hostile: GraphSource = {
    workflow: { id: "graph", name: 'a "b" \\N <b>&amp;\n}' },
    steps: [step("node", [], { tool: 'x"]; y [label="\\L`#' })],
    criticalPath: { steps: [] },
  };
  const svg = (await instance()).renderString(toDot(hostile), { format: "svg" });
  expect(svg).toContain("a &quot;b&quot; \\N &lt;b&gt;&amp;");
  expect(svg.match(/class="node"/g)).toHaveLength(1);
  expect(toMermaid(hostile)).toContain(
    's0["node<br/>x#34;#93;#59; y #91;label#61;#34;#92;L#96;#35;"]',
  );
});

test("a dependency on a step that is not drawn is left out", () => {
  const source = { ...diamond, steps: [step("b", ["a"])], criticalPath: { steps: [] } };
  expect(toDot(source)).not.toContain("->");
});
