/** A graph: for each node the nodes it depends on. */
export type Dependencies = readonly (readonly number[])[];

/** The nodes in an order in which every dependency comes first, earlier nodes before later ones; null when there is a cycle. */
export function topologicalOrder(dependencies: Dependencies): number[] | null {
  const open = dependencies.map((on) => on.length);
  const dependents = dependentsOf(dependencies);
  const order: number[] = [];
  for (const [node, count] of open.entries()) if (count === 0) order.push(node);
  for (let at = 0; at < order.length; at++) {
    for (const next of dependents[order[at]!]!) {
      if (--open[next]! === 0) order.push(next);
    }
  }
  return order.length === dependencies.length ? order : null;
}

/** The nodes as they are given, each directly after those of its dependencies that come later. The graph has no cycle. */
export function givenOrder(dependencies: Dependencies): number[] {
  const order: number[] = [];
  const seen = new Uint8Array(dependencies.length);
  for (const root of dependencies.keys()) {
    if (seen[root] === 1) continue;
    seen[root] = 1;
    // An explicit stack, as in findCycle.
    const path = [root];
    const next = [0];
    while (path.length > 0) {
      const dependency = dependencies[path.at(-1)!]![next[next.length - 1]!++];
      if (dependency === undefined) {
        order.push(path.pop()!);
        next.pop();
      } else if (seen[dependency] === 0) {
        seen[dependency] = 1;
        path.push(dependency);
        next.push(0);
      }
    }
  }
  return order;
}

/** The same for nodes that are told by name. What a node depends on that is no node is passed over. */
export function namesInOrder(needs: ReadonlyMap<string, readonly string[]>): string[] {
  const names = [...needs.keys()];
  const places = new Map(names.map((name, place) => [name, place]));
  const dependencies = names.map((name) =>
    needs.get(name)!.flatMap((need) => places.get(need) ?? []),
  );
  return givenOrder(dependencies).map((place) => names[place]!);
}

/** For each node the nodes that depend on it. */
export function dependentsOf(dependencies: Dependencies): number[][] {
  const dependents: number[][] = dependencies.map(() => []);
  for (const [node, on] of dependencies.entries())
    for (const dependency of on) dependents[dependency]!.push(node);
  return dependents;
}

/** A cycle as the nodes on it, each depending on the one before; null when there is none. */
export function findCycle(dependencies: Dependencies): number[] | null {
  const NEW = 0;
  const OPEN = 1;
  const DONE = 2;
  const state = new Uint8Array(dependencies.length);
  for (let root = 0; root < dependencies.length; root++) {
    if (state[root] !== NEW) continue;
    // An explicit stack: a chain of ten thousand steps would overflow the call stack.
    const path: number[] = [root];
    const next = [0];
    state[root] = OPEN;
    while (path.length > 0) {
      const node = path.at(-1)!;
      const dependency = dependencies[node]![next[next.length - 1]!++];
      if (dependency === undefined) {
        state[node] = DONE;
        path.pop();
        next.pop();
      } else if (state[dependency] === OPEN) {
        return path.slice(path.indexOf(dependency)).toReversed();
      } else if (state[dependency] === NEW) {
        state[dependency] = OPEN;
        path.push(dependency);
        next.push(0);
      }
    }
  }
  return null;
}

/**
 * Drops dependencies that follow from others: of a -> b -> c and a -> c the last. What may start when
 * stays the same. Ancestors are kept as bit sets, one row per node: n * n / 8 bytes.
 */
export function transitiveReduction(
  dependencies: Dependencies,
  order: readonly number[],
): number[][] {
  const count = dependencies.length;
  const width = (count + 31) >>> 5;
  const rank = new Uint32Array(count);
  for (const [position, node] of order.entries()) rank[node] = position;
  const ancestors = new Uint32Array(count * width);
  const reduced: number[][] = Array.from({ length: count }, () => []);
  for (const node of order) {
    const row = node * width;
    // The latest first: whatever it depends on, directly or not, needs no edge of its own.
    for (const dependency of dependencies[node]!.toSorted((a, b) => rank[b]! - rank[a]!)) {
      const word = row + (dependency >>> 5);
      const bit = 1 << (dependency & 31);
      if ((ancestors[word]! & bit) !== 0) continue;
      reduced[node]!.push(dependency);
      ancestors[word]! |= bit;
      const from = dependency * width;
      for (let at = 0; at < width; at++) ancestors[row + at]! |= ancestors[from + at]!;
    }
  }
  return reduced;
}

/** The nodes by the length of the longest way to them: those of one level can run together. */
export function levelsOf(dependencies: Dependencies, order: readonly number[]): number[][] {
  const level = new Uint32Array(dependencies.length);
  const levels: number[][] = [];
  for (const node of order) {
    for (const dependency of dependencies[node]!)
      level[node] = Math.max(level[node]!, level[dependency]! + 1);
    (levels[level[node]!] ??= []).push(node);
  }
  return levels;
}

/** The chain of dependencies whose weights add up to the most, first node first. */
export function heaviestPath(
  dependencies: Dependencies,
  order: readonly number[],
  weights: readonly number[],
): number[] {
  const total = new Float64Array(dependencies.length);
  const before = new Int32Array(dependencies.length).fill(-1);
  let last = -1;
  for (const node of order) {
    for (const dependency of dependencies[node]!) {
      if (before[node] === -1 || total[dependency]! > total[before[node]!]!)
        before[node] = dependency;
    }
    total[node] = weights[node]! + (before[node] === -1 ? 0 : total[before[node]!]!);
    if (last === -1 || total[node] > total[last]!) last = node;
  }
  const path: number[] = [];
  for (let node = last; node !== -1; node = before[node] ?? -1) path.push(node);
  return path.toReversed();
}
