import type { Command } from "commander";

import type { Cli, GlobalOptions } from "../../common/cli.ts";
import { EXIT } from "../../common/failure.ts";
import { withSession } from "../../common/session.ts";
import { interrupted } from "./serve.ts";

export function addWorker(program: Command, cli: Cli): void {
  program
    .command("worker")
    .description("work on steps until Ctrl-C, which drains; a second one forces")
    .action(
      cli.action((command) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        return withSession(cli, flags, async (session) => {
          const { id } = await session.startWorker();
          cli.print(flags.output, { worker: id }, () => `Worker  ${id}`);
          await interrupted(cli);
          cli.say("stopping: running steps may finish; Ctrl-C again stops at once");
          return EXIT.completed;
        });
      }),
    );
}
