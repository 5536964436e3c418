/** A client that knows nothing but HTTP, and asks again until it is answered. */
import { setTimeout as pause } from "node:timers/promises";

import type { RunState, RunView } from "../../../src/index.ts";
import type { History } from "../../model/words.ts";

/** Longest time of one request. Milliseconds. */
const REQUEST_MS = 7_000;
const AGAIN_MS = 100;

export class ChaosClient {
  /** Answers other than success, by status. */
  readonly refused: Record<string, number> = {};
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Resolves when the run was acknowledged, with the time of that. Milliseconds since 1970. */
  async submit(runId: string, workflow: object): Promise<number> {
    await this.#insist("POST", "/v1/runs", { runId, workflow }, 202);
    return Date.now();
  }

  /** Undefined when the run had ended before. */
  async cancel(runId: string): Promise<History["cancel"] | undefined> {
    const asked = Date.now();
    const answer = await this.#insist("POST", `/v1/runs/${runId}/cancel`, {}, 202);
    const { state } = answer as { state: RunState };
    const effective = ["cancelled", "cancelling", "compensating"].includes(state);
    return effective ? { asked, answered: Date.now() } : undefined;
  }

  /** The run; null when there is none. */
  async get(runId: string): Promise<RunView | null> {
    return (await this.#insist("GET", `/v1/runs/${runId}`, undefined, 200)) as RunView | null;
  }

  /** Asks until the status is the one that is wanted; null is 404 where somebody only looks. */
  async #insist(method: string, path: string, body: unknown, wanted: number): Promise<unknown> {
    for (;;) {
      let status = "none";
      try {
        const answer = await fetch(`${this.#url}${path}`, {
          method,
          headers: { "content-type": "application/json" },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(REQUEST_MS),
        });
        const content: unknown = await answer.json();
        if (answer.status === wanted) return content;
        if (answer.status === 404 && wanted === 200) return null;
        status = String(answer.status);
        if (answer.status < 500)
          throw new Error(`${method} ${path}: ${status} ${JSON.stringify(content)}`);
        if (answer.status === 500) status += ` ${JSON.stringify(content)}`.slice(0, 200);
      } catch (thrown) {
        // fetch fails with a TypeError, its time with a DOMException; a refusal is for the test.
        if (thrown instanceof Error && thrown.message.startsWith(method)) throw thrown;
      }
      this.refused[status] = (this.refused[status] ?? 0) + 1;
      await pause(AGAIN_MS);
    }
  }
}
