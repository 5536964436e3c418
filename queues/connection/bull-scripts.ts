import { createHash } from "node:crypto";

import { RedisConnection } from "bullmq";

/** SHA-256 of the BullMQ 6.7.0 scripts that Tutti's scripts call and were tested with. */
const TESTED: Readonly<Record<string, string>> = {
  addDelayedJob: "e47c0db3c46bd84afab98fae90bba3b98cf6554e74df840801c39baccc627c4c",
  addParentJob: "19780e843859d4d8f0ceade1aec912bb0a5594bb9756a11791617671b6198bf8",
  addPrioritizedJob: "d4652d1be004a3d7bfed76efdc706f2017f8dfd0080c51ab1f05457eeb1c3c77",
  addStandardJob: "2eee45c9ffc54d24681b737f926016a7f7464f0d32a5f87f623bffa2fc55413c",
  moveToActive: "7d35069db0b831af1bd1b2d5eb8d524e86fc7d3280b8c684a96b6614bad7d79a",
  moveToFinished: "8e744ec5d65dbe9e7ffb6e39a96c0268bba65e4f0b1d04e2d2a42ccb71b45a6d",
  releaseParentIfNoPendingDependencies:
    "a7f55f8eafeb764ef85faa87db2112b2d09640979a3dc669bf23c648066aa8a2",
  removeJob: "f2acb16fda20ccac200abd5289a8910e48870d454c1577b19bd375ab809bb4b6",
};

/** A script of BullMQ's own. */
interface BullScript {
  readonly lua: string;
  readonly keys: number;
}

/**
 * BullMQ's own scripts by name, as the installed version defines them on its clients. Tutti's scripts call them instead
 * of copying what they do.
 */
const texts: ReadonlyMap<string, BullScript> = collected();

function collected(): ReadonlyMap<string, BullScript> {
  const found = new Map<string, BullScript>();
  const client = {
    defineCommand(name: string, { lua, numberOfKeys }: { lua: string; numberOfKeys: number }) {
      // BullMQ appends its version to a script's name.
      found.set(name.split(":")[0]!, { lua, keys: numberOfKeys });
    },
  };
  const connection: object = Object.create(RedisConnection.prototype, {
    _client: { value: client },
  });
  RedisConnection.prototype["loadCommands"].call(connection as RedisConnection, "");
  return found;
}

/** Scripts of the installed BullMQ that differ from those this version was tested with. */
export function untestedBullScripts(): string[] {
  return Object.keys(TESTED).filter((name) => {
    const text = texts.get(name)?.lua;
    return text === undefined || createHash("sha256").update(text).digest("hex") !== TESTED[name];
  });
}

/** How many keys a BullMQ script takes. They come before its arguments. */
export const keysOfBullScript = (name: string): number => bullScript(name).keys;

/** A BullMQ script as a Lua expression: a function of its keys and its arguments. */
export const bullFunction = (name: string): string =>
  `function(KEYS, ARGV)\n${bullScript(name).lua}\nend`;

/**
 * BullMQ scripts as functions of a Lua table, by name. They also accept unpacked values for what BullMQ packs, because
 * a caller of many scripts sends one JSON.
 */
export const bullFunctions = (table: string, names: readonly string[]): string =>
  `local ${table} = {}
do
  local packed = cmsgpack
  local function unpacked(value) return type(value) == 'table' and value or packed.unpack(value) end
  local cmsgpack = { pack = packed.pack, unpack = unpacked }
${names.map((name) => `${table}.${name} = ${bullFunction(name)}`).join("\n")}
end`;

/** BullMQ's scripts that add a flow. */
export const ADDING = [
  "addStandardJob",
  "addPrioritizedJob",
  "addDelayedJob",
  "addParentJob",
  "releaseParentIfNoPendingDependencies",
];

/** Identifies the texts of the scripts that add a flow. Calls recorded for other texts must not use these. */
export const ADDING_TEXTS = createHash("sha256")
  .update(ADDING.map((name) => bullFunction(name)).join("\n"))
  .digest("hex")
  .slice(0, 16);

/**
 * A Lua function that returns the scripts for templates, which add jobs. They are made only when called for. Also
 * defines the name of their texts.
 */
export const ADDING_FUNCTION = `local addingTexts = '${ADDING_TEXTS}'
local function adding()
${bullFunctions("scripts", ADDING)}
return scripts
end`;

function bullScript(name: string): BullScript {
  const found = texts.get(name);
  if (found === undefined) throw new Error(`BullMQ has no script ${name}`);
  return found;
}
