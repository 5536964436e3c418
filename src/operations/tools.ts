import * as z from "zod";

import { CATEGORIES } from "../../config/index.ts";
import { viewTool } from "../tools/tool-view.ts";
import { choice, flag, word } from "./command/words.ts";
import { toolId } from "./fields.ts";
import { offlineOperation } from "./operation.ts";
import { table } from "./text/table.ts";

const list = offlineOperation({
  name: "tools.list",
  summary: "List the tools of the catalogue.",
  scope: "read",
  input: z.strictObject({
    capability: z.string().min(1).optional().describe("Only tools that can do this."),
    category: z.enum(CATEGORIES).optional().describe("Only tools of this category."),
    bound: z.stringbool().optional().describe("Only tools that can be called."),
  }),
  run({ registry }, { capability, category, bound = false }) {
    const capable = capability === undefined ? null : registry.findByCapability(capability);
    return registry
      .list()
      .map(({ spec }) => viewTool(spec))
      .filter(({ id }) => capable === null || capable.includes(id))
      .filter((tool) => category === undefined || tool.category === category)
      .filter((tool) => !bound || tool.binding !== null);
  },
  http: { method: "get", path: "/v1/tools", bodyOf: (tools) => ({ tools }) },
  command: {
    words: "tools list",
    given: {
      capability: word("--capability <name>", "only tools that can do this"),
      category: choice("--category <name>", "only tools of this category", CATEGORIES),
      bound: flag("--bound", "only tools that can be called"),
    },
    input: (given) => given,
  },
  printed: {
    text: (tools) =>
      table(
        ["TOOL", "CATEGORY", "BINDING", "CAPABILITIES"],
        tools.map((tool) => [
          tool.id,
          tool.category,
          tool.binding ?? "unbound",
          tool.capabilities.join(", "),
        ]),
      ),
  },
});

const describe = offlineOperation({
  name: "tools.get",
  summary: "Show a tool's contract: schemas, limits, resources, effect.",
  scope: "read",
  errors: ["tool_not_found"],
  input: z.strictObject({ id: toolId }),
  run: ({ registry }, { id }) => viewTool(registry.require(id).spec),
  http: { method: "get", path: "/v1/tools/:id" },
  command: { words: "tools describe", given: { id: word("<tool>") }, input: (given) => given },
});

/** Reading the catalogue. */
export const toolOperations = [list, describe];
