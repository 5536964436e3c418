/** Where the calls of random workflows are played: they do what their script says, and are written down. */
import { TuttiError, type ErrorCode } from "../../../config/index.ts";
import type { ToolHandler } from "../../../processors/index.ts";
import { RETURNED } from "../expressions.ts";
import type { Action, Call, Script } from "../words.ts";

/** For how long a busy service asks to be left alone. Milliseconds. */
const BUSY_MS = 3;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Play {
  readonly script: Script;
  readonly calls: Mutable<Call>[];
  /** Told of every call that begins, with how many have. */
  readonly onCall: (count: number) => void;
  lastMoveMs: number;
}

export class Stage {
  readonly #plays = new Map<string, Play>();
  #clock = 0;

  /** Functions of the tools that workflows of the generator use. */
  readonly handlers: Readonly<Record<string, ToolHandler>> = {
    probe: (input, context) => this.#call(keyOf(context.stepId, input), context),
    effect: (input, context) => this.#call(keyOf(context.stepId, input), context),
    two: (input, context) => this.#call(`~${input["of"] as string}`, context),
  };

  /** To be called before the run is submitted. */
  prepare(runId: string, script: Script, onCall: (count: number) => void): void {
    this.#plays.set(runId, { script, calls: [], onCall, lastMoveMs: Date.now() });
  }

  callsOf(runId: string): readonly Call[] {
    return this.#plays.get(runId)!.calls;
  }

  /** How long nothing has begun or ended while something runs. Milliseconds; 0: nothing runs. */
  quietMs(runId: string): number {
    const { calls, lastMoveMs } = this.#plays.get(runId)!;
    return calls.some(({ how }) => how === "running") ? Date.now() - lastMoveMs : 0;
  }

  async #call(key: string, { runId, signal }: { runId: string; signal: AbortSignal }) {
    const play = this.#plays.get(runId)!;
    const place = play.calls.filter((one) => one.key === key).length;
    const list = play.script[key] ?? [];
    const action: Action = list[Math.min(place, list.length - 1)] ?? { do: "return", turns: 0 };
    const call: Mutable<Call> = {
      key,
      began: ++this.#clock,
      beganMs: Date.now(),
      ended: Infinity,
      how: "running",
      aborted: false,
    };
    play.calls.push(call);
    play.lastMoveMs = call.beganMs;
    play.onCall(play.calls.length);
    try {
      await act(action, signal);
      call.how = "returned";
      return { key, n: RETURNED };
    } catch (error) {
      call.how = error === signal.reason ? "aborted" : "threw";
      throw error;
    } finally {
      call.ended = ++this.#clock;
      call.aborted = signal.aborted;
      play.lastMoveMs = Date.now();
    }
  }
}

const keyOf = (stepId: string, input: Readonly<Record<string, unknown>>): string =>
  input["item"] === undefined ? stepId : `${stepId}[${input["item"] as number}]`;

async function turn(count: number, signal?: AbortSignal): Promise<void> {
  for (let done = 0; done < count; done++) {
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
  }
}

async function act(action: Action, signal: AbortSignal): Promise<void> {
  switch (action.do) {
    case "return":
      return turn(action.turns, signal);
    case "heedless":
      return turn(action.turns);
    case "fail":
      await turn(action.turns, signal);
      throw new TuttiError(action.code as ErrorCode, "as the script says");
    case "busy":
      throw new TuttiError("tool_unavailable", "busy", { details: { retryAfterMs: BUSY_MS } });
    case "hang":
      return new Promise((_resolve, reject) => {
        const leave = () => reject(signal.reason as Error);
        if (signal.aborted) leave();
        else signal.addEventListener("abort", leave);
      });
  }
}
