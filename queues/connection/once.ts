import { randomBytes } from "node:crypto";

import type { Redis } from "ioredis";

/** How long the answer of a script is kept. A connection that is away longer finds a run as it stands. Milliseconds. */
const KEPT_MS = 60_000;

type Argument = string | number | Buffer;
type Command = (...args: readonly Argument[]) => Promise<unknown>;

/**
 * Defines a script that does its work once for each call, however often the call is sent. When the connection is
 * lost before the answer has come, ioredis sends a command again, and nobody can tell whether it was done: a run
 * would be found instead of created, and what was admitted would never be named to anybody. So each call has a
 * name, and its answer is kept under it for a while.
 *
 * Not for what every step passes: those scripts tell by what they find that they were there before.
 *
 * @param prefix of the deployment.
 * @param script.numberOfKeys missing: it is the first argument of each call.
 */
export function defineOnce(
  redis: Redis,
  prefix: string,
  name: string,
  { lua, numberOfKeys }: { readonly lua: string; readonly numberOfKeys?: number },
): void {
  const once = `
local sent = table.remove(KEYS)
local before = redis.call('GET', sent)
if before then return cmsgpack.unpack(before)[1] end
local answer = (function()
${lua}
end)()
redis.call('SET', sent, cmsgpack.pack({ answer }), 'PX', ${KEPT_MS})
return answer
`;
  redis.defineCommand(name, { lua: once });
  const commands = redis as unknown as Record<string, Command>;
  const send = commands[name]!.bind(redis);
  commands[name] = (...args) => {
    const given = numberOfKeys === undefined ? args : [numberOfKeys, ...args];
    const keys = Number(given[0]);
    const sent = `${prefix}.sent:${randomBytes(9).toString("base64url")}`;
    return send(keys + 1, ...given.slice(1, keys + 1), sent, ...given.slice(keys + 1));
  };
}
