import { randomBytes } from "node:crypto";

import type { Redis } from "ioredis";

/** How long the answer of a script is kept. A connection that is away longer finds a run as it stands. Milliseconds. */
const KEPT_MS = 60_000;

type Argument = string | number | Buffer;

/** A script: its keys come first among what it takes. */
export interface Script<Args extends readonly Argument[], Answer> {
  /** No two scripts have the same. */
  readonly name: string;
  readonly lua: string;
  /** How many keys it takes, at least 1; `counted`: its first argument says how many follow. */
  readonly keys: number | "counted";
  /** It does its work once for each call, however often the call is sent; see {@link onlyOnce}. */
  readonly once: boolean;
  /** What it takes and answers, for the compiler alone. */
  readonly call?: (...args: Args) => Promise<Answer>;
}

/** What a connection can be asked for when scripts are defined on it. */
export type Commands<Scripts> = {
  readonly [Name in keyof Scripts]: Scripts[Name] extends Script<infer Args, infer Answer>
    ? (...args: Args) => Promise<Answer>
    : never;
};

/** Declares a script, with the types of what it takes (its keys first) and what it answers. */
export function script<Args extends readonly Argument[], Answer>(
  name: string,
  lua: string,
  { keys, once = false }: { readonly keys: number | "counted"; readonly once?: boolean },
): Script<Args, Answer> {
  // One without may be sent to any node of a cluster, and all our keys are on one.
  if (keys === 0) throw new Error(`expected ${name} to have a key`);
  return { name, lua, keys, once };
}

/** Texts by name, of each connection. */
const defined = new WeakMap<object, Map<string, string>>();

/**
 * Makes scripts known to a connection. ioredis names a script by its hash and sends its text when Redis has lost it.
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
 * A script that does its work once for each call, however often the call is sent. When the connection is
 * lost before the answer has come, ioredis sends a command again, and nobody can tell whether it was done: a run
 * would be found instead of created, and what was admitted would never be named to anybody. So each call has a
 * name, its last key, and its answer is kept under it for a while.
 *
 * Not for what every step passes: those scripts tell by what they find that they were there before.
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
