import { readFileSync } from "node:fs";

import { LEARN_INTERVAL_MS } from "../../../processors/optimizer/learner.ts";
import { openFastRedis } from "../../fast-redis.ts";
import { severalAtOnce } from "../world/processes.ts";
import { drawCourse } from "./draw.ts";
import type { CourseFigures } from "./figures.ts";
import { readCourses, type ForeignCourse } from "./format.ts";
import { playCourse } from "./play.ts";
import { playReally } from "./real.ts";
import { reportOf } from "./report.ts";

/** Courses of a file, or so many drawn ones by their seeds. */
export function coursesOf(flags: {
  readonly courses?: string | undefined;
  readonly drawn?: string | undefined;
  readonly seed: string;
}): readonly ForeignCourse[] {
  if (flags.courses !== undefined)
    return readCourses(JSON.parse(readFileSync(flags.courses, "utf8")));
  const count = Number(flags.drawn);
  return Array.from({ length: count }, (_, at) => drawCourse(Number(flags.seed) + at));
}

/** Plays courses in a time of their own; prints figures of each, and of all together, as JSON. */
export async function playForeign(courses: readonly ForeignCourse[]): Promise<void> {
  await print(courses.map((course) => playCourse(course, LEARN_INTERVAL_MS / 1_000)));
}

/** The same on the real stack, some at once. */
export async function playForeignReally(
  courses: readonly ForeignCourse[],
  atOnce: number,
  onTalk: (line: string) => void,
): Promise<void> {
  const redis = await openFastRedis(onTalk);
  const figures: CourseFigures[] = [];
  try {
    const plays = courses.map((course, at) => async () => {
      figures[at] = await playReally(redis.url, course);
      onTalk(JSON.stringify(figures[at]));
    });
    await severalAtOnce({ size: atOnce }, plays);
  } finally {
    await redis.close();
  }
  await print(figures);
}

/** Resolves when it is out: who ends the process would cut it. */
function print(courses: readonly CourseFigures[]): Promise<void> {
  const text = `${JSON.stringify({ ...reportOf(courses), figures: courses })}\n`;
  return new Promise((resolve) => {
    process.stdout.write(text, () => resolve());
  });
}
