import type { LevelWithSilent, Logger } from "pino";

import type { DurabilityProfile, Strategy, ToolRegistry } from "../../config/index.ts";
import type { SecretSource, ToolHandler, UsageProbe } from "../../processors/index.ts";

/** How a worker process behaves. */
export interface StartWorkerOptions {
  /** Redis of the deployment, as a URL. */
  readonly redisUrl: string;
  /** Prefix of all keys; holds a hash tag. Default: `{tutti}`. */
  readonly prefix?: string;
  /** The tools it knows. Those with a binding are served. Default: the shipped catalogue. */
  readonly registry?: ToolRegistry;
  /** Functions behind `in_process` bindings, by handler name; they come on top of the built-in ones. */
  readonly handlers?: Readonly<Record<string, ToolHandler>>;
  /** Only these tools are served. Default: all that are bound. */
  readonly tools?: readonly string[];
  /** Where `secrets.NAME` comes from. Default: nowhere. */
  readonly secret?: SecretSource;
  /** Where PATH, HOME and LANG of commands come from. Default: usual values. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Processes with the same machine id share one machine. Default: the host name. */
  readonly machine?: string;
  /** How much of the machine its jobs may be believed to use. Default: "balanced". */
  readonly strategy?: Strategy;
  /** Says how the machine is used, for who learns from it. Default: the counters of this system. */
  readonly usage?: UsageProbe;
  /**
   * Learn from what is measured: needs and times of calls, what else runs on the machine, how many calls
   * services take. The same for all workers of a deployment; a worker that starts with `false` also ends
   * what was learned before. Default: true.
   */
  readonly learning?: boolean;
  /**
   * Look at samples of queues and machines for bottlenecks, and raise what the catalogue lets be raised where
   * that proves a gain; `dry-run`: only say what would be raised. The same for all workers of a deployment; one that
   * starts with `false` or `dry-run` also takes back what was raised. Default: true.
   */
  readonly optimizer?: boolean | "dry-run";
  /**
   * Id of a registered workflow that is started again and again, to see whether it completes; `false`: none any more. Default:
   * as the workers before have left it.
   */
  readonly canary?: string | false | undefined;
  /** How often. Milliseconds. Default: 60,000. */
  readonly canaryIntervalMs?: number;
  /** How often the optimizer looks; the same for all workers of a deployment. Milliseconds. Default: 5,000. */
  readonly optimizeIntervalMs?: number;
  /** How often queues and machines are sampled; the same for all workers of a deployment. Milliseconds. Default: 1,000. */
  readonly sampleIntervalMs?: number;
  /** A worker that is silent this long loses its steps to another. Milliseconds. Default: 30,000. */
  readonly lockDurationMs?: number;
  /** The same for control jobs. Milliseconds. Default: 15,000. */
  readonly controlLockDurationMs?: number;
  /**
   * How often work that a dead process left half done is looked for, in runs older than a third of it; the
   * same for all workers of a deployment. Milliseconds. Default: 30,000.
   */
  readonly sweepIntervalMs?: number;
  /**
   * Jobs are taken and ended in the calls that steps make anyway, by scripts that call BullMQ's own. Default: true where those
   * of the installed BullMQ are the tested ones; else by one command of BullMQ each, which costs more.
   */
  readonly sharedMoves?: boolean;
  /** How long `close` waits for running steps. Milliseconds. Default: 30,000. */
  readonly graceMs?: number;
  /** The longest pause that a service may ask for with `Retry-After`. Milliseconds. Default: an hour. */
  readonly maxRetryAfterMs?: number;
  /** Folder in which the shipped tools write files and look for them. Default: the working directory. */
  readonly filesDir?: string | undefined;
  /** Ended runs that are kept per tenant. Default: 1,000. */
  readonly retainRuns?: number;
  /** How long ended runs are kept. Milliseconds. Default: 7 days. */
  readonly retainMs?: number;
  /** The same for runs that did not complete. Milliseconds. Default: 30 days. */
  readonly retainFailedMs?: number;
  /** Runs of a tenant that are at work at the same time; the same for all processes of a deployment. Default: 10. */
  readonly maxRunning?: number;
  /**
   * `strict`: a tool that is not idempotent is called when it is on the disk of Redis, and where there is a replica there
   * as well, that it is called; the same for all processes of a deployment. Default: "standard".
   */
  readonly durability?: DurabilityProfile;
  /** With `strict`, how many replicas must have it. Default: 1 with sentinels, a cluster, or when a replica was seen, else 0. */
  readonly replicas?: number | undefined;
  /** The least important lines that are logged, as JSON on standard error. Default: "warn". */
  readonly logLevel?: LevelWithSilent;
  /** Takes the log lines instead. */
  readonly log?: Logger;
}
