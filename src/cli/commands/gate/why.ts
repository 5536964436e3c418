import type { Command } from "commander";

import type { Why } from "../../../gate/why/why.ts";
import { sayOnce } from "../../../gate/why/words.ts";
import type { Cli, GlobalOptions } from "../../common/cli.ts";
import { EXIT, wrongUse } from "../../common/failure.ts";
import { withSession } from "../../common/session.ts";

interface WhyFlags extends GlobalOptions {
  readonly tool?: string;
}

export function addWhy(program: Command, cli: Cli): void {
  program
    .command("why")
    .argument("[run-id]")
    .argument("[step]", "its id; <id>[i] for an item of a forEach")
    .option("--tool <id>", "why the next call of this tool waits, instead of a run")
    .description("say what a run, a step or a tool waits for, who holds it, and until when")
    .action(
      cli.action((command, runId, step) => {
        const flags = command.optsWithGlobals<WhyFlags>();
        const { tool } = flags;
        if ((runId === undefined) === (tool === undefined))
          throw wrongUse(
            `expected either a run or --tool, got: ${tool === undefined ? "neither" : "both"}`,
          );
        return withSession(cli, flags, async ({ tutti }) => {
          const why = await tutti.why(
            tool === undefined
              ? { runId: runId ?? "", ...(step === undefined ? {} : { step }) }
              : { tool },
          );
          cli.print(flags.output, why, () => whyText(why));
          return EXIT.completed;
        });
      }),
    );
}

/** The sentence, and below that of a run those of its steps, as far as they say more. */
export function whyText({ runId, step, sentence, steps = [] }: Why): string {
  const about = steps.map((one) => ({ subject: one.step ?? "", sentence: one.sentence }));
  const own = step === undefined && runId !== undefined ? `run ${runId} ` : "";
  const told = sentence.startsWith(own) ? sentence.slice(own.length) : sentence;
  const more = about.filter(({ subject, sentence: said }) => {
    // What keeps the whole run is said of it already.
    const rest = said.startsWith(`${subject} `) ? said.slice(subject.length + 1) : said;
    return (
      !(rest === told && told.startsWith("waits ")) && !sentence.includes(said.replace(/\.$/, ""))
    );
  });
  const kept = sayOnce(more).filter((said) => !sentence.includes(said.replace(/\.$/, "")));
  return [sentence, ...kept.map((said) => `  ${said}`)].join("\n");
}
