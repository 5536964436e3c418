import * as z from "zod";

import { STEP_TIMEOUT_MS } from "../defaults.ts";
import { jsonSchema } from "../json-schemas/json-schema.ts";
import { catalogueVersion } from "./catalogue-version.ts";
import {
  breakerSpec,
  BUDGET_NAME,
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
  type: z.literal("in_process"),
  /** Name of the registered function. Default: the tool's id. */
  handler: z.string().min(1).optional(),
});

const commandBinding = z.strictObject({
  type: z.literal("command"),
  /** The binary. It must be named in the catalogue's `allow.commands`. No shell is involved. */
  command: z.string().min(1),
  /**
   * The arguments. `${{ args.x }}` takes a value of the step's input. An argument that is a single expression becomes
   * one argument per element if it yields a list, and none if it yields null.
   */
  args: z.array(z.string()).default([]),
  /** Working directory; may contain expressions. Default: the worker's. */
  cwd: z.string().optional(),
  /**
   * The whole environment apart from PATH, HOME, LANG and the mark TUTTI_CALL. Nothing else is inherited. May contain
   * `${{ secrets.X }}`.
   */
  env: z.record(z.string(), z.string()).default({}),
  /** Text for standard input; may contain expressions. */
  stdin: z.string().optional(),
  /** `parsed` = as `parse` says, which expects UTF-8; `base64` = {encoding, data, bytes}, for binary data. */
  output: z.enum(["parsed", "base64"]).default("parsed"),
  /** How standard output becomes the step's output. */
  parse: z.enum(["text", "lines", "json"]).default("text"),
  /** Exit codes that are not failures (`git grep` exits with 1 if nothing matched). */
  okExitCodes: z.array(z.int().min(0).max(255)).default([0]),
  /** More output ends the call with `tool_output_invalid`. Bytes. */
  maxOutputBytes: z.int().positive().default(16_000_000),
});

const httpBinding = z.strictObject({
  type: z.literal("http"),
  method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]).default("GET"),
  /**
   * The address. The catalogue's `allow.hosts` must allow its host. A value of `${{ args.x }}` inside it is
   * percent-encoded as one part; an address that is one whole expression is used as it is.
   */
  url: z.string().min(1),
  /** Request headers; may contain `${{ args.x }}` and `${{ secrets.X }}`. */
  headers: z.record(z.string(), z.string()).default({}),
  /** Request body: a value with expressions, sent as JSON. */
  body: z.json().optional(),
  /**
   * `body` = the parsed body only; `response` = {status, headers, body}; `base64` = {encoding, data, bytes, mediaType},
   * for binary data.
   */
  output: z.enum(["body", "response", "base64"]).default("body"),
  /** A larger response, before or after decoding, ends the call with `tool_output_invalid`. Bytes. */
  maxResponseBytes: z.int().positive().default(16_000_000),
});

