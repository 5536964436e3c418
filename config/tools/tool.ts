import * as z from "zod";

import { STEP_TIMEOUT_MS } from "../defaults.ts";
import { jsonSchema } from "../json-schemas/json-schema.ts";
import { catalogueVersion } from "./catalogue-version.ts";
import {
  breakerSpec,
  budgetName,
  budgetSpec,
  budgetUse,
  IMPORTANCES,
  toolLimits,
} from "./limits.ts";

/** Tool ids are also queue names, so they are plain: letters, digits, `_`, `-`, with dots between. */
const TOOL_ID = /^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$/;

/** The eight categories of the catalogue. */
export const CATEGORIES = [
  "foundation",
  "intelligence",
  "creation",
  "communication",
  "visual_media",
  "data_management",
  "enterprise",
  "autonomous",
] as const;

/** Security levels, lowest first. */
const SECURITY_LEVELS = ["standard", "high", "enterprise", "critical"] as const;

/** What a call changes outside: `read` nothing, `destructive` something that cannot be undone. */
const EFFECTS = ["read", "write", "external", "destructive"] as const;

/** A share of one machine: 1.0 is the whole machine. */
const share = z.number().min(0).max(1);

const inProcessBinding = z.strictObject({
  type: z.literal("in_process").describe("A function of the worker."),
  handler: z
    .string()
    .min(1)
    .optional()
    .describe("Name of the registered function. Default: the tool's id."),
});

const commandBinding = z.strictObject({
  type: z.literal("command").describe("A program, started for each call."),
  command: z
    .string()
    .min(1)
    .describe(
      "The binary. It must be named in the catalogue's `allow.commands`. No shell is involved.",
    ),
  args: z
    .array(z.string())
    .default([])
    .describe(
      "The arguments. `${{ args.x }}` takes a value of the step's input. An argument that is a single expression becomes one argument per element if it yields a list, and none if it yields null.",
    ),
  cwd: z
    .string()
    .optional()
    .describe("Working directory; may contain expressions. Default: the worker's."),
  env: z
    .record(z.string(), z.string())
    .default({})
    .describe(
      "The whole environment apart from PATH, HOME, LANG and the mark TUTTI_CALL. Nothing else is inherited. May contain `${{ secrets.X }}`.",
    ),
  stdin: z.string().optional().describe("Text for standard input; may contain expressions."),
  output: z
    .enum(["parsed", "base64"])
    .default("parsed")
    .describe(
      "`parsed` = as `parse` says, which expects UTF-8; `base64` = {encoding, data, bytes}, for binary data.",
    ),
  parse: z
    .enum(["text", "lines", "json"])
    .default("text")
    .describe("How standard output becomes the step's output."),
  okExitCodes: z
    .array(z.int().min(0).max(255))
    .default([0])
    .describe("Exit codes that are not failures (`git grep` exits with 1 if nothing matched)."),
  maxOutputBytes: z
    .int()
    .positive()
    .default(16_000_000)
    .describe("More output ends the call with `tool_output_invalid`. Bytes."),
});

const httpBinding = z.strictObject({
  type: z.literal("http").describe("An HTTP request."),
  method: z
    .enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    .default("GET")
    .describe("Method of the request."),
  url: z
    .string()
    .min(1)
    .describe(
      "The address. The catalogue's `allow.hosts` must allow its host. A value of `${{ args.x }}` inside it is percent-encoded as one part; an address that is one whole expression is used as it is.",
    ),
  headers: z
    .record(z.string(), z.string())
    .default({})
    .describe("Request headers; may contain `${{ args.x }}` and `${{ secrets.X }}`."),
  body: z.json().optional().describe("Request body: a value with expressions, sent as JSON."),
  output: z
    .enum(["body", "response", "base64"])
    .default("body")
    .describe(
      "`body` = the parsed body only; `response` = {status, headers, body}; `base64` = {encoding, data, bytes, mediaType}, for binary data.",
    ),
  maxResponseBytes: z
    .int()
    .positive()
    .default(16_000_000)
    .describe(
      "A larger response, before or after decoding, ends the call with `tool_output_invalid`. Bytes.",
    ),
});

