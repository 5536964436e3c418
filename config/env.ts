import { readFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";

import { messageOf, ValidationError, type Issue } from "./errors.ts";
import { nearest } from "./nearest.ts";
import { packages } from "./packages.ts";
import {
  configSchema,
  HOST_EXPECTATION,
  VARIABLES,
  type SettingName,
  type Settings,
} from "./settings.ts";

/** The validated configuration of one process. Frozen. docs/configuration.md explains each setting. */
export type Config = Readonly<Omit<Settings, "catalogues">> & {
  readonly catalogues: readonly string[];
  /** The folders of `PATH`, searched for binaries. */
  readonly searchPath: readonly string[];
};

/** Settings that override the environment, such as command line flags. `undefined` counts as not given. */
export type ConfigOverrides = { readonly [Name in keyof Config]?: Config[Name] | undefined };

type Environment = Readonly<Record<string, string | undefined>>;

/** A raw value and the name it was given under, for messages. */
interface Given {
  readonly value: unknown;
  readonly source: string;
}

const NAMES = configSchema.keyof().options;
const PATH_SETTINGS = new Set<SettingName>([
  "home",
  "secretsDir",
  "filesDir",
  "redisBinary",
  "catalogues",
]);
/** Set for the processes of tools, which pass it on to their children. It carries no meaning and is no setting. */
export const CALL_VARIABLE = "TUTTI_CALL";
const SECRET_PREFIX = "TUTTI_SECRET_";

/** Paths are relative to where they were written: the config file's folder, or the working directory. */
function absolute(value: unknown, folder: string, userHome: string): unknown {
  if (Array.isArray(value)) return value.map((one) => absolute(one, folder, userHome));
  if (typeof value !== "string" || value.trim() === "") return value;
  return value === "~" || value.startsWith("~/")
    ? join(userHome, value.slice(1))
    : resolve(folder, value);
}

function suggest(name: string, known: readonly string[]): Pick<Issue, "suggestion"> {
  const suggestion = nearest(name, known);
  return suggestion === undefined ? {} : { suggestion };
}

function fromEnvironment(env: Environment, issues: Issue[]): Map<SettingName, Given> {
  const found = new Map<SettingName, Given>();
  for (const name of NAMES) {
    // `PORT=` in a shell means "not set": nobody wants the empty string.
    const source = VARIABLES[name].find((one) => (env[one] ?? "") !== "");
    if (source === undefined) continue;
    const value = env[source] ?? "";
    found.set(name, {
      source,
      value: name === "catalogues" ? value.split(delimiter).filter((path) => path !== "") : value,
    });
  }
  const known = [...NAMES.flatMap((name) => VARIABLES[name]), "TUTTI_CONFIG"];
  for (const name of Object.keys(env)) {
    if (!name.startsWith("TUTTI_") || name.startsWith(SECRET_PREFIX) || known.includes(name))
      continue;
    if (name === CALL_VARIABLE) continue;
    issues.push({
      code: "config_invalid",
      message: `expected every TUTTI_ variable to be a known one, got: ${name}`,
      path: [name],
      ...suggest(name, known),
    });
  }
  return found;
}

function fromFile(file: string, issues: Issue[]): Map<SettingName, Given> {
  const found = new Map<SettingName, Given>();
  const refuse = (message: string, path: readonly string[] = ["TUTTI_CONFIG"], more = {}) =>
    issues.push({ code: "config_invalid", message, path, ...more });
  let content: unknown;
  try {
    content = packages.yaml().parse(readFileSync(file, "utf8")) ?? {};
  } catch (error) {
    refuse(`expected TUTTI_CONFIG to be a YAML or JSON file, got: ${messageOf(error)}`);
    return found;
  }
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    refuse(`expected ${file} to hold an object of settings, got: ${JSON.stringify(content)}`);
    return found;
  }
  for (const [key, value] of Object.entries(content)) {
    const name = NAMES.find((one) => one === key);
    if (name !== undefined) found.set(name, { value, source: `${file}: ${key}` });
    else {
      refuse(
        `expected every key of ${file} to be a setting, got: ${key}`,
        [key],
        suggest(key, NAMES),
      );
    }
  }
  return found;
}

/** The value as a message may show it: without the password of a URL. */
function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").replace(/\/\/[^/"]*@/, "//***@");
}

/**
 * Reads the whole configuration once: defaults < `TUTTI_CONFIG` file < environment < overrides. Nothing else reads the
 * environment.
 *
 * @throws ValidationError with every problem: `config_invalid`, and `address_refused` for a host that is not loopback.
 */
export function loadConfig(
  env: Environment = process.env,
  overrides: ConfigOverrides = {},
): Config {
  const issues: Issue[] = [];
  const userHome = env["HOME"] ?? homedir();
  const given = new Map<SettingName, Given>([
    ["home", { value: join(userHome, ".tutti"), source: "HOME" }],
    ["machine", { value: hostname().replaceAll(/[^A-Za-z0-9._-]/g, "-"), source: "the host name" }],
  ]);
  const put = (layer: Map<SettingName, Given>, folder: string) => {
    for (const [name, { value, source }] of layer) {
      const path = PATH_SETTINGS.has(name) ? absolute(value, folder, userHome) : value;
      given.set(name, { value: path, source });
    }
  };
  const file = env["TUTTI_CONFIG"] ?? "";
  if (file !== "") put(fromFile(resolve(file), issues), dirname(resolve(file)));
  put(fromEnvironment(env, issues), process.cwd());
  const flags = NAMES.filter((name) => overrides[name] !== undefined);
  put(
    new Map(flags.map((name) => [name, { value: overrides[name], source: name }])),
    process.cwd(),
  );

  const parsed = configSchema.safeParse(
    Object.fromEntries([...given].map(([name, { value }]) => [name, value])),
  );
  for (const { path, message } of parsed.error?.issues ?? []) {
    const name = NAMES.find((one) => one === path[0]);
    const { value, source } = (name && given.get(name)) ?? {
      value: undefined,
      source: "a setting",
    };
    issues.push({
      code: message === HOST_EXPECTATION ? "address_refused" : "config_invalid",
      message: `expected ${source} to be ${message}, got: ${shown(value)}`,
      path: [source],
    });
  }
  if (issues.length > 0 || parsed.data === undefined) throw new ValidationError(issues);
  const searchPath =
    overrides.searchPath ?? (env["PATH"] ?? "").split(delimiter).filter((one) => one !== "");
  return Object.freeze({
    ...parsed.data,
    catalogues: Object.freeze(parsed.data.catalogues),
    searchPath: Object.freeze([...searchPath]),
  });
}

/**
 * The secrets given as `TUTTI_SECRET_<NAME>`, by name. They are not part of the {@link Config}, which may be logged.
 */
export function environmentSecrets(env: Environment = process.env): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(env).flatMap(([name, value]) =>
      name.startsWith(SECRET_PREFIX) && value !== undefined
        ? [[name.slice(SECRET_PREFIX.length), value] as const]
        : [],
    ),
  );
}
