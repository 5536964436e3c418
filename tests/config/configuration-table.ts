import * as z from "zod";

import { configSchema, VARIABLES, type SettingName } from "../../config/index.ts";

/** Defaults that depend on the machine, in words. */
const WORDS: Partial<Record<SettingName, string>> = {
  home: "`~/.tutti`",
  machine: "the host name",
  catalogues: "none",
};

/** The rows that docs/configuration.md must hold, one per setting: name, variables, default, meaning. */
export function configurationTable(): string[][] {
  const properties = z.toJSONSchema(configSchema, { io: "output", unrepresentable: "any" })
    .properties as Record<string, { readonly default?: unknown; readonly description?: string }>;
  return configSchema.keyof().options.map((name) => {
    const { default: value, description } = properties[name] ?? {};
    const fallback =
      value === undefined
        ? "none"
        : `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
    return [
      `\`${name}\``,
      VARIABLES[name].map((variable) => `\`${variable}\``).join(", "),
      WORDS[name] ?? fallback,
      description ?? "",
    ];
  });
}
