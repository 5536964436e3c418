import type { DurabilityProfile, ToolRegistry } from "../config/index.ts";

/** How a client finds its deployment. */
export interface TuttiOptions {
  /** Redis of the deployment, as a URL. */
  readonly redisUrl: string;
  /** Prefix of all keys; holds a hash tag. Default: `{tutti}`. */
  readonly prefix?: string;
  /** The tools workflows may use. Default: the shipped catalogue. */
  readonly registry?: ToolRegistry;
  /** Runs of a tenant that are at work at the same time, the others wait; the same for all processes of a deployment. Default: 10. */
  readonly maxRunning?: number;
  /** After this time without an answer of Redis an operation fails as `redis_unavailable`. Milliseconds. Default: 5,000. */
  readonly redisDeadlineMs?: number;
  /**
   * `strict`: what is told as done (submissions, decisions, registrations, ...) is on the disk of Redis and, where there
   * is a replica, there as well; the same for all processes of a deployment. Default: "standard".
   */
  readonly durability?: DurabilityProfile;
  /** With `strict`, how many replicas must have it. Default: 1 with sentinels, a cluster, or when a replica was seen, else 0. */
  readonly replicas?: number | undefined;
}
