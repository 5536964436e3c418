import { inProcess, type Task } from "../world/processes.ts";
import { CLASSES, type EpisodeClass } from "./draw.ts";
import type { Played } from "./score.ts";

/** When the fault comes, when the episode ends, and for how long before that verdicts count. Milliseconds. */
export interface EpisodeTimes {
  readonly faultMs: number;
  readonly endMs: number;
  readonly lastMs: number;
}

export interface EpisodeOrders extends EpisodeTimes {
  readonly redisUrl: string;
  readonly what: EpisodeClass;
  readonly seed: number;
}

export interface EpisodesOptions extends EpisodeTimes {
  readonly redisUrl: string;
  readonly classes: readonly EpisodeClass[];
  /** Of each class. */
  readonly count: number;
  readonly firstSeed: number;
  /** Episodes that were played before. */
  readonly isPlayed: (what: EpisodeClass, seed: number) => boolean;
  readonly onPlayed: (played: Played) => void;
  /** It could not hold its time, and is played once more. */
  readonly onVoid: (played: Played) => void;
}

/** How often an episode is played until it holds its time. */
const TRIES = 3;
const PLAYER = new URL("player.js", import.meta.url);

/** So many episodes of each class, each in a process of its own. */
export function episodesOf(options: EpisodesOptions): Task[] {
  const { redisUrl, classes, count, firstSeed, isPlayed } = options;
  const { faultMs, endMs, lastMs } = options;
  // All classes in turn, so that whoever ends early has some of each.
  const orders: EpisodeOrders[] = Array.from({ length: count }, (_, round) =>
    classes.map((what) => ({
      redisUrl,
      what,
      // No two episodes are alike.
      seed: firstSeed + round * CLASSES.length + CLASSES.indexOf(what),
      faultMs,
      endMs,
      lastMs,
    })),
  )
    .flat()
    .filter(({ what, seed }) => !isPlayed(what, seed));
  return orders.map((order) => async () => {
    let played = await inProcess<Played>(PLAYER, order);
    for (let tries = 1; played.pace?.isVoid === true && tries < TRIES; tries++) {
      options.onVoid(played);
      played = await inProcess<Played>(PLAYER, order);
    }
    options.onPlayed(played);
  });
}
