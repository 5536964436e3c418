import { RedisConnection } from "bullmq";

/** A script of BullMQ's own. */
interface BullScript {
  readonly lua: string;
  readonly keys: number;
}

/**
 * BullMQ's own scripts by name, as the version that is installed defines them on its clients. Ours call them instead of
 * having copies of what they do.
 */
const texts: ReadonlyMap<string, BullScript> = collected();

function collected(): ReadonlyMap<string, BullScript> {
  const found = new Map<string, BullScript>();
  const client = {
    defineCommand(name: string, { lua, numberOfKeys }: { lua: string; numberOfKeys: number }) {
      // BullMQ names a script with the version that it belongs to.
      found.set(name.split(":")[0]!, { lua, keys: numberOfKeys });
    },
  };
  const connection: object = Object.create(RedisConnection.prototype, {
    _client: { value: client },
  });
  RedisConnection.prototype["loadCommands"].call(connection as RedisConnection, "");
  return found;
}

/** How many keys a script of BullMQ takes; they come before its arguments. */
export const keysOfBullScript = (name: string): number => bullScript(name).keys;

/** A script of BullMQ as a Lua expression: a function of its keys and its arguments. */
export const bullFunction = (name: string): string =>
  `function(KEYS, ARGV)\n${bullScript(name).lua}\nend`;

function bullScript(name: string): BullScript {
  const found = texts.get(name);
  if (found === undefined) throw new Error(`BullMQ has no script ${name}`);
  return found;
}
