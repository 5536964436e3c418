import { type Command, InvalidArgumentError } from "commander";
import { stringify } from "yaml";

import { messageOf, parseJson, TuttiError } from "../../../../config/index.ts";
import { toNative } from "../../../workflow/prepare.ts";
import { fromWfCommons } from "../../../workflow/wfcommons/import.ts";
import type { Cli, GlobalOptions } from "../../common/cli.ts";
import { readSource } from "../../common/document.ts";
import { EXIT } from "../../common/failure.ts";

/** Recordings list every file of every task, so they are larger than the workflow made of them. Bytes. */
const MAX_RECORDING_BYTES = 200_000_000;

export function addImport(program: Command, cli: Cli): void {
  const imports = program.command("import").description("turn other formats into workflows");
  imports
    .command("wfcommons")
    .argument("<file>", "recorded execution, WfCommons WfFormat 1.2 to 1.6; - reads standard input")
    .description("print a workflow of core.sleep steps with the recorded runtimes and dependencies")
    .option("--scale <factor>", "multiplies the runtimes", factor, 1)
    .action(
      cli.action(async (command, path) => {
        const flags = command.optsWithGlobals<GlobalOptions & { readonly scale: number }>();
        const { text, file } = await readSource(cli, path, MAX_RECORDING_BYTES);
        const workflow = fromWfCommons(parseTrace(text, file), { scale: flags.scale });
        cli.print(flags.output, workflow, () => stringify(workflow, { lineWidth: 0 }));
        return EXIT.completed;
      }),
    );
  imports
    .command("form")
    .argument(
      "<file>",
      "workflow in any form: snake_case, sequential, branches, phases; - reads standard input",
    )
    .description("print the native workflow that a document of another form stands for")
    .action(
      cli.action(async (command, path) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        const { text, file } = await readSource(cli, path);
        const workflow = toNative(text, { file });
        cli.print(flags.output, workflow, () => stringify(workflow, { lineWidth: 0 }));
        return EXIT.completed;
      }),
    );
}

function parseTrace(text: string, file: string): unknown {
  try {
    return parseJson(text, "document_syntax");
  } catch (thrown) {
    throw new TuttiError("document_syntax", `expected ${file} to be JSON: ${messageOf(thrown)}`);
  }
}

function factor(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError("expected a number, 0 or more.");
  }
  return value;
}
