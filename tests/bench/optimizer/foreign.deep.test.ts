import { expect, test } from "vitest";

import { drawCourse } from "../../../bench/optimizer/foreign/draw.ts";
import { playCourse } from "../../../bench/optimizer/foreign/play.ts";
import { reportOf } from "../../../bench/optimizer/foreign/report.ts";
import { LEARN_INTERVAL_MS } from "../../../processors/optimizer/learner.ts";
import { SEED } from "../../support/runner/seed.ts";

const COURSES = 400;

test(
  "over 400 courses of every kind the cap is right in time, brings what it should, and does no harm",
  { timeout: 1_800_000 },
  () => {
    const played = Array.from({ length: COURSES }, (_, at) =>
      playCourse(drawCourse(SEED + at), LEARN_INTERVAL_MS / 1_000),
    );
    const report = reportOf(played);
    process.stdout.write(`${JSON.stringify(report)}, seed ${SEED}\n`);
    expect(report.inTime).toBeGreaterThanOrEqual(0.95);
    expect(report.ok).toBeGreaterThan(0.93);
    expect(report.shareP5).toBeGreaterThan(0.88);
    expect(report.toDeclared.least).toBeGreaterThanOrEqual(0.8);
    expect(report.toDeclared.mean).toBeGreaterThanOrEqual(1);
  },
);
