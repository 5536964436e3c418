/**
 * How right the optimizer is, and what it gains, on the real stack in a time that goes ten times faster:
 * `npm run bench:optimizer [-- --json] [-- --quick] [-- --episodes 20] [-- --pairs 5] [-- --only failing,knee]`.
 *
 * Whatever was played is kept, one line each with seed and commit, so that a bench that was ended goes on where it
 * stood; `--fresh` begins anew. `--only` names classes of episodes (all: faults), loads (all: gains), courses (all: courses),
 * or predictions.
 *
 * `--courses FILE.json` plays courses of others (docs/optimizer.md) with the learner of caps in a time of its own, and prints
 * JSON; `--drawn 400` those that are drawn from `--seed` on; with `--real` on the real stack.
 */
import { loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { messageOf } from "../../config/index.ts";
import { commitNow } from "../commit.ts";
import { openFastRedis } from "../fast-redis.ts";
import { hasten, timesFaster } from "../fast-time.ts";
import { round } from "../statistics.ts";
import { COURSE_PLAYER, COURSES, type Coursed, type CourseOrders } from "./courses/courses.ts";
import { playPredictions, predictionsOf, type Predicted } from "./courses/predictions.ts";
import { CLASSES } from "./faults/draw.ts";
import { episodesOf, type EpisodeTimes } from "./faults/episodes.ts";
import type { Played } from "./faults/score.ts";
import { scoresOf } from "./faults/scores.ts";
import { coursesOf, playForeign, playForeignReally } from "./foreign/foreign.ts";
import type { Gained } from "./gains/arms.ts";
import { gainPlaysOf, gainsOf } from "./gains/gains.ts";
import { LOADS } from "./gains/loads.ts";
import { ResultFile } from "./ledger.ts";
import { printCourses, printGains, printScores } from "./print.ts";
import { Crew } from "./world/pace.ts";
import { inProcess, severalAtOnce } from "./world/processes.ts";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    fresh: { type: "boolean", default: false },
    episodes: { type: "string" },
    pairs: { type: "string" },
    only: { type: "string" },
    seed: { type: "string", default: "1000" },
    times: { type: "string", default: "10" },
    "at-once": { type: "string" },
    out: { type: "string" },
    courses: { type: "string" },
    drawn: { type: "string" },
    real: { type: "boolean", default: false },
  },
});
const talk = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
const isForeign = flags.courses !== undefined || flags.drawn !== undefined;
const foreign = isForeign ? readForeign() : [];
if (isForeign && !flags.real) {
  await playForeign(foreign);
  process.exit();
}
await hasten(Number(flags.times), talk);
if (isForeign) {
  await playForeignReally(foreign, Number(flags["at-once"] ?? 1), talk);
  process.exit();
}

const QUICK: EpisodeTimes = { faultMs: 50_000, endMs: 135_000, lastMs: 30_000 };
const WHOLE: EpisodeTimes = { faultMs: 100_000, endMs: 220_000, lastMs: 60_000 };
const QUICK_LOADS: ReadonlySet<string> = new Set(["skew", "knee"]);
const QUICK_SHARE = 0.25;
/** At most: on two cores five cost precision. Loads want time that goes less fast, too: --times 6. */
const AT_ONCE = flags.quick ? 4 : 3;
const COURSES_AT_ONCE = 2;

const commit = commitNow();
const GROUPS = { faults: CLASSES, gains: LOADS, courses: COURSES, predictions: ["predictions"] };
const only = flags.only?.split(",").flatMap((name) => {
  const group = (GROUPS as Readonly<Record<string, readonly string[]>>)[name] ?? [name];
  const isKnown = Object.values(GROUPS).flat().includes(group[0]!);
  if (!isKnown) throw new Error(`expected --only to name what there is, got: ${name}`);
  return group;
});
const isAsked = (name: string): boolean => only === undefined || only.includes(name);
const classes = CLASSES.filter(isAsked);
const loads = LOADS.filter(
  (load) => isAsked(load) && (!flags.quick || only !== undefined || QUICK_LOADS.has(load)),
);
const courses = COURSES.filter((course) => isAsked(course) && !flags.quick);
const folder =
  flags.out ??
  (flags.quick
    ? null
    : fileURLToPath(new URL(`../../../bench-results/${commit}`, import.meta.url)));
const fileOf = (name: string): string | null =>
  folder === null ? null : join(folder, `${name}.jsonl`);
