import { messageOf, TuttiError } from "../../config/index.ts";

/**
 * Answers of a Redis that cannot do its work although the command is right. Each trouble ends by itself or by an
 * operator's hand, and then the same command works.
 */
export const REDIS_TROUBLES = {
  OOM: "its memory is full (maxmemory)",
  READONLY: "it is a replica: a failover is underway, or the address leads to the wrong server",
  MISCONF: "it cannot write its data to its disk",
  NOREPLICAS: "too few replicas are connected (min-replicas-to-write)",
  MASTERDOWN: "it is a replica that has lost its master",
  CLUSTERDOWN: "its cluster is down",
  TRYAGAIN: "its cluster moves a slot",
  BUSY: "it is busy with a script",
  LOADING: "it loads its data after a start",
} as const;

export type RedisTrouble = keyof typeof REDIS_TROUBLES;

/** Servers before 7 wrap errors inside a script: `ERR Error running script ...: -OOM command not allowed`. */
const INSIDE_SCRIPT = /^ERR Error running script\b.*?-(?<code>[A-Z]+) /s;

/** The trouble of Redis that an error reports; null if it reports something else. */
export function redisTrouble(thrown: unknown): RedisTrouble | null {
  if (!(thrown instanceof Error) || thrown.name !== "ReplyError") return null;
  const { message } = thrown;
  // A refused transaction gives the reason for each of its commands.
  const code = INSIDE_SCRIPT.exec(message)?.groups?.["code"] ?? /^[A-Z]+/.exec(message)?.[0] ?? "";
  if (Object.hasOwn(REDIS_TROUBLES, code)) return code as RedisTrouble;
  const causes = (thrown as { readonly previousErrors?: readonly unknown[] }).previousErrors ?? [];
  return causes.map(redisTrouble).find((cause) => cause !== null) ?? null;
}

const AWAY =
  /ECONNREFUSED|ECONNRESET|ENOTFOUND|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|EPIPE|Connection is closed|Command aborted due to connection close|Stream isn't writeable|All sentinels are unreachable|Failed to refresh slots cache/;

/** Whether `thrown` means that Redis is away, not that it refused a command. */
function isConnectionTrouble(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  return (
    thrown.name === "MaxRetriesPerRequestError" ||
    thrown.name === "ClusterAllFailedError" ||
    (thrown.name !== "TuttiError" && AWAY.test(thrown.message))
  );
}

/**
 * Converts an error that means Redis is away or cannot work now to `redis_unavailable`. Other errors stay as they are.
 */
export function unavailable(thrown: unknown): unknown {
  const trouble = redisTrouble(thrown);
  if (trouble !== null) {
    const message = `Redis cannot work now: ${REDIS_TROUBLES[trouble]} (${trouble})`;
    return new TuttiError("redis_unavailable", message, { cause: thrown, details: { trouble } });
  }
  return isConnectionTrouble(thrown)
    ? new TuttiError("redis_unavailable", `Redis is not reachable: ${messageOf(thrown)}`, {
        cause: thrown,
      })
    : thrown;
}
