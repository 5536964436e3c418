/** The door of config/: what is known before anything runs. */
export { isCommandAllowed, isHostAllowed, isPrivateHostAllowed } from "./allow.ts";
export {
  loadCatalogue,
  MIN_SHIPPED_TOOLS,
  parseCatalogue,
  shippedCatalogueFiles,
  type CatalogueOptions,
} from "./catalogue.ts";
export * from "./defaults.ts";
export { environmentSecrets, loadConfig, type Config, type ConfigOverrides } from "./env.ts";
export { ERROR_CODES, type ErrorCode } from "./error-codes.ts";
export {
  isTuttiError,
  messageOf,
  TuttiError,
  ValidationError,
  type ErrorDetails,
  type Issue,
} from "./errors.ts";
export {
  isItemName,
  parseExpression,
  type Expression,
  type References,
  type Scope,
} from "./expression.ts";
export { isJsonObject, readJson, type Json, type JsonObject } from "./json.ts";
export { configSchema, LOG_LEVELS, VARIABLES, type SettingName } from "./settings.ts";
export type { JsonSchema } from "./json-schema.ts";
export { nearest } from "./nearest.ts";
export { checkPlainData, DANGEROUS_KEYS, MAX_DATA_DEPTH } from "./plain-data.ts";
export { ToolRegistry, type Synergy, type ToolEntry } from "./registry.ts";
export { compileSchema, type SchemaCheck, type SchemaProblem } from "./schema-check.ts";
export { isCompatible, SYNERGY_THRESHOLD, synergyScore } from "./synergy.ts";
export { orderTools, type ToolOrder } from "./tool-order.ts";
export { compileCondition, compileTemplate, type Template, type WriteValue } from "./template.ts";
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
export { parseDocument, type Position, type SourceDocument } from "./yaml.ts";
export { issuesOf } from "./zod-issues.ts";