const episodes = new ResultFile<Played>(fileOf("episodes"), commit, flags.fresh);
const gains = new ResultFile<Gained>(fileOf("gains"), commit, flags.fresh);
const coursed = new ResultFile<Coursed>(fileOf("courses"), commit, flags.fresh);
const isForetelling = isAsked("predictions") && !flags.quick;
const predicted = new ResultFile<Predicted>(fileOf("predictions"), commit, flags.fresh);
const before = loadavg()[0]!;
const crew = new Crew(Number(flags["at-once"] ?? AT_ONCE), flags["at-once"] !== undefined);
const startMs = performance.now();
const redis = await openFastRedis(talk);
try {
  const shared = { redisUrl: redis.url, firstSeed: Number(flags.seed) };
  const faultPlays = episodesOf({
    ...shared,
    ...(flags.quick ? QUICK : WHOLE),
    classes,
    count: Number(flags.episodes ?? (flags.quick ? 1 : 20)),
    isPlayed: (what, seed) =>
      episodes.all.some(
        (one) => one.what === what && one.seed === seed && one.pace?.isVoid !== true,
      ),
    onPlayed: (played) => {
      episodes.add(played);
      talk(lineOf(played));
    },
    onVoid: ({ what, seed, pace }) => {
      crew.narrow();
      talk(
        `${what} ${seed}: void, its time could not be held (${JSON.stringify(pace)}); once more`,
      );
    },
  });
  const gainPlays = gainPlaysOf({
    ...shared,
    loads,
    pairs: Number(flags.pairs ?? (flags.quick ? 1 : 5)),
    share: flags.quick ? QUICK_SHARE : 1,
    isPlayed: (load, arm, seed) =>
      gains.all.some((one) => one.load === load && one.arm === arm && one.seed === seed),
    onPlayed: (gained) => {
      gains.add(gained);
      talk(JSON.stringify(gained));
    },
  });
  const coursePlays = courses
    .filter((course) => !coursed.all.some((one) => one.course === course))
    .map((course) => async () => {
      const orders: CourseOrders = { redisUrl: redis.url, course, seed: shared.firstSeed };
      const done = await inProcess<Coursed>(COURSE_PLAYER, orders);
      coursed.add(done);
      talk(JSON.stringify(done));
    });
  // Loads are disturbed by what runs beside them, and disturb it: only who is in a hurry mixes them.
  const rounds = flags.quick ? [[...gainPlays, ...faultPlays]] : [faultPlays, gainPlays];
  for (const plays of rounds) await severalAtOnce(crew, plays);
  await severalAtOnce({ size: Math.min(COURSES_AT_ONCE, crew.size) }, coursePlays);
  if (isForetelling)
    await playPredictions(
      redis.url,
      Number(flags.seed),
      (one) => {
        predicted.add(one);
        talk(JSON.stringify(one));
      },
      (change) => predicted.all.some((one) => one.change === change),
    );
} finally {
  await redis.close();
}
const asked = episodes.all.filter(({ what }) => classes.includes(what));
// What could not hold its time says nothing: it is no miss.
const valid = asked.filter(({ pace }) => pace?.isVoid !== true);
const scores = scoresOf(valid);
const workloads = gainsOf(gains.all, loads);
const ratios = workloads.map(({ toBare }) => toBare.ratio);
const report = {
  commit,
  times: timesFaster,
  tookS: round((performance.now() - startMs) / 1_000 / timesFaster, 1),
  load: { before: round(before), after: round(loadavg()[0]!) },
  bestRatio: ratios.length === 0 ? null : Math.min(...ratios),
  worstRatio: ratios.length === 0 ? null : Math.max(...ratios),
  workloads,
  courses: coursed.all,
  predictions: predictionsOf(predicted.all),
  void: asked.length - valid.length,
  lagP95Ms: Math.max(0, ...valid.map(({ pace }) => pace?.lagP95Ms ?? 0)),
  precision: scores.single.precision,
  recall: scores.single.recall,
  ...scores,
};
if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
else
  process.stdout.write(
    `${printScores(scores)}\n\n${printGains(workloads)}\n\n${printCourses(coursed.all)}\n`,
  );

function readForeign(): ReturnType<typeof coursesOf> {
  try {
    return coursesOf(flags);
  } catch (thrown) {
    talk(`--courses: ${messageOf(thrown)}`);
    process.exit(2);
  }
}

function lineOf({ what, seed, outcomes, alarms, hot, pace }: Played): string {
  const said = outcomes.map(
    ({ injected, reported, isNamed, delayMs }) =>
      `${injected === reported ? "ok  " : "MISS"} ${injected} -> ${reported}${isNamed ? "" : " (culprit not named)"} ${delayMs === null ? "" : `${Math.round(delayMs / 1_000)} s`}`,
  );
  const wrongly = alarms.map(({ tool, kind }) => `${tool} ${kind}`).join(", ");
  const isVoid = pace?.isVoid === true ? "VOID " : "";
  return `${isVoid}${what} ${seed}: ${said.join("; ")}${wrongly === "" ? "" : ` ALARMS ${wrongly}`} (hot ${hot.toFixed(2)})`;
}
