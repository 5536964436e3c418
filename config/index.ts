/** The door of config/: what is known before anything runs. */
export { isCommandAllowed, isHostAllowed, isPrivateHostAllowed } from "./tools/allow.ts";
export {
  catalogueParts,
  loadCatalogue,
  parseCatalogue,
  type CatalogueOptions,
} from "./tools/catalogue.ts";
export * from "./defaults.ts";
export { once, packages } from "./packages.ts";
export {
  parseRedisAddress,
  REDIS_ADDRESS_RULE,
  shownRedisAddress,
  type RedisAddress,
} from "./redis-address.ts";
export * from "./optimization.ts";
export {
  CALL_VARIABLE,
  environmentSecrets,
  loadConfig,
  type Config,
  type ConfigOverrides,
} from "./env.ts";
export { ERROR_CODES, type ErrorCode } from "./error-codes.ts";
export { isTuttiError, messageOf, TuttiError, ValidationError, type Issue } from "./errors.ts";
export { cronProblem } from "./time/cron.ts";
export { dueTimes, isTimeZone, nextTime, nextTimes, type Due, type Timing } from "./time/timing.ts";
export { Budget } from "./expressions/budget.ts";
export { isItemName, type Expression, type Scope } from "./expressions/expression.ts";
export {
  inspectJsonInSlices,
  parseJsonInSlices,
  readJsonInSlices,
} from "./documents/json-slices.ts";
export { copyJson, isLarge, mapJson, writeJson } from "./documents/large-json.ts";
export { Turns } from "./documents/turns.ts";
export { findTextProblem, parseJson } from "./documents/json-text.ts";
export { isJsonObject, readJson, type Json, type JsonObject } from "./documents/json.ts";
export { configSchema, VARIABLES, type SettingName } from "./settings.ts";
export type { JsonSchema } from "./json-schemas/json-schema.ts";
export { nearest } from "./nearest.ts";
export { canonicalJson, contentHash } from "./documents/content-hash.ts";
export {
  checkPlainData,
  checkPlainDataInTurns,
  REFUSED_VALUE_KEYS,
} from "./documents/plain-data.ts";
export {
  amountsOf,
  compileActual,
  excessesOf,
  excessText,
  IMPORTANCES,
  ratesOf,
  windowsOf,
  type Amounts,
  type BudgetSpec,
  type Excess,
  type RateWindow,
} from "./tools/limits.ts";
export { compareVersions } from "./tools/catalogue-version.ts";
export { ToolRegistry, type CatalogueParts, type ToolEntry } from "./tools/registry.ts";
export { completeRunInput } from "./tools/run-input.ts";
export { compileSchema, type SchemaProblem } from "./json-schemas/schema-check.ts";
export { synergyScore } from "./tools/synergy.ts";
export { orderTools } from "./tools/tool-order.ts";
export { compileCondition, compileTemplate, type Template } from "./expressions/template.ts";
export {
  catalogueJsonSchema,
  CATEGORIES,
  takesAnything,
  toolSpec,
  type Allowances,
  type Binding,
  type McpServerSpec,
  type ToolSpec,
} from "./tools/tool.ts";
export { parseDocument, type SourceDocument } from "./documents/yaml.ts";
export {
  clip,
  expectation,
  placeName,
  shownValue,
  valueAt,
  type ZodProblem,
} from "./documents/wording.ts";
export { issuesOf } from "./documents/zod-issues.ts";
export { given } from "./given.ts";
export { quoted } from "./quoted.ts";
export { iso, isoOrNull } from "./time/iso.ts";
