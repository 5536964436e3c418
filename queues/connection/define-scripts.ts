import { randomBytes } from "node:crypto";

import type { Redis } from "ioredis";

/** How long a script's answer is kept. A connection that is away longer finds the run as it stands. Milliseconds. */
const KEPT_MS = 60_000;

type Argument = string | number | Buffer;

/** A script. Its keys come before its other arguments. */
export interface Script<Args extends readonly Argument[], Answer> {
  /** Unique among scripts. */
  readonly name: string;
  readonly lua: string;
  /** Number of keys, at least 1. `counted`: the first argument is the number of keys that follow. */
  readonly keys: number | "counted";
  /** It does its work once per call, however often the call is sent; see {@link onlyOnce}. */
  readonly once: boolean;
  /** Types of its arguments and answer, for the compiler only. */
  readonly call?: (...args: Args) => Promise<Answer>;
}

/** The commands of a connection after scripts are defined on it. */
export type Commands<Scripts> = {
  readonly [Name in keyof Scripts]: Scripts[Name] extends Script<infer Args, infer Answer>
    ? (...args: Args) => Promise<Answer>
    : never;
};

/** Declares a script with the types of its arguments (keys first) and its answer. */
export function script<Args extends readonly Argument[], Answer>(
  name: string,
  lua: string,
  { keys, once = false }: { readonly keys: number | "counted"; readonly once?: boolean },
): Script<Args, Answer> {
  // A script without keys may be sent to any node of a cluster, but all keys of a deployment are on one.
  if (keys === 0) throw new Error(`expected ${name} to have a key`);
  return { name, lua, keys, once };
}

/** Texts by name, for each connection. */
const defined = new WeakMap<object, Map<string, string>>();

/**
 * Defines scripts on a connection. ioredis calls a script by its hash, and sends its text if Redis has lost it.
 *
 * @param prefix of the deployment.
 */
export function defineScripts<Scripts extends Readonly<Record<string, Script<never, unknown>>>>(
  redis: Redis,
  prefix: string,
  scripts: Scripts,
): Commands<Scripts> {
  const known = defined.get(redis) ?? new Map<string, string>();
  defined.set(redis, known);
  const commands = Object.entries(scripts).map(([as, { name, lua, keys, once }]) => {
    if ((known.get(name) ?? lua) !== lua) throw new Error(`there are two scripts ${name}`);
    if (!known.has(name)) redis.defineCommand(name, { lua: once ? onlyOnce(lua) : lua });
    known.set(name, lua);
    const send = (redis as unknown as Record<string, (...args: Argument[]) => Promise<unknown>>)[
      name
    ]!.bind(redis);
    const command = (...args: readonly Argument[]) => {
      const [count, ...rest] = keys === "counted" ? args : [keys, ...args];
      if (!once) return send(count!, ...rest);
      const sent = `${prefix}.sent:${randomBytes(9).toString("base64url")}`;
      return send(Number(count) + 1, ...rest.toSpliced(Number(count), 0, sent));
    };
    return [as, command];
  });
  return Object.fromEntries(commands) as Commands<Scripts>;
}

/**
 * Makes a script do its work once per call, however often the call is sent. When the connection is lost before the
 * answer, ioredis sends the command again, and nobody can tell whether it was done: a run would be found instead of
 * created, and the runs it admitted would never be reported. So each call has a name, its last key, under which its
 * answer is kept for a while.
 *
 * Not for scripts that every step passes: they recognize a repeated call by what they find.
 */
function onlyOnce(lua: string): string {
  return `
local sent = table.remove(KEYS)
local before = redis.call('GET', sent)
if before then return cmsgpack.unpack(before)[1] end
local answer = (function()
${lua}
end)()
redis.call('SET', sent, cmsgpack.pack({ answer }), 'PX', ${KEPT_MS})
return answer
`;
}