const mcpBinding = z.strictObject({
  type: z.literal("mcp").describe("A tool of an MCP server."),
  server: z.string().min(1).describe("A key of the catalogue's `servers`."),
  tool: z
    .string()
    .min(1)
    .optional()
    .describe("The tool's name at that server. Default: the part of the id after the first dot."),
});

/** How a tool is reached. */
const bindingSpec = z.discriminatedUnion("type", [
  inProcessBinding,
  commandBinding,
  httpBinding,
  mcpBinding,
]);

/** Something callable: what it can do, what it needs, how it is reached. */
export const toolSpec = z.strictObject({
  id: z
    .string()
    .max(100)
    .regex(TOOL_ID, "letters, digits, _ and - after a letter, in parts with dots between")
    .refine((id) => !id.startsWith("tutti."), {
      error: "expected an id that does not begin with tutti.: queues of that name are our own",
    })
    .describe(
      "Names the tool in workflows; its queue has the same name. Letters, digits, `_`, `-`, dots between.",
    ),
  name: z.string().min(1).describe("Name for people."),
  description: z.string().optional().describe("What the tool does."),
  category: z.enum(CATEGORIES).describe("Under which it is listed."),
  version: z.string().default("1").describe("Version of the tool's contract."),
  capabilities: z
    .array(z.string().min(1))
    .min(1)
    .describe("What it can do, in words of your own; alternatives are found by them."),
  dependencies: z
    .array(z.string())
    .default([])
    .describe("Ids of tools without which this one makes no sense."),
  resources: z
    .record(z.string().min(1), share)
    .default({})
    .describe(
      "Share of one machine that a call holds while it runs. Resources not named are not needed.",
    ),
  performance: z
    .strictObject({
      responseTimeMs: z.number().positive().describe("Expected time of a call. Milliseconds."),
      reliability: z
        .number()
        .min(0)
        .max(1)
        .default(1)
        .describe("Expected share of calls that succeed."),
    })
    .optional()
    .describe("Declared expectations, used until there are measurements."),
  integrationPoints: z.array(z.string()).default([]).describe("Ids of tools that go well with it."),
  securityLevel: z
    .enum(SECURITY_LEVELS)
    .default("standard")
    .describe("Shown, and without effect yet."),
  effect: z
    .enum(EFFECTS)
    .default("external")
    .describe(
      "What a call changes outside: `read` nothing, `destructive` something that cannot be undone.",
    ),
  idempotent: z
    .boolean()
    .default(false)
    .describe(
      "Whether calling twice with the same input has the same effect as calling once. Decides retries and restarts.",
    ),
  alternatives: z.array(z.string()).default([]).describe("Tools that offer the same capability."),
  input: jsonSchema
    .default({ type: "object" })
    .describe("JSON Schema (2020-12) of the input; checked before every call."),
  output: jsonSchema
    .optional()
    .describe("JSON Schema (2020-12) of the output; checked after every call if given."),
  timeoutMs: z
    .int()
    .positive()
    .max(2_147_483_647)
    .default(STEP_TIMEOUT_MS)
    .describe("Longest time of one call. Milliseconds."),
  limits: toolLimits.default({}).describe("Limits of the tool's queue."),
  budgets: z
    .record(budgetName, budgetUse)
    .default({})
    .describe("What a call takes of the catalogues' budgets, by name."),
  upstream: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe(
      "The service behind the tool. If it asks for a pause, all tools with the same upstream pause. Default: the id.",
    ),
  breaker: breakerSpec
    .optional()
    .describe("When the tool is left alone because it does not answer."),
  importance: z
    .enum(IMPORTANCES)
    .default("essential")
    .describe(
      "Which tools rest first when services fail: optional ones, then all but critical ones.",
    ),
  binding: bindingSpec
    .optional()
    .describe(
      "How the tool is reached. Without it the tool is listed as unbound and refused at submission.",
    ),
  suggestedBinding: z
    .enum(["in_process", "command", "http", "mcp"])
    .optional()
    .describe("Kind of binding that fits the tool; a hint for whoever binds it."),
  estimated: z
    .array(z.string())
    .default([])
    .describe("Fields whose values are estimates, never measurements."),
});

