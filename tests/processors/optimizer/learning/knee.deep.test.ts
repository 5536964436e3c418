import { expect, test } from "vitest";

import { KneeControl } from "../../../../processors/optimizer/learning/knee.ts";
import { SEED } from "../../../support/runner/seed.ts";
import { chance } from "./chance.ts";
import {
  reversals,
  type ServicePhase,
  type ServiceSetting,
  simulateService,
  throughput,
} from "./simulated-service.ts";

interface World extends Partial<ServiceSetting> {
  readonly name: string;
  readonly phases: readonly ServicePhase[];
  readonly startCap?: number;
  /** Between these times what is done is compared with what could be. Seconds. */
  readonly cuts: readonly number[];
}

const SEEDS = Array.from({ length: 32 }, (_, at) => SEED + 17 * at);
/** Share of what a known knee would do, and turns of the cap a minute. */
const BARS = { geometric: 0.9, reversals: 2 };

const there = (knee: number, back: number): readonly ServicePhase[] => [
  { fromS: 0, knee },
  { fromS: 300, knee: back },
  { fromS: 600, knee },
];

const WORLDS: readonly World[] = [
  { name: "16, 8, 16", phases: there(16, 8), cuts: [60, 300, 360, 600, 660, 900] },
  { name: "shares evenly", phases: there(16, 8), loss: 0, cuts: [60, 300, 360, 600, 660, 900] },
  { name: "varies much", phases: there(16, 8), variation: 1, loss: 0.2, cuts: [60, 300, 600, 900] },
  {
    name: "long calls",
    phases: [
      { fromS: 0, knee: 16, serviceS: 5 },
      { fromS: 80, knee: 8, serviceS: 5 },
      { fromS: 200, knee: 16, serviceS: 5 },
    ],
    variation: 0.6,
    startCap: 12,
    cuts: [0, 80, 200, 320],
  },
  {
    name: "40, 10, 6 s",
    phases: [
      { fromS: 0, knee: 40, serviceS: 6, rate: 44 / 6 },
      { fromS: 240, knee: 10, serviceS: 6, rate: 11 / 6 },
    ],
    variation: 0.6,
    callers: 400,
    cuts: [0, 120, 240, 360, 600],
  },
  {
    name: "40, 10, 1 s",
    phases: [
      { fromS: 0, knee: 40, serviceS: 1 },
      { fromS: 240, knee: 10, serviceS: 1 },
    ],
    variation: 0.6,
    callers: 400,
    cuts: [0, 120, 240, 360, 600],
  },
  {
    name: "slower for all",
    phases: [
      { fromS: 0, knee: 16 },
      { fromS: 300, knee: 16, serviceS: 4 },
    ],
    cuts: [60, 300, 400, 900],
  },
  {
    name: "faster for all",
    phases: [
      { fromS: 0, knee: 16, serviceS: 4 },
      { fromS: 300, knee: 16 },
    ],
    cuts: [60, 300, 400, 900],
  },
  {
    name: "10, 40",
    phases: [
      { fromS: 0, knee: 10, serviceS: 3 },
      { fromS: 300, knee: 40, serviceS: 3 },
    ],
    variation: 0.6,
    callers: 200,
    cuts: [60, 300, 400, 800],
  },
  {
    name: "3, 6",
    phases: [
      { fromS: 0, knee: 3 },
      { fromS: 400, knee: 6 },
    ],
    cuts: [60, 400, 550, 900],
  },
  { name: "100", phases: [{ fromS: 0, knee: 100 }], callers: 300, cuts: [60, 400] },
  { name: "load 0.85", phases: [{ fromS: 0, knee: 16, rate: 6.8 }], cuts: [60, 900] },
  { name: "load 1.1", phases: [{ fromS: 0, knee: 16, rate: 8.8 }], cuts: [60, 900] },
  { name: "none", phases: [{ fromS: 0, knee: Infinity }], callers: 40, cuts: [60, 600] },
];

// It computes all the time: what it takes is up to the machine.
test(
  "a learned cap does nearly what a known knee would, in fourteen services",
  { timeout: 1_800_000 },
  () => {
    const means: number[] = [];
    const table: string[] = [];
    for (const { name, cuts, startCap, ...setting } of WORLDS) {
      const seconds = cuts.at(-1)!;
      const control = () => new KneeControl(startCap === undefined ? {} : { startCap });
      const courses = SEEDS.map((seed) =>
        simulateService({
          loss: 0.4,
          callers: 64,
          variation: 0.5,
          ...setting,
          seconds,
          chance: chance(seed),
          control: control(),
        }),
      );
      const shares = cuts.slice(1).map((toS, at) => {
        const fromS = cuts[at]!;
        const {
          knee,
          serviceS = 2,
          rate = Infinity,
        } = setting.phases.findLast((one) => one.fromS <= fromS)!;
        const most = Math.min(rate, Math.min(knee, setting.callers ?? 64) / serviceS);
        const all = courses.map((course) => throughput(course, fromS, toS) / most);
        const mean = all.reduce((sum, one) => sum + one, 0) / all.length;
        return { mean, tenth: all.toSorted((a, b) => a - b)[Math.floor(all.length / 10)]! };
      });
      const turns = courses.map((course) => reversals(course, 60, seconds));
      const turned = turns.reduce((sum, one) => sum + one, 0) / turns.length;
      expect(turned, name).toBeLessThan(BARS.reversals);
      means.push(shares.reduce((sum, { mean }) => sum + Math.log(mean), 0) / shares.length);
      const said = shares.map(
        ({ mean, tenth }, at) =>
          `${cuts[at]}-${cuts[at + 1]} s ${mean.toFixed(2)} (${tenth.toFixed(2)})`,
      );
      table.push(`| ${name} | ${said.join(", ")} | ${turned.toFixed(2)} |`);
    }
    const geometric = Math.exp(means.reduce((sum, one) => sum + one, 0) / means.length);
    process.stdout.write(
      `${table.join("\n")}\ngeometric mean ${geometric.toFixed(3)}, seed ${SEED}\n`,
    );
    expect(geometric).toBeGreaterThan(BARS.geometric);
  },
);
