import { lookup, type LookupAddress } from "node:dns";
import { BlockList, isIP, isIPv6, type LookupFunction } from "node:net";

import { Agent } from "undici";

import {
  isHostAllowed,
  isPrivateHostAllowed,
  TuttiError,
  type Allowances,
} from "../../../../config/index.ts";

/** Time to connect, TLS included. Milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Addresses that are not of the public internet (IANA's special-purpose registries). */
const NOT_PUBLIC: readonly (readonly [network: string, prefix: number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  // Link-local; the clouds' metadata services live here.
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  // Relays of 6to4, deprecated.
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  // Unspecified, loopback and the old "compatible" form of IPv4.
  ["::", 96],
  // Forms that carry an IPv4 address inside and may lead to a private one.
  ["::ffff:0:0:0", 96],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["2001::", 32],
  ["2002::", 16],
  // ORCHIDv2: names of hosts, not addresses.
  ["2001:20::", 28],
  ["100::", 64],
  ["2001:db8::", 32],
  ["3fff::", 20],
  // Segments of SRv6.
  ["5f00::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
];

const blocked = new BlockList();
for (const [network, prefix] of NOT_PUBLIC)
  blocked.addSubnet(network, prefix, isIPv6(network) ? "ipv6" : "ipv4");

/** Whether an address is one of the public internet. IPv4 in IPv6 (`::ffff:a.b.c.d`) counts as the IPv4 in it. */
export function isPublicAddress(address: string): boolean {
  const [plain = ""] = address.split("%", 1);
  const family = isIP(plain);
  return family !== 0 && !blocked.check(plain, family === 6 ? "ipv6" : "ipv4");
}

function addressDenied(host: string): TuttiError {
  return new TuttiError(
    "tool_denied",
    `${host} leads to an address that is not public; allow.privateHosts would allow it`,
    { details: { host } },
  );
}

/**
 * Looks names up for the connection itself: the addresses checked are the addresses used, so a name
 * that answers differently the second time gains nothing.
 */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error) return callback(error, []);
    if (addresses.some(({ address }) => !isPublicAddress(address)))
      return callback(addressDenied(hostname), []);
    if (options.all === true) return callback(null, addresses);
    const [first] = addresses;
    return callback(null, first?.address ?? "", first?.family);
  });
};

/**
 * Refuses an address whose host is not allowed, or is written as a private IP. Names are checked
 * when the connection is made, see {@link GuardedAgent}.
 *
 * @throws TuttiError `tool_denied`.
 */
function checkUrl(allow: Allowances, url: URL): void {
  if (!isHostAllowed(allow, url))
    throw new TuttiError("tool_denied", `the host ${url.host} is not in allow.hosts`, {
      details: { host: url.host },
    });
  const literal = url.hostname.replace(/^\[|\]$/g, "");
  // An IP needs no lookup, so the lookup cannot refuse it.
  if (isIP(literal) !== 0 && !isPrivateHostAllowed(allow, url) && !isPublicAddress(literal))
    throw addressDenied(url.host);
}

export interface GuardedAgentOptions {
  /** Connections at the same time. Default: unlimited. */
  readonly connections?: number | undefined;
  /** Longest response body. Bytes. Default: unlimited. */
  readonly maxResponseBytes?: number;
}

/** Connections of one tool or server. Those to hosts of `privateHosts` may lead anywhere, all others to public addresses only. */
export class GuardedAgent {
  private readonly allow: Allowances;
  private readonly publicAgent: Agent;
  private readonly privateAgent: Agent;

  constructor(allow: Allowances, options: GuardedAgentOptions = {}) {
    this.allow = allow;
    const common: Agent.Options = {
      connections: options.connections ?? null,
      // The call's deadline is the only clock.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: options.maxResponseBytes ?? -1,
    };
    const connect = { timeout: CONNECT_TIMEOUT_MS };
    this.publicAgent = new Agent({ ...common, connect: { ...connect, lookup: publicLookup } });
    this.privateAgent = new Agent({ ...common, connect });
  }

  /**
   * The dispatcher for an address.
   *
   * @throws TuttiError `tool_denied`.
   */
  for(url: URL): Agent {
    checkUrl(this.allow, url);
    return isPrivateHostAllowed(this.allow, url) ? this.privateAgent : this.publicAgent;
  }

  async close(): Promise<void> {
    await Promise.all([this.publicAgent.destroy(), this.privateAgent.destroy()]);
  }
}
