import { readJson } from "../../../config/index.ts";

/** A tool whose breaker is not closed. Times are Redis' own. Milliseconds. */
export interface BreakerTrouble {
  /** `half_open`: some calls try whether the tool is back. */
  readonly state: "open" | "half_open";
  readonly untilMs: number;
  /** Trial calls that are underway, and those that have succeeded. */
  readonly probes: number;
  readonly succeeded: number;
}

/** The service behind tools, which asked to be left alone, or is called more and more often after that. */
export interface UpstreamTrouble {
  readonly sinceMs: number;
  /** End of the pause; 0 when there was none before the ramp. */
  readonly untilMs: number;
  /** Calls at once that the ramp lets through, and the number that ends it. */
  readonly allowed: number;
  readonly goal: number;
}

export interface Troubles {
  readonly breakers: ReadonlyMap<string, BreakerTrouble>;
  readonly upstreams: ReadonlyMap<string, UpstreamTrouble>;
}

const BREAKER = "b:";
const UPSTREAM = "u:";

/** How troubles stand in Redis, by `b:<tool>` and `u:<upstream>`. */
export function decodeTroubles(texts: Readonly<Record<string, string>>): Troubles {
  const breakers = new Map<string, BreakerTrouble>();
  const upstreams = new Map<string, UpstreamTrouble>();
  for (const [field, text] of Object.entries(texts)) {
    const name = field.slice(BREAKER.length);
    if (field.startsWith(BREAKER)) {
      const { s, until_, probes, ok } = readJson<{
        s: "open" | "half";
        until_: number;
        probes: number;
        ok: number;
      }>(text);
      const state = s === "half" ? "half_open" : "open";
      breakers.set(name, { state, untilMs: until_, probes, succeeded: ok });
    } else {
      const { at, until_, allowed, goal } = readJson<{
        at: number;
        until_: number;
        allowed: number;
        goal: number;
      }>(text);
      upstreams.set(name, { sinceMs: at, untilMs: until_, allowed, goal });
    }
  }
  return { breakers, upstreams };
}

/** What tells everybody that a service has asked to be left alone. */
export const closedMessage = (upstream: string): string => `+${UPSTREAM}${upstream}`;

/** What is in trouble, by what was read and what was heard since. */
export class TroubleNames {
  readonly #fields: Set<string>;

  /** @param fields As they stand in Redis. */
  constructor(fields: readonly string[] = []) {
    this.#fields = new Set(fields);
  }

  /** False: the message says nothing of a trouble. */
  hear(message: string): boolean {
    const field = message.slice(1);
    if (message.startsWith("+")) this.#fields.add(field);
    else if (message.startsWith("-")) this.#fields.delete(field);
    else return false;
    return true;
  }

  /** Whether a tool must not be called without asking. */
  concern(tool: string, upstream: string): boolean {
    return this.#fields.has(`${BREAKER}${tool}`) || this.#fields.has(`${UPSTREAM}${upstream}`);
  }
}
