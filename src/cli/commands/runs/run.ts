import type { Command } from "commander";

import type { Cli } from "../../common/cli.ts";
import { readSource } from "../../common/document.ts";
import { withSession } from "../../common/session.ts";
import { type BeginFlags, beginRun, runOptionsOf, withBeginOptions } from "./begin.ts";

export function addRun(program: Command, cli: Cli): void {
  const command = program
    .command("run")
    .argument("<file>", "workflow document, YAML or JSON; - reads standard input")
    .description("run a workflow and wait for its end");
  withBeginOptions(command).action(
    cli.action(async (given, path) => {
      const flags = given.optsWithGlobals<BeginFlags>();
      const [source, { options, timeoutMs }] = await Promise.all([
        readSource(cli, path),
        runOptionsOf(cli, flags),
      ]);
      return withSession(cli, flags, async (session) => {
        const { tutti, actor } = session;
        const plan = tutti.prepare(source.text, { file: source.file });
        return beginRun(cli, session, flags, {
          submit: () => tutti.submit(plan, { ...options, actor }),
          timeoutMs,
        });
      });
    }),
  );
}
