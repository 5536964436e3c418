import { word } from "../../../operations/command/words.ts";
import type { Workflows } from "../../../starting/workflows.ts";
import { readSource } from "../../console/document.ts";
import { EXIT } from "../../console/exit.ts";
import { localCommand } from "../../console/frame.ts";
import { withSession } from "../../console/session.ts";

type Added = Awaited<ReturnType<Workflows["add"]>>;

export const addWorkflows = localCommand({
  words: "workflows add",
  summary: "Register workflows; another content under an id becomes its current version.",
  given: { paths: word("<file...>", "workflow documents, YAML or JSON") },
  async act(cli, { paths }, flags) {
    const sources = await Promise.all(paths.map((path) => readSource(cli, path)));
    return withSession(cli, flags, async ({ tutti, actor }) => {
      // All are checked before the first is added.
      for (const source of sources) tutti.prepare(source.text, { file: source.file });
      const added: Added[] = [];
      for (const source of sources)
        added.push(await tutti.workflows.add(source.text, { file: source.file, actor }));
      cli.print(flags.output, added, () => added.map(addedText).join("\n"));
      return EXIT.completed;
    });
  },
});

function addedText({ id, hash, created, previous }: Added): string {
  const what = created ? "added" : previous === null ? "unchanged" : "current again";
  return `${id}@${hash} ${what}`;
}
