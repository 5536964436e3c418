import { messageOf } from "../../../../config/index.ts";
import { wrongUse } from "../../../operations/command/values.ts";
import { flag, parsed } from "../../../operations/command/words.ts";
import type { Cli } from "../../console/cli.ts";
import { EXIT } from "../../console/exit.ts";
import { localCommand } from "../../console/frame.ts";
import { type Session, withSession } from "../../console/session.ts";

export const serve = localCommand({
  words: "serve",
  summary: "Run API, workers and Bull Board until Ctrl-C, which drains; a second one forces.",
  given: {
    port: parsed("--port <port>", "port of the API; 0 takes a free one", port),
    hasWorker: flag("--no-worker", "serve only; workers run elsewhere"),
  },
  act(cli, given, flags) {
    const overrides = given.port === undefined ? {} : { port: given.port };
    return withSession(cli, { ...flags, overrides }, async (session) => {
      const started = given.hasWorker === false ? undefined : await session.startWorker();
      const server = await openServer(cli, session);
      try {
        const { url, boardUrl } = server;
        cli.print(flags.output, { url, boardUrl, worker: started?.id ?? null }, () =>
          [
            `API         ${url}`,
            `Bull Board  ${boardUrl}`,
            `Worker      ${started?.id ?? "none"}`,
          ].join("\n"),
        );
        await interrupted(cli);
        cli.say("stopping: running steps may finish; Ctrl-C again stops at once");
      } finally {
        await server.close();
      }
      return EXIT.completed;
    });
  },
});

/** The server of a session. Express is loaded only by the commands that serve. */
export async function openServer(cli: Cli, session: Session) {
  const { startServer } = await import("../../../server/index.ts");
  return startServer({
    ...session,
    reportError: (thrown, { correlationId, method, path }) => {
      const what = thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown);
      cli.say(`${correlationId} ${method} ${path}: ${what}`);
    },
  });
}

/** Resolves with the first Ctrl-C or SIGTERM. */
export async function interrupted(cli: Cli): Promise<void> {
  if (cli.signal.aborted) return;
  await new Promise<void>((resolve) => {
    cli.signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function port(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isInteger(value) || value < 0 || value > 65_535) {
    throw wrongUse("expected a whole number from 0 to 65535.");
  }
  return value;
}
