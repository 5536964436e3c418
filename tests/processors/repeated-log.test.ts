import { Writable } from "node:stream";

import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { RepeatedLog } from "../../processors/index.ts";

const COUNT_MS = 60_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a trouble is told once for each place, then counted, and told anew after it was away", () => {
  const lines: { msg: string; queue: string; times?: number }[] = [];
  const out = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(JSON.parse(chunk.toString()) as { msg: string; queue: string });
      done();
    },
  });
  const log = new RepeatedLog(pino(out), COUNT_MS);
  const warn = (queue: string, id: number) =>
    log.warn({ queue }, new Error(`job ${id} of 0123456789abcdef0123 failed`), "worker error");
  for (let id = 0; id < 100; id++) warn(id % 2 === 0 ? "a" : "b", id);
  expect(lines.map(({ queue, msg }) => `${queue} ${msg}`)).toEqual([
    "a worker error",
    "b worker error",
  ]);
  vi.advanceTimersByTime(COUNT_MS);
  const counted = lines.slice(2).map(({ queue, msg, times }) => `${queue} ${msg} ${times}`);
  expect(counted).toEqual(["a worker error, again 49", "b worker error, again 49"]);
  // Nothing came for as long as is counted: the next one is news.
  vi.advanceTimersByTime(COUNT_MS);
  warn("a", 1);
  expect(lines.slice(4).map(({ queue, msg }) => `${queue} ${msg}`)).toEqual(["a worker error"]);
  log.close();
});
