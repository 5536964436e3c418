/** Commands that Redis accepts even when its memory is full, because they need none. */
const FREEING =
  /(?:rcall|redis\.p?call)\(\s*["'](?:DEL|UNLINK|[LSZH]REM|HDEL|[LRSZ]POP|ZPOPM(?:IN|AX)|LTRIM|ZREMRANGEBY\w+|XTRIM|XDEL|P?EXPIRE(?:AT)?|PERSIST|RENAME)["']/i;

/**
 * Makes a full Redis refuse a script before it has written anything.
 *
 * While its memory is full, Redis refuses a script's commands that need more, but accepts those that free some. A
 * script that moves a job from one list to another would lose it. So a script that frees something begins with a
 * command that needs memory and does nothing, because its list does not exist.
 */
export function wholeOrNothing(lua: string): string {
  if (!FREEING.test(lua)) return lua;
  return `redis.call('LPUSHX', (KEYS[1] or ARGV[1]) .. '~none', '')\n${lua}`;
}
