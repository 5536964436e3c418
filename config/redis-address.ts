/** Where a Redis is and how it is reached. */
export interface RedisAddress {
  /** One server; one of several that sentinels name; the nodes of a cluster. */
  readonly kind: "server" | "sentinel" | "cluster";
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  /** The sentinels' name for the master. */
  readonly master?: string;
  readonly username?: string;
  readonly password?: string;
  /** Number of the database; a cluster has only 0. */
  readonly db: number;
  readonly isEncrypted: boolean;
  /** Paths of PEM files, and the name in the server's certificate if it differs from the address. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
}

/** The form of Redis addresses, for error messages. */
export const REDIS_ADDRESS_RULE =
  "a redis:// or rediss:// URL, redis+sentinel://HOST:PORT,.../MASTER[/DB] or redis+cluster://HOST:PORT,...";

const PORTS = { server: 6_379, sentinel: 26_379, cluster: 6_379 } as const;
const PARAMETERS = [
  "ca",
  "cert",
  "key",
  "servername",
  "sentinelUsername",
  "sentinelPassword",
] as const;

/**
 * Parses the address of a Redis; null if it is none. `rediss://`, `rediss+sentinel://` and `rediss+cluster://` are
 * encrypted; `?ca=`, `?cert=` and `?key=` name PEM files.
 */
export function parseRedisAddress(text: string): RedisAddress | null {
  const found =
    /^(?<scheme>rediss?(?:\+sentinel|\+cluster)?):\/\/(?:(?<user>[^@/]*)@)?(?<nodes>[^/?#]*)(?:\/(?<path>[^?#]*))?(?:\?(?<query>[^#]*))?$/.exec(
      text,
    )?.groups;
  if (found === undefined) return null;
  const { scheme = "", user = "", nodes: hosts = "", path = "", query = "" } = found;
  const kind = kindOf(scheme);
  const nodes = hosts.split(",").map((host) => nodeOf(host, PORTS[kind]));
  if (nodes.some((node) => node === null) || (kind === "server" && nodes.length > 1)) return null;
  const [first = "", second] = path.split("/");
  const database = kind === "sentinel" ? (second ?? "") : first;
  const db = database === "" ? 0 : Number(database);
  if (!Number.isInteger(db) || db < 0 || path.split("/").length > (kind === "sentinel" ? 2 : 1))
    return null;
  if ((kind === "sentinel" && first === "") || (kind === "cluster" && db !== 0)) return null;
  const [name = "", ...secret] = user.split(":");
  const parameters = new URLSearchParams(query);
  try {
    return {
      kind,
      nodes: nodes.filter((node) => node !== null),
      ...(kind === "sentinel" ? { master: decodeURIComponent(first) } : {}),
      ...(name === "" ? {} : { username: decodeURIComponent(name) }),
      ...(secret.length === 0 ? {} : { password: decodeURIComponent(secret.join(":")) }),
      db,
      isEncrypted: scheme.startsWith("rediss"),
      ...Object.fromEntries(
        PARAMETERS.flatMap((one) => {
          const value = parameters.get(one);
          return value === null || value === "" ? [] : [[one, value]];
        }),
      ),
    };
  } catch {
    // A `%` that escapes nothing.
    return null;
  }
}

function kindOf(scheme: string): RedisAddress["kind"] {
  if (scheme.endsWith("+sentinel")) return "sentinel";
  return scheme.endsWith("+cluster") ? "cluster" : "server";
}

function nodeOf(text: string, defaultPort: number): { host: string; port: number } | null {
  const { host, six, port } =
    /^(?:\[(?<six>[0-9a-fA-F:.]+)\]|(?<host>[^\s:[\]]+))(?::(?<port>\d{1,5}))?$/.exec(text)
      ?.groups ?? {};
  const name = host ?? six;
  const number = port === undefined ? defaultPort : Number(port);
  return name === undefined || number > 65_535 ? null : { host: name, port: number };
}

/** An address without its passwords, for people. */
export function shownRedisAddress(text: string): string {
  const address = parseRedisAddress(text);
  if (address === null) return "an address that cannot be read";
  const { nodes, master, db } = address;
  const hosts = nodes.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`);
  return [
    hosts.join(","),
    ...(master === undefined ? [] : [master]),
    ...(db === 0 ? [] : [db]),
  ].join("/");
}
