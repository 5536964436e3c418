/** The door of config/: what is known before anything runs. */
export * from "./defaults.ts";
export { ERROR_CODES, type ErrorCode } from "./error-codes.ts";
export {
  isTuttiError,
  messageOf,
  TuttiError,
  ValidationError,
  type ErrorDetails,
  type Issue,
} from "./errors.ts";
export { parseExpression, type Expression, type References, type Scope } from "./expression.ts";
export type { Json, JsonObject } from "./json.ts";
export { compileCondition, compileTemplate, type Template } from "./template.ts";
export {
  bindingSpec,
  catalogueFile,
  CATEGORIES,
  EFFECTS,
  mcpServerSpec,
  SECURITY_LEVELS,
  TOOL_ID,
  toolSpec,
  type Allowances,
  type Binding,
  type CatalogueFile,
  type McpServerSpec,
  type ToolSpec,
} from "./tool.ts";
