import { expect, test } from "vitest";

import { parseCatalogue, ToolRegistry } from "../../../../config/index.ts";
import { bindTools, type ToolHandler } from "../../../../processors/index.ts";
import { bindingContract, codeOf, contextOf, thrownBy, TOKEN } from "./contract.ts";

const INPUT =
  "input: { type: object, additionalProperties: false, properties: { text: { type: string } } }";
const tool = (id: string) =>
  `  - { id: ${id}, name: T, category: foundation, capabilities: [x], binding: { type: in_process }, ${INPUT} }\n`;

function registryOf(...ids: string[]): ToolRegistry {
  return new ToolRegistry(parseCatalogue(`tutti: 1\ntools:\n${ids.map(tool).join("")}`, "t.yaml"));
}

let seen = "";
let running = 0;
const handlers: Record<string, ToolHandler> = {
  "t.echo": (input, { correlationId }) => ({ ...input, correlationId }),
  "t.slow": async (_, { signal }) => {
    running++;
    await new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => {
        running--;
        reject(new Error("stopped"));
      });
    });
    return null;
  },
  "t.fail": (input) => {
    throw new Error(`refused ${JSON.stringify(input["text"])}`);
  },
  "t.big": () => "x".repeat(16_000_001),
  "t.secret": (_, { secret }) => {
    seen = secret("TOKEN");
    return { [`key ${seen}`]: [`Bearer ${seen}`, Buffer.from(seen).toString("base64")] };
  },
  "t.leak": (_, { secret }) => {
    throw new Error(`bad token ${secret("TOKEN")}`);
  },
};

const all = ["t.echo", "t.slow", "t.fail", "t.big", "t.secret", "t.leak"];
const another = () => bindTools({ registry: registryOf(...all), handlers });

bindingContract({
  name: "in_process",
  failure: { code: "step_execution_failed", message: /^refused "no"$/ },
  start: () => {
    const tools = another();
    return Promise.resolve({
      tools,
      another,
      echoed: (output) => (output as { text: string }).text,
      correlationId: (output) => (output as { correlationId: string }).correlationId,
      running: () => running,
      secret: async () => ({ output: await tools.call("t.secret", {}, contextOf()), seen }),
      stop: () => tools.close(),
    });
  },
});

test("a function that ignores its signal does not keep the call", async () => {
  const tools = bindTools({
    registry: registryOf("t.deaf"),
    handlers: { "t.deaf": () => new Promise(() => undefined) },
  });
  expect(await codeOf(tools.call("t.deaf", {}, contextOf(), { timeoutMs: 20 }))).toBe(
    "tool_timeout",
  );
});

test("without a time of its own a call gets the tool's", async () => {
  const registry = registryOf("t.slow");
  const { spec, allow } = registry.require("t.slow");
  registry.replace({ spec: { ...spec, timeoutMs: 20 }, allow });
  const call = bindTools({ registry, handlers }).call("t.slow", {}, contextOf());
  expect(await thrownBy(call)).toMatchObject({
    code: "tool_timeout",
    details: { tool: "t.slow", timeoutMs: 20 },
  });
});

test("secrets do not come back in errors", async () => {
  const thrown = await thrownBy(another().call("t.leak", {}, contextOf()));
  expect(thrown).toMatchObject({ message: "bad token [secret TOKEN]" });
  expect((thrown as Error).cause).toBeUndefined();
  expect(String((thrown as Error).stack)).not.toContain(TOKEN);
});

test("what is not bound says so and is refused", async () => {
  const registry = registryOf("t.echo", "t.none");
  const text = "tutti: 1\ntools: [{ id: u, name: U, category: foundation, capabilities: [x] }]";
  for (const entry of parseCatalogue(text, "u.yaml")) registry.register(entry);
  const tools = bindTools({ registry, handlers });
  expect(tools.isBound("t.echo")).toBe(true);
  expect(tools.isBound("t.none"), "no function").toBe(false);
  expect(tools.isBound("u"), "no binding").toBe(false);
  expect(tools.isBound("missing")).toBe(false);
  expect(await codeOf(tools.call("t.none", {}, contextOf()))).toBe("tool_not_bound");
  expect(await codeOf(tools.call("u", {}, contextOf()))).toBe("tool_not_bound");
  expect(await codeOf(tools.call("missing", {}, contextOf()))).toBe("tool_not_found");
});

test("defaults are filled in, outputs are checked", async () => {
  const text = `tutti: 1
tools:
  - id: t.double
    name: Double
    category: foundation
    capabilities: [x]
    binding: { type: in_process, handler: double }
    input: { type: object, properties: { n: { type: number, default: 21 } } }
    output: { type: number, maximum: 100 }
`;
  const registry = new ToolRegistry(parseCatalogue(text, "t.yaml"));
  const tools = bindTools({ registry, handlers: { double: ({ n }) => Number(n) * 2 } });
  const input = {};
  expect(await tools.call("t.double", input, contextOf())).toBe(42);
  expect(input, "the caller's input is not touched").toEqual({});
  expect(await codeOf(tools.call("t.double", { n: 51 }, contextOf()))).toBe("tool_output_invalid");
});

test("outputs that JSON cannot hold are refused; nothing is null", async () => {
  const tools = bindTools({
    registry: registryOf("t.date", "t.nothing"),
    handlers: {
      "t.date": () => ({ at: new Date(0) }) as never,
      "t.nothing": () => undefined as never,
    },
  });
  expect(await codeOf(tools.call("t.date", {}, contextOf()))).toBe("tool_output_invalid");
  expect(await tools.call("t.nothing", {}, contextOf())).toBeNull();
});

test("a tool that was replaced is bound anew, without harm to calls that run", async () => {
  const registry = registryOf("t.slow");
  const tools = bindTools({ registry, handlers: { ...handlers, other: () => "new" } });
  const cancel = new AbortController();
  const old = thrownBy(tools.call("t.slow", {}, contextOf(cancel.signal)));
  const { spec, allow } = registry.require("t.slow");
  registry.replace({ spec: { ...spec, binding: { type: "in_process", handler: "other" } }, allow });
  expect(await tools.call("t.slow", {}, contextOf())).toBe("new");
  const reason = new Error("enough");
  cancel.abort(reason);
  expect(await old).toBe(reason);
});
