import { readJson } from "../../../config/index.ts";

/** A breaker that is not closed. Times are Redis' own. Milliseconds. */
export interface BreakerTrouble {
  /** `half_open`: some calls test whether the tool is back. */
  readonly state: "open" | "half_open";
  readonly untilMs: number;
  /** Probes underway, and probes that succeeded. */
  readonly probes: number;
  readonly succeeded: number;
}

/** A service that asked to be left alone, or that is in the ramp after that. */
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

/** Decodes troubles as Redis stores them, by `b:<tool>` and `u:<upstream>`. */
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

/** Message to all that a service has asked to be left alone. */
export const closedMessage = (upstream: string): string => `+${UPSTREAM}${upstream}`;

/** The names of tools and upstreams in trouble, as first read and kept up to date by messages. */
export class TroubleNames {
  readonly #fields: Set<string>;

  /** @param fields As Redis stores them. */
  constructor(fields: readonly string[] = []) {
    this.#fields = new Set(fields);
  }

  /** False: the message is not about a trouble. */
  hear(message: string): boolean {
    const field = message.slice(1);
    if (message.startsWith("+")) this.#fields.add(field);
    else if (message.startsWith("-")) this.#fields.delete(field);
    else return false;
    return true;
  }

  /** Whether a call of the tool must ask the gate first. */
  concern(tool: string, upstream: string): boolean {
    return this.#fields.has(`${BREAKER}${tool}`) || this.#fields.has(`${UPSTREAM}${upstream}`);
  }
}
