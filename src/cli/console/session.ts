import { homedir, userInfo } from "node:os";
import { delimiter } from "node:path";

import {
  type Config,
  type ConfigOverrides,
  environmentSecrets,
  loadCatalogue,
  loadConfig,
  type ToolRegistry,
} from "../../../config/index.ts";
import type { Tutti } from "../../tutti.ts";
import { again } from "./again.ts";
import type { Cli } from "./cli.ts";

/** The part of a session that needs no Redis. */
export interface Catalogue {
  readonly config: Config;
  readonly registry: ToolRegistry;
}

/** Everything a command needs to talk to the service. */
export interface Session extends Catalogue {
  readonly redisUrl: string;
  readonly tutti: Tutti;
  /** Who submits: the user of this machine. */
  readonly actor: string;
  /** Whether a worker of this process can call the tool: its function may be another program's. */
  canServe(tool: string): boolean;
  /**
   * Starts a worker in this process; it is drained before the session closes.
   *
   * @param tools only these are served. Default: all that can be called here.
   */
  startWorker(tools?: readonly string[]): Promise<{ readonly id: string }>;
}

export interface SessionOptions {
  /** Catalogue files in addition to those of the configuration. */
  readonly catalogue?: readonly string[];
  readonly overrides?: ConfigOverrides;
}

/** Reads the configuration, with the catalogues of the command line after its own. */
export function openConfig(cli: Cli, options: SessionOptions = {}): Config {
  const { catalogue = [], overrides = {} } = options;
  const config = loadConfig(cli.io.env, overrides);
  if (catalogue.length === 0) return config;
  return loadConfig(cli.io.env, {
    ...overrides,
    catalogues: [...config.catalogues, ...catalogue],
  });
}

/**
 * Reads the configuration and the catalogue.
 *
 * @throws ValidationError with every problem of both.
 */
export function openCatalogue(cli: Cli, options: SessionOptions = {}): Catalogue {
  const config = openConfig(cli, options);
  const tell = (notice: string): void => cli.say(notice);
  return { config, registry: loadCatalogue({ files: config.catalogues, tell }) };
}

/**
 * Opens configuration, catalogue, Redis and the orchestrator, does the work, and closes all in the
 * opposite order, whatever happens.
 */
export async function withSession<T>(
  cli: Cli,
  options: SessionOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const { config, registry } = openCatalogue(cli, options);
  cli.signal.throwIfAborted();
  const closers: (() => Promise<void>)[] = [];
  const { bindTools, builtInHandlers, openRedis, secretSource, startWorker, Tutti } =
    await import("./running.ts");
  try {
    const onTalk = (line: string) => cli.say(cli.colors.dim(line));
    const redis = await again(cli, () => openRedis(config, { onTalk, signal: cli.signal }));
    closers.push(() => redis.close());
    const redisUrl = redis.url;
    const tutti = new Tutti({ ...config, redisUrl, registry });
    closers.push(() => tutti.close());
    cli.signal.throwIfAborted();
    const env = { PATH: config.searchPath.join(delimiter), HOME: homedir() };
    const secret = secretSource(secretsOf(cli, config));
    const handlers = builtInHandlers(config.filesDir);
    const bound = bindTools({ registry, handlers, secret, env });
    closers.push(() => bound.close());
    return await work({
      config,
      registry,
      redisUrl,
      tutti,
      actor: userName(),
      canServe: (tool) => bound.isBound(tool),
      async startWorker(tools) {
        const worker = await startWorker({
          ...config,
          redisUrl,
          registry,
          secret,
          env,
          ...(tools === undefined ? {} : { tools }),
        });
        closers.push(() => worker.close());
        return worker;
      },
    });
  } finally {
    // The worker needs the orchestrator's Redis until its last job is recorded.
    for (const close of closers.toReversed()) await close();
  }
}

export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // In a container the user id may have no name.
    return "cli";
  }
}

function secretsOf(cli: Cli, config: Config) {
  const given = [...environmentSecrets(cli.io.env)];
  return {
    env: Object.fromEntries(given.map(([name, value]) => [`TUTTI_SECRET_${name}`, value])),
    dir: config.secretsDir,
  };
}
