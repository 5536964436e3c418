import { inProcess } from "../world/processes.ts";
import { figuresOf, type CourseFigures } from "./figures.ts";
import type { ForeignCourse } from "./format.ts";
import type { Played } from "./service.ts";

const PLAYER = new URL("real-player.js", import.meta.url);

export interface RealOrders {
  readonly redisUrl: string;
  readonly course: ForeignCourse;
  /** False: the declared limit alone. */
  readonly learning: boolean;
}

/** Plays a course on the real stack, and once more with the declared limit alone. */
export async function playReally(redisUrl: string, course: ForeignCourse): Promise<CourseFigures> {
  const play = (learning: boolean): Promise<Played> =>
    inProcess<Played>(PLAYER, { redisUrl, course, learning } satisfies RealOrders);
  return figuresOf(course, await play(true), await play(false));
}
