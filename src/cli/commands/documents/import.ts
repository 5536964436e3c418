import { messageOf, packages, parseJson, TuttiError } from "../../../../config/index.ts";
import { wrongUse } from "../../../operations/command/values.ts";
import { otherwise, parsed, word } from "../../../operations/command/words.ts";
import { toNative } from "../../../workflow/prepare.ts";
import { fromWfCommons } from "../../../workflow/wfcommons/import.ts";
import { readSource } from "../../console/document.ts";
import { EXIT } from "../../console/exit.ts";
import { localCommand } from "../../console/frame.ts";

/** Recordings list every file of every task, so they are larger than the workflow made of them. Bytes. */
const MAX_RECORDING_BYTES = 200_000_000;

export const importRecording = localCommand({
  words: "import wfcommons",
  summary: "Print a workflow of core.sleep steps with the recorded runtimes and dependencies.",
  given: {
    path: word(
      "<file>",
      "recorded execution, WfCommons WfFormat 1.2 to 1.6; - reads standard input",
    ),
    scale: otherwise(parsed("--scale <factor>", "multiplies the runtimes", factor), 1),
  },
  async act(cli, { path, scale }, flags) {
    const source = await readSource(cli, path, MAX_RECORDING_BYTES);
    const workflow = fromWfCommons(parseTrace(source.text, source.file), { scale });
    cli.print(flags.output, workflow, () => packages.yaml().stringify(workflow, { lineWidth: 0 }));
    return EXIT.completed;
  },
});

export const importForm = localCommand({
  words: "import form",
  summary: "Print the native workflow that a document of another form stands for.",
  given: {
    path: word(
      "<file>",
      "workflow in any form: snake_case, sequential, branches, phases; - reads standard input",
    ),
  },
  async act(cli, { path }, flags) {
    const source = await readSource(cli, path);
    const workflow = toNative(source.text, { file: source.file });
    cli.print(flags.output, workflow, () => packages.yaml().stringify(workflow, { lineWidth: 0 }));
    return EXIT.completed;
  },
});

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
    throw wrongUse("expected a number, 0 or more.");
  }
  return value;
}
