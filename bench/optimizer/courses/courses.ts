import type { Plans } from "../../../src/optimizer/service/planning.ts";

/**
 * `steady`: the same load for ten minutes; `fall`: a service that carries 40 calls, then 10; `plans`: an hour, and what
 * should be changed for each target under each strategy.
 */
export const COURSES = ["steady", "fall", "plans"] as const;
export type CourseName = (typeof COURSES)[number];

/** The program that plays them. */
export const COURSE_PLAYER = new URL("course-player.js", import.meta.url);

export interface CourseOrders {
  readonly redisUrl: string;
  readonly course: CourseName;
  readonly seed: number;
}

/** What became of a course. */
export type Coursed =
  | ({ readonly course: "plans"; readonly seed: number } & Plans)
  | {
      readonly course: "steady";
      readonly seed: number;
      readonly minutes: number;
      /** Changes of tools that machines limit. */
      readonly adjustments: number;
      /** By service, how often a minute its cap turned from up to down or from down to up. */
      readonly reversalsPerMinute: Readonly<Record<string, number>>;
    }
  | {
      readonly course: "fall";
      readonly seed: number;
      /** From the fall until the cap is at most half above what the service carries. Seconds; null: never. */
      readonly followedAfterS: number | null;
      /** Calls a second before, in the minute of the fall, and from two minutes after it on. */
      readonly beforePerS: number;
      readonly fallingPerS: number;
      readonly afterPerS: number;
      /** Over what the best fixed cap would do: as many calls as the service carries. */
      readonly beforeShare: number;
      readonly afterShare: number;
      /** What the audit says, the oldest first. */
      readonly audit: readonly string[];
      /** The cap after the last change of it was taken back by hand; null: there was none. */
      readonly rolledBack: { readonly to: number | null; readonly cap: number | null } | null;
    };
