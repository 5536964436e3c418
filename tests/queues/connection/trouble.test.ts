import { createRequire } from "node:module";

import { describe, expect, it } from "vitest";

import { TuttiError } from "../../../config/index.ts";
import { REDIS_TROUBLES, unavailable } from "../../../queues/client.ts";
import { redisTrouble } from "../../../queues/connection/trouble.ts";

/** What ioredis throws when Redis answers with an error. */
const { ReplyError } = createRequire(createRequire(import.meta.url).resolve("ioredis"))(
  "redis-errors",
) as { ReplyError: new (message: string) => Error };

const ANSWERS: readonly (readonly [answer: string, trouble: string | null])[] = [
  ["OOM command not allowed when used memory > 'maxmemory'.", "OOM"],
  [
    "OOM command not allowed when used memory > 'maxmemory'. script: 12ab, on @user_script:7.",
    "OOM",
  ],
  [
    "ERR Error running script (call to f_12ab): @user_script:7: @user_script: 7: -OOM command not allowed when used memory > 'maxmemory'. ",
    "OOM",
  ],
  ["READONLY You can't write against a read only replica.", "READONLY"],
  [
    "ERR Error running script (call to f_12ab): @user_script:7: @user_script: 7: -READONLY You can't write against a read only replica. ",
    "READONLY",
  ],
  [
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "MISCONF",
  ],
  ["MISCONF Errors writing to the AOF file: No space left on device", "MISCONF"],
  ["NOREPLICAS Not enough good replicas to write.", "NOREPLICAS"],
  [
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "MASTERDOWN",
  ],
  ["CLUSTERDOWN Hash slot not served", "CLUSTERDOWN"],
  ["TRYAGAIN Multiple keys request during rehashing of slot", "TRYAGAIN"],
  ["BUSY Redis is busy running a script. You can only call SCRIPT KILL.", "BUSY"],
  ["LOADING Redis is loading the dataset in memory", "LOADING"],
  ["WRONGTYPE Operation against a key holding the wrong kind of value", null],
  ["NOSCRIPT No matching script. Please use EVAL.", null],
  ["NOAUTH Authentication required.", null],
  ["ERR Error running script (call to f_12ab): @user_script:7: expected OOM", null],
  ["BUSYGROUP Consumer Group name already exists", null],
  ["ERR value is not an integer or out of range", null],
];

describe("what Redis answers while it cannot work", () => {
  it.each(ANSWERS)("%s", (answer, trouble) => {
    expect(redisTrouble(new ReplyError(answer))).toBe(trouble);
    // The same words from somebody else say nothing of Redis.
    expect(redisTrouble(new Error(answer))).toBeNull();
  });

  it("has a row for each trouble", () => {
    const seen = new Set(ANSWERS.map(([, trouble]) => trouble));
    expect(Object.keys(REDIS_TROUBLES).filter((trouble) => !seen.has(trouble))).toEqual([]);
  });

  it("is told by the cause of a transaction that was refused", () => {
    const thrown = Object.assign(
      new ReplyError("EXECABORT Transaction discarded because of previous errors."),
      { previousErrors: [new ReplyError("OOM command not allowed")] },
    );
    expect(redisTrouble(thrown)).toBe("OOM");
  });
});

describe("unavailable", () => {
  it.each([
    ["connect ECONNREFUSED 127.0.0.1:6379"],
    ["connect EHOSTUNREACH 10.0.0.1:6379"],
    ["getaddrinfo EAI_AGAIN redis"],
    ["Connection is closed."],
    ["All sentinels are unreachable. Retrying from scratch after 10ms."],
  ])("%s: Redis is away", (message) => {
    expect(unavailable(new Error(message))).toMatchObject({ code: "redis_unavailable" });
  });

  it("leaves what is told already, and what is no trouble of Redis", () => {
    const told = new TuttiError("run_not_found", "no run LOADING: ECONNREFUSED");
    expect(unavailable(told)).toBe(told);
    const fault = new ReplyError("WRONGTYPE Operation against a key");
    expect(unavailable(fault)).toBe(fault);
  });
});
