import type { Command } from "commander";

import type { Cli } from "../../common/cli.ts";
import { versionOf } from "../../common/options.ts";
import { withSession } from "../../common/session.ts";
import { type BeginFlags, beginRun, runOptionsOf, withBeginOptions } from "./begin.ts";

export function addStart(program: Command, cli: Cli): void {
  const command = program
    .command("start")
    .argument("<workflow>", "id of a registered workflow, or id@hash for one version of it")
    .description("start a registered workflow and wait for its end");
  withBeginOptions(command).action(
    cli.action(async (given, name) => {
      const flags = given.optsWithGlobals<BeginFlags>();
      const { options, timeoutMs } = await runOptionsOf(cli, flags);
      const { id, ...version } = versionOf(name);
      return withSession(cli, flags, async (session) => {
        const { tutti, actor } = session;
        return beginRun(cli, session, flags, {
          submit: () => tutti.start(id, { ...options, ...version, actor }),
          timeoutMs,
        });
      });
    }),
  );
}
