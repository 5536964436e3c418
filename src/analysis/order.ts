/** What each step needs, by id. */
export type Needs = ReadonlyMap<string, readonly string[]>;

/** The steps, each behind those that it needs. Needs that are no steps, and circles, are passed over. */
export function inOrder(needs: Needs): string[] {
  const done = new Set<string>();
  const ordered: string[] = [];
  for (const id of needs.keys()) {
    // A stack of our own: chains may be longer than the engine's.
    const open = [{ id, next: 0 }];
    const entered = new Set([id]);
    for (let at = open.at(-1); at !== undefined; at = open.at(-1)) {
      const own = needs.get(at.id) ?? [];
      const need = own[at.next++];
      if (need === undefined) {
        open.pop();
        if (!done.has(at.id)) ordered.push(at.id);
        done.add(at.id);
      } else if (needs.has(need) && !done.has(need) && !entered.has(need)) {
        entered.add(need);
        open.push({ id: need, next: 0 });
      }
    }
  }
  return ordered;
}
