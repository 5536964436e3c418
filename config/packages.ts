/* oxlint-disable typescript/no-unsafe-type-assertion -- `require` knows no types */
import { createRequire } from "node:module";

import type * as Ajv from "ajv";
import type * as AjvFormats from "ajv-formats";
import type * as Ajv2019 from "ajv/dist/2019.js";
import type * as Ajv2020 from "ajv/dist/2020.js";
import type * as Codegen from "ajv/dist/compile/codegen/index.js";
import type * as CronParser from "cron-parser";
import type * as Hdr from "hdr-histogram-js";
import type * as Re2 from "re2js";
import type * as Yaml from "yaml";

const require = createRequire(import.meta.url);

/** Loads something at its first use. */
export function once<T>(load: () => T): () => T {
  let loaded: { readonly value: T } | undefined;
  return () => (loaded ??= { value: load() }).value;
}

/**
 * Packages that many processes never use. Each is loaded at its first use: a process that only imports "tutti", or prints a
 * help, does not pay for a schema compiler. `npm run bench:weight` shows what each door costs.
 */
export const packages = {
  ajv: once(() => ({
    draft7: require("ajv") as typeof Ajv,
    draft2019: require("ajv/dist/2019.js") as typeof Ajv2019,
    draft2020: require("ajv/dist/2020.js") as typeof Ajv2020,
    codegen: require("ajv/dist/compile/codegen/index.js") as typeof Codegen,
    formats: require("ajv-formats") as typeof AjvFormats,
  })),
  cronParser: once(() => require("cron-parser") as typeof CronParser),
  hdrHistogram: once(() => require("hdr-histogram-js") as typeof Hdr),
  re2: once(() => require("re2js") as typeof Re2),
  yaml: once(() => require("yaml") as typeof Yaml),
};
