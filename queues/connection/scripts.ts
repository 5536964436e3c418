/** Commands that Redis lets through although its memory is full, because they need none. */
const FREEING =
  /(?:rcall|redis\.p?call)\(\s*["'](?:DEL|UNLINK|[LSZH]REM|HDEL|[LRSZ]POP|ZPOPM(?:IN|AX)|LTRIM|ZREMRANGEBY\w+|XTRIM|XDEL|P?EXPIRE(?:AT)?|PERSIST|RENAME)["']/i;

/**
 * A script that a full Redis refuses before it has written anything.
 *
 * While its memory is full Redis refuses the commands of a script that need more, and lets those through that
 * free some: a script that takes a job out of one list and puts it into another would lose it. So a script that
 * frees something begins with a command that needs memory and does nothing, because there is no such list.
 */
export function wholeOrNothing(lua: string): string {
  if (!FREEING.test(lua)) return lua;
  return `redis.call('LPUSHX', (KEYS[1] or ARGV[1]) .. '~none', '')\n${lua}`;
}
