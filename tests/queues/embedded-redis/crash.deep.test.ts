import { describe, expect, inject, test } from "vitest";

import { freshConfig, onRedis, serversOf, startUser, type User } from "./user.ts";

const ROUNDS = 25;
const USERS = 4;

/** Numbers that look random and are the same in every run (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = Math.trunc(state + 0x6d2b79f5);
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe.skipIf(!inject("canEmbed"))("whatever its users do", () => {
  test.each([1, 2, 3])(
    "there is never more than one server, and no write is lost (%d)",
    async (seed) => {
      const random = generator(seed);
      const config = freshConfig();
      let written = 0;
      let users: User[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        // Each round builds on the one before it.
        const leaving = users.filter(() => random() < 0.6);
        const coming = 1 + Math.floor(random() * USERS);
        users = users.filter((user) => !leaving.includes(user));
        const [arrived] = await Promise.all([
          Promise.all(Array.from({ length: coming }, () => startUser(config))),
          ...leaving.map((user) => (random() < 0.5 ? user.die() : user.leave())),
        ]);
        users.push(...arrived);
        expect(serversOf(config.home)).toHaveLength(1);
        expect(new Set(users.map(({ url }) => url)).size).toBe(1);
        const [{ url } = { url: "" }] = users;
        expect(Number(await onRedis(url, (redis) => redis.get("count")))).toBe(written);
        written = await onRedis(url, (redis) => redis.incr("count"));
      }
      await Promise.all(users.map((user) => user.leave()));
      expect(serversOf(config.home)).toEqual([]);
    },
  );
});
