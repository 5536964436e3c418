/** The door of queues/embedded-redis/: provides a Redis, whether or not one was given. */
import { messageOf, shownRedisAddress, TuttiError, type Config } from "../../config/index.ts";
import { askRedis } from "./connection-check.ts";
import { fetchServer } from "./fetch.ts";
import { makeRedisFolder, type RedisFolder } from "./folder.ts";
import { installHint } from "./install-hint.ts";
import { adoptServer, startServer, stopServer, syncAlways } from "./launch.ts";
import { locateServer, type ServerBinary } from "./locate.ts";
import { withLock } from "./lock.ts";
import { canFetch } from "./packages.ts";
import { addUser, removeUser } from "./users.ts";

/** The part of the {@link Config} that decides which Redis is used. */
export type RedisConfig = Pick<
  Config,
  "redisUrl" | "home" | "redisBinary" | "searchPath" | "redisDeadlineMs" | "durability"
>;

export interface OpenRedisOptions {
  /** Receives lines for people about what is going on. Default: nobody is told. */
  readonly onTalk?: (line: string) => void;
  /** Folders searched after PATH. Default: those of this platform. */
  readonly knownFolders?: readonly string[];
  /** Stops waiting for another process that starts or stops the embedded server. */
  readonly signal?: AbortSignal;
  /** Whether a server may be downloaded if none is found. Default: true. */
  readonly mayFetch?: boolean;
}

/** A Redis that answers. */
export interface OpenRedis extends AsyncDisposable {
  /** Contains the password: not for logs. */
  readonly url: string;
  readonly origin: "url" | "embedded";
  /** Ends the use. The last user of an embedded server stops it. Data stays. May be called twice. */
  close(): Promise<void>;
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= work());
}

const closeNothing = () => Promise.resolve();

async function openUrl(url: string, deadlineMs: number): Promise<OpenRedis> {
  try {
    await askRedis({ url, timeoutMs: deadlineMs }, (client) => client.ping());
  } catch (error) {
    throw new TuttiError(
      "redis_unavailable",
      `the Redis of REDIS_URL (${shownRedisAddress(url)}) cannot be used: ${messageOf(error)}`,
      { cause: error },
    );
  }
  return { url, origin: "url", close: closeNothing, [Symbol.asyncDispose]: closeNothing };
}

async function obtainBinary(
  config: RedisConfig,
  folder: RedisFolder,
  options: OpenRedisOptions,
): Promise<ServerBinary> {
  const { onTalk = () => {}, knownFolders, mayFetch = true } = options;
  const found = await locateServer({ ...config, knownFolders }, folder, onTalk);
  if (found !== undefined) return found;
  let reason: string | undefined;
  if (mayFetch && (await canFetch())) {
    try {
      return await fetchServer(folder, onTalk);
    } catch (error) {
      reason = messageOf(error);
      onTalk(`the packages of this distribution cannot be used: ${reason}`);
    }
  }
  throw new TuttiError("redis_not_found", installHint(), { details: { reason } });
}

/**
 * Opens the Redis of `REDIS_URL`, or this machine's embedded one: adopts it if it runs, else starts it. Never takes a
 * Redis that somebody else runs on this machine.
 *
 * @throws TuttiError `redis_unavailable` if the given one does not answer within `redisDeadlineMs` or the embedded one
 * does not start; `redis_not_found`, with the command to run, if no server can be started.
 */
export async function openRedis(
  config: RedisConfig,
  options: OpenRedisOptions = {},
): Promise<OpenRedis> {
  if (config.redisUrl !== undefined) return openUrl(config.redisUrl, config.redisDeadlineMs);
  const { onTalk = () => {} } = options;
  const folder = await makeRedisFolder(config.home);
  const open = async (): Promise<OpenRedis> => {
    const running = await adoptServer(folder, config.redisDeadlineMs);
    const server =
      running ??
      (await startServer(
        folder,
        await obtainBinary(config, folder, options),
        config.durability === "strict" ? "always" : "everysec",
      ));
    if (running !== undefined && config.durability === "strict") await syncAlways(running);
    const { port, password, facts } = server;
    // Under the same lock, so that nobody who is just leaving stops the server.
    const note = await addUser(folder);
    onTalk(
      `embedded Redis ${facts.version} ${running ? "found" : "started"} on 127.0.0.1:${port}, data in ${folder.data}`,
    );
    const close = once(() =>
      withLock(folder.lock, async () => {
        if ((await removeUser(folder, note)) > 0) return;
        await stopServer(folder);
        onTalk("embedded Redis stopped; its data is kept");
      }),
    );
    return {
      url: `redis://:${password}@127.0.0.1:${port}`,
      origin: "embedded",
      close,
      [Symbol.asyncDispose]: close,
    };
  };
  return withLock(folder.lock, open, options.signal);
}
export { installHint } from "./install-hint.ts";
export { findServer, inspectRedis, type RedisInspection } from "./inspect.ts";
export { MIN_REDIS_VERSION } from "./locate.ts";
