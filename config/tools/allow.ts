import type { Allowances } from "./tool.ts";

/** `pattern` is a host, `host:port`, `*.example.com` (any depth below it) or `*`. */
function matches(pattern: string, host: string, port: string): boolean {
  const wanted = pattern.toLowerCase();
  if (wanted === "*" || wanted === host || wanted === `${host}:${port}`) return true;
  return wanted.startsWith("*.") && host.endsWith(wanted.slice(1)) && host.length >= wanted.length;
}

const partsOf = (url: URL): [host: string, port: string] => [
  url.hostname.toLowerCase().replace(/\.$/, ""),
  url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port,
];

/** Whether `privateHosts` names the host, so that its addresses may be private. */
export function isPrivateHostAllowed(allow: Allowances, url: URL): boolean {
  // `*` would disable the guard for everything. Whoever needs that can name the hosts.
  return allow.privateHosts.some((pattern) => pattern !== "*" && matches(pattern, ...partsOf(url)));
}

/** Whether http tools and servers may call this address: http(s), and a host of `hosts` or `privateHosts`. */
export function isHostAllowed(allow: Allowances, url: URL): boolean {
  if (url.protocol !== "http:" && url.protocol !== "https:") return false;
  return (
    allow.hosts.some((pattern) => matches(pattern, ...partsOf(url))) ||
    isPrivateHostAllowed(allow, url)
  );
}

/** Whether command tools and stdio servers may start this binary. The name must equal the one in the list. */
export function isCommandAllowed(allow: Allowances, command: string): boolean {
  return allow.commands.includes(command);
}
