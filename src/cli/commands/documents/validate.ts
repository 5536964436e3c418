import type { Command } from "commander";

import { type Issue, isTuttiError, ValidationError } from "../../../../config/index.ts";
import { prepare } from "../../../workflow/prepare.ts";
import type { Cli, GlobalOptions } from "../../common/cli.ts";
import { readSource } from "../../common/document.ts";
import { EXIT, issueLine } from "../../common/failure.ts";
import { type Catalogue, openCatalogue } from "../../common/session.ts";

export function addValidate(program: Command, cli: Cli): void {
  program
    .command("validate")
    .argument("<file...>", "workflow documents, YAML or JSON")
    .description("report every problem of workflow documents, without Redis")
    .action(
      cli.action(async (command, ...paths) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        const catalogue = openCatalogue(cli, flags);
        const files = await Promise.all(
          paths.map(async (file) => ({ file, problems: await problemsOf(cli, catalogue, file) })),
        );
        cli.print(flags.output, { valid: files.every(isValid), files }, () =>
          files
            .flatMap((one) =>
              isValid(one)
                ? [`${one.file}: valid`]
                : one.problems.map((issue) => issueLine(issue, one.file)),
            )
            .join("\n"),
        );
        return files.every(isValid) ? EXIT.completed : EXIT.refused;
      }),
    );
}

const isValid = (one: { readonly problems: readonly Issue[] }): boolean =>
  one.problems.length === 0;

async function problemsOf(
  cli: Cli,
  { registry }: Catalogue,
  path: string,
): Promise<readonly Issue[]> {
  try {
    const { text, file } = await readSource(cli, path);
    prepare(text, registry, { file });
    return [];
  } catch (thrown) {
    if (thrown instanceof ValidationError) return thrown.issues;
    // A file that cannot be read is a problem of that file; the others are still checked.
    if (isTuttiError(thrown)) return [{ code: thrown.code, message: thrown.message, path: [] }];
    throw thrown;
  }
}
