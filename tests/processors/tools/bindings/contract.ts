import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { isTuttiError, type ErrorCode, type Json } from "../../../../config/index.ts";
import type { BoundTools, CallContext } from "../../../../processors/index.ts";
import { eventually } from "../../../support/waiting/eventually.ts";
import { Lag } from "../../../support/waiting/lag.ts";

/** The tools a binding brings to the contract. Each takes `{text}` and refuses other fields. */
interface Rig {
  readonly tools: BoundTools;
  /** A second, equal set, for the test that closes it. */
  another(): BoundTools;
  /** The text that `echo` was given, out of its output. */
  echoed(output: Json): Json;
  /** Calls of `slow` (which never ends by itself) that run in the world outside. */
  running(): number;
  /** The correlation id that the tool of the last `echo` saw. */
  correlationId?(output: Json): Json;
  /** What a tool that used the secret TOKEN saw of it, and what came back. */
  secret?(): Promise<{ readonly seen: string; readonly output: Json }>;
  stop(): Promise<void>;
}

export interface Subject {
  readonly name: string;
  readonly start: () => Promise<Rig>;
  /** What `fail` ends with. */
  readonly failure: { readonly code: ErrorCode; readonly message: RegExp };
  /** Tests that make no sense for this binding, and why. */
  readonly skip?: { readonly secret?: string; readonly correlation?: string };
}

export const TOKEN = 'tok/en "1234567890"';

export function contextOf(signal: AbortSignal = new AbortController().signal): CallContext {
  return {
    runId: "r1",
    stepId: "s1",
    tenant: "default",
    actor: "tester",
    correlationId: "c-42",
    attempt: 1,
    signal,
    secret: (name) => (name === "TOKEN" ? TOKEN : ""),
  };
}

/** Settles with what was thrown. */
export async function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  try {
    return { returned: await promise };
  } catch (thrown) {
    return thrown;
  }
}

/** Settles with the code of what was thrown. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  const thrown = await thrownBy(promise);
  return isTuttiError(thrown) ? thrown.code : thrown;
}

/** Far longer than an abort takes, far shorter than a tool that was not aborted. */
const SOON_MS = 5_000;
/** Deadlines of a call that has to begin before it is over: the longer ones are for machines that are slow. */
const DEADLINES_MS = [1_500, 6_000, 24_000];

/** What every kind of binding promises. Tools: `t.echo`, `t.slow`, `t.fail`, `t.big`. */
export function bindingContract(subject: Subject): void {
  describe(`${subject.name} keeps the contract`, { timeout: 60_000 }, () => {
    let rig: Rig;
    beforeAll(async () => {
      rig = await subject.start();
    });
    afterAll(() => rig.stop());
    const running = (count: number) => eventually(() => expect(rig.running()).toBe(count));

    test("the value comes back", async () => {
      const output = await rig.tools.call("t.echo", { text: "hällo\n" }, contextOf());
      expect(rig.echoed(output)).toBe("hällo\n");
    });

    test("bad input is refused before the call", async () => {
      const call = rig.tools.call("t.slow", { text: 1, other: true }, contextOf());
      expect(await thrownBy(call)).toMatchObject({
        code: "input_invalid",
        issues: expect.arrayContaining([expect.objectContaining({ path: ["text"] })]),
      });
      expect(rig.running()).toBe(0);
    });

    test("a failure of the tool is told by its code and message", async () => {
      const thrown = await thrownBy(rig.tools.call("t.fail", { text: "no" }, contextOf()));
      expect(thrown).toMatchObject({
        code: subject.failure.code,
        message: expect.stringMatching(subject.failure.message),
      });
    });

    test("too much output is refused", async () => {
      expect(await codeOf(rig.tools.call("t.big", { text: "" }, contextOf()))).toBe(
        "tool_output_invalid",
      );
      const output = await rig.tools.call("t.echo", { text: "still there" }, contextOf());
      expect(rig.echoed(output)).toBe("still there");
    });

    test("the deadline ends the call and what it started", async () => {
      let hasRun = false;
      for (const timeoutMs of DEADLINES_MS) {
        await using lag = new Lag();
        const startedMs = performance.now();
        let ended = false;
        const call = codeOf(
          rig.tools.call("t.slow", { text: "" }, contextOf(), { timeoutMs }),
        ).finally(() => (ended = true));
        await eventually(() => {
          hasRun = rig.running() === 1;
          expect(hasRun || ended).toBe(true);
        });
        expect(await call).toBe("tool_timeout");
        const tookMs = performance.now() - startedMs;
        expect(tookMs - (await lag.ms())).toBeLessThan(timeoutMs + SOON_MS);
        await running(0);
        if (hasRun) break;
      }
      expect(hasRun).toBe(true);
    });

    test("a cancel ends the call with its own reason", async () => {
      const cancel = new AbortController();
      const call = thrownBy(rig.tools.call("t.slow", { text: "" }, contextOf(cancel.signal)));
      await running(1);
      const reason = new Error("the user said so");
      cancel.abort(reason);
      expect(await call).toBe(reason);
      await running(0);
    });

    test("a call that was cancelled before it began does nothing", async () => {
      const reason = new Error("too late");
      const call = rig.tools.call("t.slow", { text: "" }, contextOf(AbortSignal.abort(reason)));
      expect(await thrownBy(call)).toBe(reason);
      expect(rig.running()).toBe(0);
    });

    test("calls run side by side and get their own answers", async () => {
      const texts = ["a", "b", "c"];
      const outputs = await Promise.all(
        texts.map((text) => rig.tools.call("t.echo", { text }, contextOf())),
      );
      expect(outputs.map((output) => rig.echoed(output))).toEqual(texts);
    });

    test("closing ends running calls, and later ones are refused", async () => {
      const tools = rig.another();
      const call = codeOf(tools.call("t.slow", { text: "" }, contextOf()));
      await running(1);
      await tools.close();
      expect(await call).toBe("tool_unavailable");
      await running(0);
      expect(await codeOf(tools.call("t.echo", { text: "" }, contextOf()))).toBe(
        "tool_unavailable",
      );
    });

    const { skip = {} } = subject;
    test.skipIf(skip.correlation !== undefined)(
      `the correlation id travels with the call${skip.correlation === undefined ? "" : ` (${skip.correlation})`}`,
      async () => {
        const output = await rig.tools.call("t.echo", { text: "" }, contextOf());
        expect(rig.correlationId?.(output)).toBe("c-42");
      },
    );

    test.skipIf(skip.secret !== undefined)(
      `a secret reaches the tool and does not come back${skip.secret === undefined ? "" : ` (${skip.secret})`}`,
      async () => {
        const result = await rig.secret?.();
        expect(result?.seen).toContain(TOKEN);
        expect(JSON.stringify(result?.output)).toContain("[secret TOKEN]");
        expect(JSON.stringify(result?.output)).not.toContain("1234567890");
      },
    );
  });
}
