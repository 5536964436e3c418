import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** Top folders from the ground up: each may import itself and those before it. */
export const FLOORS = ["config", "queues", "processors", "src"] as const;

/**
 * The rooms of each floor from the ground up: each may import itself and those before it. The files that stand
 * beside the rooms are named with the extension; `index.ts` and the other doors only hand names on and come last.
 */
export const ROOMS: Readonly<Record<string, readonly string[]>> = {
  config: listed(`
    error-codes.ts errors.ts defaults.ts given.ts quoted.ts nearest.ts packages.ts optimization.ts redis-address.ts settings.ts env.ts
    time documents expressions json-schemas tools
    index.ts`),
  queues: listed(`
    names.ts definition.ts jobs.ts presence.ts
    connection duties cache tools gate runs starting optimizer embedded-redis
    index.ts client.ts worker.ts`),
  processors: listed(`
    cancellation.ts patiently.ts periodic.ts repeated-log.ts
    tools machine optimizer gate steps runs workers starting duties
    index.ts`),
  src: listed(`
    deadlines.ts forms.ts version.ts tutti-options.ts
    stores.ts
    tools workflow runs gate optimizer starting
    worker tutti.ts operations worker.ts doctor.ts server cli
    index.ts`),
};

function listed(names: string): readonly string[] {
  return names.trim().split(/\s+/);
}

/** Files by which a floor is entered from another one. */
export const DOORS: Readonly<Record<string, readonly string[]>> = {
  config: ["config/index.ts"],
  queues: [
    "queues/index.ts",
    "queues/client.ts",
    "queues/worker.ts",
    "queues/embedded-redis/index.ts",
  ],
  processors: ["processors/index.ts"],
  src: [],
};

/** Rooms that are products of their own, and the only files of each that others may import. */
const SEALED: Readonly<Record<string, readonly string[]>> = {
  "queues/embedded-redis": ["index.ts", "descriptors.ts"],
  "src/workflow/forms": ["normalize.ts"],
  "src/workflow/wfcommons": ["import.ts"],
};

/** Which doors of queues/ a floor comes in by: a process that only submits loads nothing that runs jobs. */
const CLOSED: Readonly<Record<string, readonly string[]>> = {
  processors: ["queues/client.ts", "queues/embedded-redis/index.ts"],
  src: ["queues/worker.ts"],
};

/** An import, both ends as paths from the project's root. */
interface Arrow {
  readonly from: string;
  readonly to: string;
}

/** Source files of the product, or of other folders: text by path. */
export function sources(folders: readonly string[] = FLOORS): Map<string, string> {
  return new Map(
    folders.flatMap((floor) =>
      readdirSync(floor, { recursive: true, encoding: "utf8" })
        .filter((name) => /\.(?:ts|lua)$/.test(name))
        .map((name): [string, string] => [
          join(floor, name),
          readFileSync(join(floor, name), "utf8"),
        ]),
    ),
  );
}