const stdioServer = z.strictObject({
  transport: z
    .literal("stdio")
    .describe("A process that speaks MCP over standard input and output."),
  // `${{ args.x }}` in any of these takes a value of the step's input. The server then runs once per value, 8 at a
  // time.
  command: z.string().min(1).describe("Must be named in `allow.commands`."),
  args: z.array(z.string()).default([]).describe("Arguments; may contain expressions."),
  env: z
    .record(z.string(), z.string())
    .default({})
    .describe("The environment, as of a command binding; may contain expressions."),
  cwd: z.string().optional().describe("Working directory. Default: the worker's."),
});

const httpServer = z.strictObject({
  transport: z.literal("http").describe("A server that speaks MCP over streamable HTTP."),
  url: z.url("a URL").describe("`allow.hosts` must allow its host."),
  headers: z
    .record(z.string(), z.string())
    .default({})
    .describe("Headers of each request; may contain `${{ secrets.X }}`."),
});

/** An MCP server through which tools of the catalogue are reached. */
const mcpServerSpec = z.discriminatedUnion("transport", [stdioServer, httpServer]);

/** A catalogue file: what its tools may touch, the MCP servers they use, the budgets they share, the tools. */
export const catalogueFile = z.strictObject({
  tutti: z.literal(1).describe("Version of the format: 1."),
  version: catalogueVersion
    .optional()
    .describe(
      "Tells which catalogue is newer when living workers were started with different ones.",
    ),
  allow: z
    .strictObject({
      commands: z
        .array(z.string())
        .default([])
        .describe("Binaries that command tools and stdio servers may start."),
      hosts: z
        .array(z.string())
        .default([])
        .describe(
          "Hosts that http tools and servers may call: exact, `host:port`, `*.example.com`, or `*` for any public host.",
        ),
      privateHosts: z
        .array(z.string())
        .default([])
        .describe(
          "Hosts that may be called although they are loopback, link-local or private; written like `hosts`, without `*`.",
        ),
    })
    .default({ commands: [], hosts: [], privateHosts: [] })
    .describe(
      "What the tools and servers of this file may start and call. Nothing, unless it is named here.",
    ),
  servers: z
    .record(
      z.string().regex(/^[A-Za-z][A-Za-z0-9_-]*$/, "letters, digits, _ and - after a letter"),
      mcpServerSpec,
    )
    .default({})
    .describe("MCP servers by name, for the mcp bindings of this file."),
  budgets: z
    .record(budgetName, budgetSpec)
    .default({})
    .describe(
      "Budgets by name. They apply to the tools of all catalogues. A later file's budget replaces an earlier one.",
    ),
  tools: z
    .array(toolSpec)
    .default([])
    .describe("The tools. A later file's tool replaces an earlier one of the same id."),
});

export type ToolSpec = z.output<typeof toolSpec>;

/** Whether this is `{ type: object }`, the schema of a tool that takes anything. */
export const takesAnything = ({ type, ...more }: ToolSpec["input"]): boolean =>
  type === "object" && Object.keys(more).length === 0;
export type Binding = z.output<typeof bindingSpec>;
export type McpServerSpec = z.output<typeof mcpServerSpec>;
export type CatalogueFile = z.output<typeof catalogueFile>;
export type Allowances = CatalogueFile["allow"];

/** JSON Schema (draft 2020-12) of catalogue files, for editors. `schema/catalogue.json` holds it. */
export function catalogueJsonSchema(): object {
  return z.toJSONSchema(catalogueFile, {
    io: "input",
    target: "draft-2020-12",
    unrepresentable: "any",
  });
}
