import { createRedisBackend, type BackendFactory, type RedisQueueBackend } from "bullmq";
import { unpack } from "msgpackr";

import { keysOfBullScript } from "../connection/index.ts";
import type { Move } from "./record/ledger-operations.ts";
import { wellFormed, type Ledger } from "./record/ledger.ts";

const isMove = (name: string): name is Move => name === "moveToActive" || name === "moveToFinished";

/**
 * Backends whose workers take and end jobs by the script that steps pass anyway. BullMQ sends one command for each job; the
 * workers of a process share theirs here, with each other and with what is written of the steps. BullMQ says what is
 * asked and reads the answer, by its own code.
 */
export function movesBy(ledger: Ledger): BackendFactory<RedisQueueBackend> {
  return (...args) => {
    const backend = createRedisBackend(...args);
    const run = backend.execCommand.bind(backend);
    backend.execCommand = (client, name, given) =>
      isMove(name) ? ledger.move(name, ...split(name, given)) : run(client, name, given);
    return backend;
  };
}

/** The keys and arguments of a script, as JSON can carry them. */
function split(name: Move, given: readonly unknown[]): [keys: string[], args: unknown[]] {
  const count = keysOfBullScript(name);
  return [given.slice(0, count).map(String), given.slice(count).map((arg) => plain(arg))];
}

/** An argument as a script gets it: a text, or what BullMQ has packed, unpacked. */
function plain(arg: unknown): unknown {
  if (Buffer.isBuffer(arg)) return withoutNulls(unpack(arg));
  // Half a surrogate pair, as in the message of an error, would be refused by the script's JSON parser, with all of its call.
  if (typeof arg === "string") return wellFormed(arg);
  return typeof arg === "number" ? String(arg) : (arg ?? "");
}

/** Lua has no null inside a table. */
function withoutNulls(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, one]) => one !== null && one !== undefined),
  );
}
