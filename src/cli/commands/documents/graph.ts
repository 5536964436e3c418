import { writeFile } from "node:fs/promises";

import { type Command, Option } from "commander";

import { messageOf } from "../../../../config/index.ts";
import { toDot, toMermaid } from "../../../workflow/graph/graph.ts";
import { isLarge, toLayeredSvg } from "../../../workflow/graph/large-graph.ts";
import type { Plan } from "../../../workflow/plan/plan.ts";
import { prepare } from "../../../workflow/prepare.ts";
import type { Cli, GlobalOptions } from "../../common/cli.ts";
import { readSource } from "../../common/document.ts";
import { EXIT, wrongUse } from "../../common/failure.ts";
import { openCatalogue } from "../../common/session.ts";

const PICTURES = ["svg", "dot", "mermaid"] as const;
type Picture = (typeof PICTURES)[number];

interface GraphFlags extends GlobalOptions {
  readonly format: Picture;
  readonly out?: string;
}

export function addGraph(program: Command, cli: Cli): void {
  program
    .command("graph")
    .argument("<file>", "workflow document, YAML or JSON; - reads standard input")
    .description("draw a workflow; the critical path is bold, forEach steps have a double border")
    .addOption(new Option("--format <format>", "kind of picture").choices(PICTURES).default("svg"))
    .option("--out <path>", "write to a file instead of standard output")
    .action(
      cli.action(async (command, path) => {
        const flags = command.optsWithGlobals<GraphFlags>();
        const { registry } = openCatalogue(cli, flags);
        const { text, file } = await readSource(cli, path);
        const picture = await draw(prepare(text, registry, { file }), flags.format);
        if (flags.out === undefined) {
          cli.print(flags.output, { format: flags.format, picture }, () => picture);
          return EXIT.completed;
        }
        try {
          await writeFile(flags.out, picture);
        } catch (thrown) {
          throw wrongUse(`cannot write ${flags.out}: ${messageOf(thrown)}`);
        }
        cli.say(`wrote ${flags.out}`);
        return EXIT.completed;
      }),
    );
}

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