/** What the files import of each other, types included. */
export function arrowsOf(files: ReadonlyMap<string, string>): Arrow[] {
  return [...files].flatMap(([from, text]) =>
    [...text.matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map(([, to = ""]) => ({
      from,
      to: normalize(join(dirname(from), to)),
    })),
  );
}

/**
 * What only `queues/gate/` knows of what stands in Redis for it: its keys, the names of private budgets, and how fields of
 * layers, machines and troubles begin.
 */
const STORED: Readonly<Record<string, RegExp>> = {
  key: /\$\{[^}]*\.gate\}|\bkeys\.gate\b|\}\.gate[.`:]|["'`]\.gate[."'`:]|\bgate\b[^;()=]*\}\s*=\s*(?:this\.#)?keys\b/i,
  budget: /["'`](?:tool|lane):(?![\s/])/,
  layer: /["'`](?:declared|learned|tuned|set):(?!\s)/,
  field: /["'`][bu]:(?!\s)/,
};

/**
 * Where it is known for a reason: names are built in one file, and tests write what would take long to come
 * about.
 */
const KNOW_THE_GATE: ReadonlySet<string> = new Set([
  "queues/names.ts",
  "tests/support/gate/gate-stored.ts",
]);

/** What stands in Redis for the gate and is known elsewhere. */
export function gateLeaks(files: ReadonlyMap<string, string>): string[] {
  return (
    [...files]
      // What is made of the scripts of all rooms is read in its parts.
      .filter(([path]) => !path.startsWith("queues/gate/") && !path.endsWith("/generated.ts"))
      .filter(([path]) => !KNOW_THE_GATE.has(path))
      .flatMap(([path, text]) =>
        Object.entries(STORED).flatMap(([what, form]) =>
          text.split("\n").flatMap((line, index) => {
            const code = /^\s*(?:\*|\/\/|\/\*|--)/.test(line) ? "" : line;
            return form.test(code) ? [`${path}:${index + 1} a ${what} of the gate`] : [];
          }),
        ),
      )
  );
}

const floorOf = (path: string): string => path.split("/")[0] ?? "";
const roomOf = (path: string): string => path.split("/")[1] ?? "";
const shown = ({ from, to }: Arrow): string => `${from} -> ${to}`;

/** Imports of a floor or a room that stands above. */
export function upward(arrows: readonly Arrow[]): string[] {
  return arrows.filter((arrow) => !isDown(arrow)).map(shown);
}

function isDown({ from, to }: Arrow): boolean {
  const order: readonly string[] = FLOORS;
  if (floorOf(from) !== floorOf(to))
    return (
      order.indexOf(floorOf(to)) >= 0 && order.indexOf(floorOf(to)) < order.indexOf(floorOf(from))
    );
  const rooms = ROOMS[floorOf(from)] ?? [];
  const [own, other] = [rooms.indexOf(roomOf(from)), rooms.indexOf(roomOf(to))];
  return own >= 0 && other >= 0 && other <= own;
}

/** Imports of another floor that do not come in by a door of it that is meant for them. */
export function besideDoors(arrows: readonly Arrow[]): string[] {
  return arrows
    .filter(({ from, to }) => floorOf(from) !== floorOf(to))
    .filter(({ from, to }) => {
      const closed = CLOSED[floorOf(from)] ?? [];
      return DOORS[floorOf(to)]?.includes(to) !== true || closed.includes(to);
    })
    .map(shown);
}

/** Imports of a sealed room that do not come in by a file which it has for that. */
export function intoSealed(arrows: readonly Arrow[]): string[] {
  return arrows
    .filter(({ from, to }) =>
      Object.entries(SEALED).some(
        ([room, files]) =>
          to.startsWith(`${room}/`) &&
          !from.startsWith(`${room}/`) &&
          !files.includes(to.slice(room.length + 1)),
      ),
    )
    .map(shown);
}

/** Circles among whatever `key` makes of the two ends of each import; each is named by its members. */
export function circles(arrows: readonly Arrow[], key: (path: string) => string): string[] {
  const next = new Map<string, Set<string>>();
  for (const { from, to } of arrows) {
    const [a, b] = [key(from), key(to)];
    if (a === b) continue;
    next.set(a, (next.get(a) ?? new Set()).add(b));
  }
  const reach = (start: string): Set<string> => {
    const seen = new Set<string>();
    const todo = [...(next.get(start) ?? [])];
    for (let one = todo.pop(); one !== undefined; one = todo.pop()) {
      if (seen.has(one)) continue;
      seen.add(one);
      todo.push(...(next.get(one) ?? []));
    }
    return seen;
  };
  const reached = new Map([...next.keys()].map((one) => [one, reach(one)]));
  const found = [...next.keys()]
    .filter((one) => reached.get(one)?.has(one) === true)
    .map((one) =>
      [...reached.keys()]
        .filter((other) => reached.get(one)?.has(other) && reached.get(other)?.has(one))
        .toSorted()
        .join(", "),
    );
  return [...new Set(found)];
}