const mcpBinding = z.strictObject({
  type: z.literal("mcp"),
  /** A key of the catalogue's `servers`. */
  server: z.string().min(1),
  /** The tool's name at that server. Default: the part of the id after the first dot. */
  tool: z.string().min(1).optional(),
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
    .regex(TOOL_ID)
    .refine((id) => !id.startsWith("tutti."), {
      error: "expected an id that does not begin with tutti.: queues of that name are our own",
    }),
  name: z.string().min(1),
  description: z.string().optional(),
  category: z.enum(CATEGORIES),
  /** Version of the tool's contract. */
  version: z.string().default("1"),
  capabilities: z.array(z.string().min(1)).min(1),
  /** Ids of tools without which this one makes no sense. */
  dependencies: z.array(z.string()).default([]),
  /** Share of one machine that a call holds while it runs. Resources not named are not needed. */
  resources: z.record(z.string().min(1), share).default({}),
  /** Declared expectations, used until there are measurements. */
  performance: z
    .strictObject({
      responseTimeMs: z.number().positive(),
      reliability: z.number().min(0).max(1).default(1),
    })
    .optional(),
  integrationPoints: z.array(z.string()).default([]),
  securityLevel: z.enum(SECURITY_LEVELS).default("standard"),
  effect: z.enum(EFFECTS).default("external"),
  /** Whether calling twice with the same input has the same effect as calling once. Decides retries and restarts. */
  idempotent: z.boolean().default(false),
  /** Tools that offer the same capability. */
  alternatives: z.array(z.string()).default([]),
  /** JSON Schema (2020-12) of the input; checked before every call. */
  input: jsonSchema.default({ type: "object" }),
  /** JSON Schema (2020-12) of the output; checked after every call if given. */
  output: jsonSchema.optional(),
  /** Longest time of one call. Milliseconds. */
  timeoutMs: z.int().positive().max(2_147_483_647).default(STEP_TIMEOUT_MS),
  /** Limits of the tool's queue. */
  limits: toolLimits.default({}),
  /** What a call takes of the catalogues' budgets, by name. */
  budgets: z.record(z.string().regex(BUDGET_NAME), budgetUse).default({}),
  /** The service behind the tool. If it asks for a pause, all tools with the same upstream pause. Default: the id. */
  upstream: z.string().min(1).max(100).optional(),
  /** When the tool is left alone because it does not answer. */
  breaker: breakerSpec.optional(),
  /** Which tools rest first when services fail: optional ones, then all but critical ones. */
  importance: z.enum(IMPORTANCES).default("essential"),
  /** How the tool is reached. Without it the tool is listed as unbound and refused at submission. */
  binding: bindingSpec.optional(),
  /** Kind of binding that fits the tool; a hint for whoever binds it. */
  suggestedBinding: z.enum(["in_process", "command", "http", "mcp"]).optional(),
  /** Fields whose values are estimates, never measurements. */
  estimated: z.array(z.string()).default([]),
});

const stdioServer = z.strictObject({
  transport: z.literal("stdio"),
  // `${{ args.x }}` in any of these takes a value of the step's input. The server then runs once per value, 8 at a
  // time.
  /** Must be named in `allow.commands`. */
  command: z.string().min(1),
  args: z.array(z.string()).default([]),
  env: z.record(z.string(), z.string()).default({}),
  cwd: z.string().optional(),
});

const httpServer = z.strictObject({
  transport: z.literal("http"),
  /** `allow.hosts` must allow its host. */
  url: z.url(),
  headers: z.record(z.string(), z.string()).default({}),
});

/** An MCP server through which tools of the catalogue are reached. */
const mcpServerSpec = z.discriminatedUnion("transport", [stdioServer, httpServer]);

/** A catalogue file: what its tools may touch, the MCP servers they use, the budgets they share, the tools. */
export const catalogueFile = z.strictObject({
  tutti: z.literal(1),
  /** Tells which catalogue is newer when living workers were started with different ones. */
  version: catalogueVersion.optional(),
  allow: z
    .strictObject({
      /** Binaries that command tools and stdio servers may start. */
      commands: z.array(z.string()).default([]),
      /**
       * Hosts that http tools and servers may call: exact, `host:port`, `*.example.com`, or `*` for any public host.
       */
      hosts: z.array(z.string()).default([]),
      /**
       * Hosts that may be called although they are loopback, link-local or private; written like `hosts`, without `*`.
       */
      privateHosts: z.array(z.string()).default([]),
    })
    .default({ commands: [], hosts: [], privateHosts: [] }),
  servers: z.record(z.string().regex(/^[A-Za-z][A-Za-z0-9_-]*$/), mcpServerSpec).default({}),
  /** Budgets by name. They apply to the tools of all catalogues. A later file's budget replaces an earlier one. */
  budgets: z.record(z.string().regex(BUDGET_NAME), budgetSpec).default({}),
  tools: z.array(toolSpec).default([]),
});

export type ToolSpec = z.output<typeof toolSpec>;

/** Whether this is `{ type: object }`, the schema of a tool that takes anything. */
export const takesAnything = ({ type, ...more }: ToolSpec["input"]): boolean =>
  type === "object" && Object.keys(more).length === 0;
export type Binding = z.output<typeof bindingSpec>;
export type McpServerSpec = z.output<typeof mcpServerSpec>;
export type CatalogueFile = z.output<typeof catalogueFile>;
export type Allowances = CatalogueFile["allow"];
