import type { z } from "zod";

import type { ErrorCode, ToolRegistry } from "../../config/index.ts";
import type { Tutti } from "../tutti.ts";
import type { Given, Terminal, Words } from "./command/words.ts";

/** What a caller has to be allowed: to look, to start runs, to steer runs that are there, to change the deployment. */
export const SCOPES = ["read", "submit", "steer", "admin"] as const;

/** What any operation may end with besides its own errors. */
export const COMMON_ERRORS: readonly ErrorCode[] = [
  "request_invalid",
  "payload_too_large",
  "redis_unavailable",
  "config_invalid",
  "internal_error",
];

/** What an operation works with that needs no Redis. */
export interface OfflineContext {
  readonly registry: ToolRegistry;
}

/** What operations work with. */
export interface Context extends OfflineContext {
  readonly tutti: Tutti;
  /** `performance.now()` when the door was opened. */
  readonly openedAtMs: number;
  /** Who asks, where a door knows it. */
  readonly actor?: string;
  /** Ties the call to its run, its log lines and its outgoing calls. */
  readonly correlationId?: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

// Methods, not functions: an operation of any input and answer is taken for one of unknown ones, and its parts are
// only ever given what its own form and its own `run` gave.

/** How an operation is reached over HTTP. Fields of the input that the path does not name are the query or the body. */
export interface HttpDoor<A> {
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** As express writes it. */
  readonly path: string;
  /** Default: 200. */
  readonly status?: number;
  /** Where it depends on the answer. */
  statusOf?(answer: A): number;
  /** The field `key` of the input is the header `Idempotency-Key`. */
  readonly isKeyed?: true;
  /** Where what was made can be read. */
  locationOf?(answer: A): string;
  /** Default: the answer as it is. */
  bodyOf?(answer: A): unknown;
}

/** How a terminal prints an answer. */
interface Printed<I, A> {
  /** For people. Default: YAML. */
  text?(answer: A, input: I): string;
  /** For programs. Default: the answer as it is. */
  data?(answer: A, input: I): unknown;
  /** What is said beside it, for people. */
  notes?(answer: A, input: I): readonly string[];
  /** Whether the command ends with exit code 1. */
  hasFailed?(answer: A): boolean;
}

interface Described<I, A> {
  /** As `runs.cancel`. */
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  readonly scope: (typeof SCOPES)[number];
  /** Codes that it may end with besides {@link COMMON_ERRORS}. */
  readonly errors?: readonly ErrorCode[];
  readonly http?: HttpDoor<A>;
  readonly printed?: Printed<I, A>;
}

/** Something that can be done with a deployment: every door offers it from this declaration. */
export interface Operation<I = unknown, A = unknown> extends Described<I, A> {
  readonly input: z.ZodObject;
  /** The client checks the input by the same form, and with it what no field has by itself: doors hand it on as it came. */
  readonly isCheckedByClient: boolean;
  readonly command?: Command;
  run(context: Context, input: I): Promise<A> | A;
  /** The same, of an operation that needs no Redis. */
  runOffline?(context: OfflineContext, input: I): Promise<A> | A;
}

/** A command of the terminal: it asks for one of some operations. */
export interface Command {
  /** As `runs cancel`. */
  readonly words: string;
  /** One sentence. */
  readonly summary: string;
  /** Stands below the help. */
  readonly help?: string;
  readonly given: Words;
  /** The operations that it may ask for. */
  readonly operations: readonly Operation[];
  call(given: unknown, terminal: Terminal): Promise<Call> | Call;
}

/** What a command asks for. */
interface Call {
  readonly operation: Operation;
  readonly input: unknown;
}

interface Declared<F extends z.ZodObject, I, A, W extends Words, C> extends Described<I, A> {
  readonly input: F;
  run(context: C, input: I): Promise<A> | A;
  /** The command that asks for this operation alone. */
  readonly command?: {
    readonly words: string;
    readonly help?: string;
    readonly given: W;
    input(given: Given<W>, terminal: Terminal): Promise<I> | I;
  };
}

/** Declares an operation of which the doors check the input. */
export function operation<F extends z.ZodObject, A, W extends Words>(
  declared: Declared<F, z.output<F>, A, W, Context>,
): Operation<z.output<F>, A> {
  return declare(declared, { isCheckedByClient: false });
}

/** Declares an operation of which the client checks the input. */
export function clientOperation<F extends z.ZodObject, A, W extends Words>(
  declared: Declared<F, z.input<F>, A, W, Context>,
): Operation<z.input<F>, A> {
  return declare(declared, { isCheckedByClient: true });
}

/** Declares an operation that needs no Redis. */
export function offlineOperation<F extends z.ZodObject, A, W extends Words>(
  declared: Declared<F, z.output<F>, A, W, OfflineContext>,
): Operation<z.output<F>, A> {
  const runOffline = (context: OfflineContext, input: z.output<F>) => declared.run(context, input);
  return declare(declared, { isCheckedByClient: false, runOffline });
}

function declare<I, A, W extends Words>(
  declared: Declared<z.ZodObject, I, A, W, Context>,
  kind: Pick<Operation<I, A>, "isCheckedByClient" | "runOffline">,
): Operation<I, A> {
  const { command: own, ...rest } = declared;
  if (own === undefined) return { ...rest, ...kind };
  const made: Operation<I, A> = {
    ...rest,
    ...kind,
    command: command({
      ...own,
      summary: declared.summary,
      get operations() {
        return [made];
      },
      call: async (given: Given<W>, terminal) => callOf(made, await own.input(given, terminal)),
    }),
  };
  return made;
}

/** What a command asks for, in types. */
export function callOf<I, A>(asked: Operation<I, A>, input: I): Call {
  return { operation: asked, input };
}

/** Declares a command that asks for one of several operations. */
export function command<W extends Words>(
  declared: Omit<Command, "given" | "call"> & {
    readonly given: W;
    call(given: Given<W>, terminal: Terminal): Promise<Call> | Call;
  },
): Command {
  return declared;
}
