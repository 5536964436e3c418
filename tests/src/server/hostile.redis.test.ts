import { expect } from "vitest";

import { MAX_EXPRESSION_STEPS, toolSpec } from "../../../config/index.ts";
import { post, problemOf, registry, test } from "../../support/deployment/served.ts";
import { ownSpeed } from "../../support/waiting/speed.ts";

registry.register({
  spec: toolSpec.parse({
    id: "test.keyed",
    name: "Keyed",
    category: "foundation",
    capabilities: ["testing"],
    limits: { perKey: { by: "step", concurrency: 1 } },
    binding: { type: "in_process" },
  }),
  allow: { commands: [], hosts: [], privateHosts: [] },
});

const step = { id: "a", tool: "core.echo", with: { value: 1 } };
const document = (more: object) =>
  JSON.stringify({ workflow: { tutti: 1, id: "w", steps: [step], ...more } });
const fields = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${n}`, { pattern: `^a${n}` }]));
const aliases = ["a: &a [1,1,1,1,1,1,1,1,1]"];
for (let n = 1; n < 12; n++)
  aliases.push(
    `a${n}: &a${n} [${Array<string>(9)
      .fill(n === 1 ? "*a" : `*a${n - 1}`)
      .join()}]`,
  );

/** Each is refused, and none costs more than what is allowed to any. */
const bodies: [string, string, string, string][] = [
  [
    "two million levels",
    "/v1/runs",
    `{"workflow":${"[".repeat(2_000_000)}${"]".repeat(2_000_000)}}`,
    "at most 100 levels",
  ],
  [
    "levels of objects that do not end",
    "/v1/runs",
    '{"workflow":'.repeat(500_000),
    "at most 100 levels",
  ],
  [
    "an integer that would be changed",
    "/v1/runs",
    `{"workflow":{},"input":{"n":12345678901234567890}}`,
    "12345678901234567890",
  ],
  ["a number that is none", "/v1/runs", `{"workflow":{},"input":{"n":1e400}}`, "1e400"],
  ["aliases that grow", "/v1/runs", JSON.stringify({ workflow: aliases.join("\n") }), "bytes"],
  [
    "a text of two million levels",
    "/v1/runs",
    JSON.stringify({ workflow: "[".repeat(2_000_000) }),
    "levels",
  ],
  [
    "4,000 patterns",
    "/v1/runs",
    document({ inputs: { properties: fields(4_000) } }),
    "MAX_SCHEMAS",
  ],
  [
    "references that double",
    "/v1/runs",
    document({
      inputs: {
        $defs: Object.fromEntries(
          Array.from({ length: 40 }, (_, n) => [
            `d${n}`,
            { allOf: [{ $ref: `#/$defs/d${n + 1}` }, { $ref: `#/$defs/d${n + 1}` }] },
          ]).concat([["d40", {}]] as never),
        ),
        $ref: "#/$defs/d0",
      },
    }),
    "MAX_SCHEMA_STEPS",
  ],
  [
    "a key that never ends",
    "/v1/runs",
    JSON.stringify({
      workflow: {
        tutti: 1,
        id: "w",
        steps: [
          {
            ...step,
            tool: "test.keyed",
            key: "${{ input.l.all(x, input.l.all(y, input.l.all(z, true))) }}",
          },
        ],
      },
      input: { l: Array.from({ length: 1_000 }, (_, n) => n) },
    }),
    "MAX_EXPRESSION_STEPS",
  ],
];

for (const [name, path, body, detail] of bodies) {
  test(`${name}: refused, and the server goes on`, async ({ tutti }) => {
    const speed = ownSpeed();
    const startedAt = speed.now();
    const problem = await problemOf(await post(path, body));
    const usedMs = speed.now() - startedAt;
    expect(Math.floor(problem["status"] as number)).toBeLessThan(500);
    expect(JSON.stringify(problem)).toContain(detail);
    expect(await tutti.list()).toEqual([]);
    // Parsing a body of some megabytes has its price, whatever is in it.
    expect(usedMs).toBeLessThan(2_000 + speed.steps(2 * MAX_EXPRESSION_STEPS));
  });
}
