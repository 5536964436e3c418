import type { CallClass } from "./permit.ts";
import { LEVELS } from "./scripts/constants.ts";

export type Level = (typeof LEVELS)[number];

interface LevelChange {
  readonly at: string;
  readonly from: Level;
  readonly to: Level;
  readonly reason: string;
  /** Who fixed it, or `tutti` when failures changed it. */
  readonly by: string;
}

/** The level of the deployment and its history. */
export interface LevelView {
  readonly level: Level;
  /** Who fixed it by hand, and until when (ISO 8601). Null: until changed. */
  readonly fixed?: { readonly by: string; readonly until: string | null };
  /** Newest first. */
  readonly changes: readonly LevelChange[];
}

/** How well the services behind the tools answer. */
export interface Health {
  readonly now: number;
  readonly level: number;
  /** Who fixed the level, if anybody did. */
  readonly by?: string;
  /** Calls so far, by tool and by how they ended. */
  readonly outcomes: readonly { readonly tool: string; readonly end: CallClass; count: number }[];
  /** Tools with an open breaker. */
  readonly open: ReadonlySet<string>;
  /** The service behind each tool. */
  readonly upstreams: Readonly<Record<string, string>>;
}

/** {@link LevelView} as the script returns it. */
export interface LevelTexts {
  readonly level: number;
  readonly by?: string;
  readonly untilMs?: number;
  readonly changes: Readonly<Record<string, Readonly<Record<keyof LevelChange, string>>>>;
}

/** {@link Health} as the script returns it. */
export type HealthTexts = Omit<Health, "outcomes" | "open"> &
  Readonly<Record<"outcomes" | "open", object>>;

export const levelOf = (level: number | string): Level => LEVELS[Number(level)] ?? LEVELS[0];

const iso = (ms: number | string): string => new Date(Number(ms)).toISOString();

export function levelViewOf({ level, by, untilMs = 0, changes }: LevelTexts): LevelView {
  return {
    level: levelOf(level),
    ...(by === undefined ? {} : { fixed: { by, until: untilMs === 0 ? null : iso(untilMs) } }),
    changes: Object.entries(changes)
      .toSorted(([a], [b]) => Number(a) - Number(b))
      .map(([, { at, from, to, reason, by: who }]) => ({
        at: iso(at),
        from: levelOf(from),
        to: levelOf(to),
        reason,
        by: who,
      })),
  };
}

export function healthOf({ outcomes, open, ...seen }: HealthTexts): Health {
  return {
    ...seen,
    open: new Set(Object.keys(open)),
    outcomes: Object.entries(outcomes).map(([field, count]) => {
      const [tool = "", end] = field.split("\n");
      return { tool, end: end as CallClass, count: Number(count) };
    }),
  };
}
