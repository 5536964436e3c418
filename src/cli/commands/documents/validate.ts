import { type Issue, isTuttiError, ValidationError } from "../../../../config/index.ts";
import { word } from "../../../operations/command/words.ts";
import { prepare } from "../../../workflow/prepare.ts";
import type { Cli } from "../../console/cli.ts";
import { readSource } from "../../console/document.ts";
import { EXIT } from "../../console/exit.ts";
import { issueLine } from "../../console/failure.ts";
import { localCommand } from "../../console/frame.ts";
import { type Catalogue, openCatalogue } from "../../console/session.ts";

export const validate = localCommand({
  words: "validate",
  summary: "Report every problem of workflow documents, without Redis.",
  given: { paths: word("<file...>", "workflow documents, YAML or JSON") },
  async act(cli, { paths }, flags) {
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
  },
});

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
