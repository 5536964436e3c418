import type { Redis } from "ioredis";

import { REDIS_DEADLINE_MS } from "../config/index.ts";
import { withinDeadline } from "../queues/client.ts";
import type { Durability } from "../queues/index.ts";

/** How long a client waits for Redis. */
export interface Deadlines {
  /** No longer than it is told to. */
  readonly soon: <T>(work: Promise<T>) => Promise<T>;
  /**
   * The same for what somebody is told is done: until it is kept. That it can be kept at all is asked first, so a deployment
   * that cannot is told before what is wrong with a form.
   */
  readonly kept: <T>(work: () => Promise<T>) => Promise<T>;
}

/** @param ms after this time without an answer of Redis. Milliseconds. Default: 5,000. */
export function deadlinesOf(
  redis: Redis,
  durability: Durability,
  ms: number = REDIS_DEADLINE_MS,
): Deadlines {
  const soon = <T>(work: Promise<T>): Promise<T> => withinDeadline(work, redis, ms);
  return { soon, kept: (work) => durability.keep(() => soon(work()), ms) };
}

/** Of each asynchronous method of a door, which of the two holds it. */
type Rules<T> = {
  readonly [
    Name in keyof T as T[Name] extends (...args: never[]) => Promise<unknown> ? Name : never
  ]: keyof Deadlines;
};

/**
 * A door of which every asynchronous method is held to the deadlines of its client. This is the one place where they
 * are applied: what is behind a door waits for Redis without a thought.
 */
export function withDeadlines<T extends object>(
  door: T,
  { soon, kept }: Deadlines,
  rules: Rules<T>,
): T {
  const held = new Map<PropertyKey, keyof Deadlines>(Object.entries(rules));
  // The methods that it calls of itself are held by the one that was called from outside.
  return new Proxy(door, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      const call = (...args: unknown[]): unknown => Reflect.apply(value, target, args);
      const rule = held.get(name);
      if (rule === undefined) return call;
      const work = async (...args: unknown[]): Promise<unknown> => call(...args);
      return (...args: unknown[]) =>
        rule === "soon" ? soon(work(...args)) : kept(() => work(...args));
    },
  });
}
