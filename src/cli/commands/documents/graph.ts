import { writeFile } from "node:fs/promises";

import { messageOf } from "../../../../config/index.ts";
import { wrongUse } from "../../../operations/command/values.ts";
import { choice, otherwise, word } from "../../../operations/command/words.ts";
import { toDot, toMermaid } from "../../../workflow/graph/graph.ts";
import { isLarge, toLayeredSvg } from "../../../workflow/graph/large-graph.ts";
import type { Plan } from "../../../workflow/plan/plan.ts";
import { prepare } from "../../../workflow/prepare.ts";
import { readSource } from "../../console/document.ts";
import { EXIT } from "../../console/exit.ts";
import { DOCUMENT, localCommand } from "../../console/frame.ts";
import { openCatalogue } from "../../console/session.ts";

const PICTURES = ["svg", "dot", "mermaid"] as const;
type Picture = (typeof PICTURES)[number];

export const graph = localCommand({
  words: "graph",
  summary: "Draw a workflow; the critical path is bold, forEach steps have a double border.",
  given: {
    path: word("<file>", DOCUMENT),
    format: otherwise(choice("--format <format>", "kind of picture", PICTURES), "svg"),
    out: word("--out <path>", "write to a file instead of standard output"),
  },
  async act(cli, { path, format, out }, flags) {
    const { registry } = openCatalogue(cli, flags);
    const source = await readSource(cli, path);
    const picture = await draw(prepare(source.text, registry, { file: source.file }), format);
    if (out === undefined) {
      cli.print(flags.output, { format, picture }, () => picture);
      return EXIT.completed;
    }
    try {
      await writeFile(out, picture);
    } catch (thrown) {
      throw wrongUse(`cannot write ${out}: ${messageOf(thrown)}`);
    }
    cli.say(`wrote ${out}`);
    return EXIT.completed;
  },
});

async function draw(plan: Plan, picture: Picture): Promise<string> {
  switch (picture) {
    case "dot":
      return toDot(plan);
    case "mermaid":
      return toMermaid(plan);
    case "svg": {
      if (isLarge(plan)) return toLayeredSvg(plan);
      // A megabyte of WebAssembly that no other command needs.
      const { instance } = await import("@viz-js/viz");
      return (await instance()).renderString(toDot(plan), { format: "svg" });
    }
  }
}
