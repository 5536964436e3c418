import { expect, test } from "vitest";

import { Meter } from "../../../../processors/index.ts";
import { Durations } from "../../../../queues/index.ts";

test("a process that did nothing has nothing to say", () => {
  expect(new Meter().take()).toBeNull();
});

test("calls are counted by how they ended, once", () => {
  const meter = new Meter();
  for (const outcome of ["ok", "ok", "failed", "limited", "none"] as const) {
    const end = meter.begin("ask");
    meter.came("ask");
    end(outcome);
    end(outcome);
  }
  meter.waited("ask", 40);
  const { ask } = meter.take()!;
  expect(ask).toMatchObject({ came: 5, ok: 2, failed: 1, limited: 1, active: 0, oldestMs: 0 });
  expect(Durations.decode(ask!.service!).count).toBe(2);
  expect(Durations.decode(ask!.wait!).percentileMs(50)).toBe(40);
  expect(meter.take()).toBeNull();
});

test("calls that are underway are said again and again, with the age of the oldest", () => {
  const meter = new Meter();
  const ends = [meter.begin("ask"), meter.begin("ask")];
  expect(meter.take()!["ask"]).toMatchObject({ came: 0, ok: 0, active: 2 });
  ends[0]!("ok");
  expect(meter.take()!["ask"]).toMatchObject({ ok: 1, active: 1 });
  ends[1]!("none");
  expect(meter.take()).toBeNull();
});
