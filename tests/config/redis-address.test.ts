import { describe, expect, test } from "vitest";

import { parseRedisAddress, shownRedisAddress } from "../../config/index.ts";

const at = (host: string, port: number) => ({ host, port });

describe("the address of a Redis", () => {
  test.each([
    ["redis://localhost", { kind: "server", nodes: [at("localhost", 6_379)], db: 0 }],
    ["redis://127.0.0.1:6400/3", { nodes: [at("127.0.0.1", 6_400)], db: 3 }],
    ["redis://[::1]:6400", { nodes: [at("::1", 6_400)] }],
    ["redis://:p%40ss@h", { password: "p@ss" }],
    ["redis://ann:a:b@h", { username: "ann", password: "a:b" }],
    [
      "rediss://h:1/2?ca=/etc/ca.pem&servername=x.test",
      { isEncrypted: true, ca: "/etc/ca.pem", servername: "x.test", db: 2 },
    ],
    [
      "redis+sentinel://:p@a:1,b/m/4?sentinelPassword=s",
      {
        kind: "sentinel",
        nodes: [at("a", 1), at("b", 26_379)],
        master: "m",
        db: 4,
        password: "p",
        sentinelPassword: "s",
      },
    ],
    ["rediss+sentinel://a/m", { kind: "sentinel", isEncrypted: true }],
    ["redis+cluster://a:1,b:2", { kind: "cluster", nodes: [at("a", 1), at("b", 2)] }],
  ])("%s", (text, expected) => {
    expect(parseRedisAddress(text)).toMatchObject(expected);
  });

  test.each([
    "",
    "http://x",
    "localhost:6379",
    "redis://",
    "redis://a,b",
    "redis://a:99999",
    "redis://a/x",
    "redis://a/1/2",
    "redis://%@a",
    "redis+sentinel://a",
    "redis+sentinel://a/m/x",
    "redis+cluster://a/1",
    "redis+other://a",
  ])("%j is none", (text) => {
    expect(parseRedisAddress(text)).toBeNull();
  });

  test.each([
    ["redis://ann:secret@h:1/2", "h:1/2"],
    ["redis+sentinel://:secret@a:1,b:2/m/3?sentinelPassword=hidden", "a:1,b:2/m/3"],
    ["redis://:secret@[::1]", "[::1]:6379"],
  ])("%s is shown without its passwords", (text, shown) => {
    expect(shownRedisAddress(text)).toBe(shown);
  });
});
