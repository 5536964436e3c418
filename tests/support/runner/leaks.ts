import { afterAll, expect } from "vitest";

import { eventually } from "../waiting/eventually.ts";

/** What a file of tests may leave running by mistake; everything else is the runner's. */
const KINDS = new Set([
  "TCPSocketWrap",
  "TCPServerWrap",
  "TLSWrap",
  "ProcessWrap",
  "Timeout",
  "MessagePort",
]);

/** Where a socket or a server stands, as far as Node says; only for who reads that something was left open. */
function places(): string[] {
  const handles: unknown = Reflect.get(process, "_getActiveHandles");
  if (typeof handles !== "function") return [];
  return (handles.call(process) as object[]).map(
    (handle) =>
      `${handle.constructor.name} ${String(Reflect.get(handle, "localPort"))} -> ${String(Reflect.get(handle, "remotePort"))}`,
  );
}

/** What keeps this process alive, by kind. Timers and sockets that do not keep it are not among them. */
function alive(): Map<string, number> {
  const counted = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo())
    if (KINDS.has(kind)) counted.set(kind, (counted.get(kind) ?? 0) + 1);
  return counted;
}

const before = alive();
const excused = new Set<string>();

/** A file leaves something that it cannot close; it says why beside this. */
export function excuse(kind: string): void {
  excused.add(kind);
}

/** Looks after each file whether its tests have closed what they opened: connections, servers, timers, child processes. */
afterAll(async () => {
  await eventually(() => {
    const left = [...alive()].map(([kind, count]) => [kind, count - (before.get(kind) ?? 0)]);
    const open = left.filter(([kind, count]) => Number(count) > 0 && !excused.has(String(kind)));
    // oxlint-disable-next-line vitest/no-standalone-expect -- a hook that fails is a failure
    expect(open, open.length === 0 ? "" : places().join(", ")).toEqual([]);
  });
}, 60_000);
