import { median, quantile, round } from "../../statistics.ts";
import type { CourseFigures } from "./figures.ts";

/** What many courses say together. */
export interface CoursesReport {
  readonly courses: number;
  /** Phases that were long enough to be judged, and the share of them that were right in time, and all in all. */
  readonly judged: number;
  readonly inTime: number | null;
  readonly ok: number | null;
  /** Share of the courses of which every phase was. */
  readonly okCourses: number | null;
  /** Throughput from when the cap was right, over the best fixed cap: the worst twentieth, and the median. */
  readonly shareP5: number | null;
  readonly shareP50: number | null;
  /** Calls over those that the declared limit alone would have done. */
  readonly toDeclared: {
    readonly least: number;
    readonly mean: number;
    readonly geometric: number;
  };
}

export function reportOf(all: readonly CourseFigures[]): CoursesReport {
  const phases = all.flatMap((course) => course.phases).filter(({ ok }) => ok !== null);
  const shares = phases.flatMap(({ shareAfter }) => (shareAfter === null ? [] : [shareAfter]));
  const ratios = all.map(({ toDeclared }) => toDeclared);
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const part = (count: number, of: number): number | null =>
    of === 0 ? null : round(count / of, 3);
  return {
    courses: all.length,
    judged: phases.length,
    inTime: part(
      phases.filter(({ to80S, allowedS }) => to80S !== null && to80S <= allowedS).length,
      phases.length,
    ),
    ok: part(phases.filter(({ ok }) => ok).length, phases.length),
    okCourses: part(
      all.filter((course) => course.phases.every(({ ok }) => ok !== false)).length,
      all.length,
    ),
    shareP5: quantile(shares, 0.05),
    shareP50: median(shares),
    toDeclared: {
      least: Math.min(...ratios),
      mean: round(mean(ratios), 3)!,
      geometric: round(Math.exp(mean(ratios.map(Math.log))), 3)!,
    },
  };
}
