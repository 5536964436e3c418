import { type Command, Option } from "commander";
import { stringify } from "yaml";

import { CATEGORIES, type Json, type JsonObject } from "../../../config/index.ts";
import { viewTool } from "../../tools/tool-view.ts";
import type { Cli, GlobalOptions } from "../common/cli.ts";
import { type InputFlags, readInput } from "../common/document.ts";
import { EXIT } from "../common/failure.ts";
import { ensureWorkers, followRun } from "../common/follow.ts";
import { collect } from "../common/options.ts";
import { table } from "../common/output.ts";
import { openCatalogue, withSession } from "../common/session.ts";

export function addTools(program: Command, cli: Cli): void {
  const tools = program.command("tools").description("list, describe and call tools");
  addList(tools, cli);
  addDescribe(tools, cli);
  addCall(tools, cli);
}

function addList(tools: Command, cli: Cli): void {
  tools
    .command("list")
    .description("list the tools of the catalogue")
    .option("--capability <name>", "only tools that can do this")
    .addOption(new Option("--category <name>", "only tools of this category").choices(CATEGORIES))
    .option("--bound", "only tools that can be called")
    .action(
      cli.action(async (command) => {
        const flags = command.optsWithGlobals<
          GlobalOptions & {
            readonly capability?: string;
            readonly category?: string;
            readonly bound?: true;
          }
        >();
        const { registry } = openCatalogue(cli, flags);
        const found = registry
          .list()
          .map(({ spec }) => viewTool(spec))
          .filter(({ category }) => flags.category === undefined || category === flags.category)
          .filter(({ binding }) => flags.bound !== true || binding !== null)
          .filter(
            ({ capabilities }) =>
              flags.capability === undefined || capabilities.includes(flags.capability),
          );
        cli.print(flags.output, found, () =>
          table(
            ["TOOL", "CATEGORY", "BINDING", "CAPABILITIES"],
            found.map((tool) => [
              tool.id,
              tool.category,
              tool.binding ?? "unbound",
              tool.capabilities.join(", "),
            ]),
          ),
        );
        return EXIT.completed;
      }),
    );
}

function addDescribe(tools: Command, cli: Cli): void {
  tools
    .command("describe")
    .argument("<tool>")
    .description("show a tool's contract: schemas, limits, resources, effect")
    .action(
      cli.action(async (command, id) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        const { registry } = openCatalogue(cli, flags);
        const tool = viewTool(registry.require(id).spec);
        cli.print(flags.output, tool, () => stringify(tool));
        return EXIT.completed;
      }),
    );
}

function addCall(tools: Command, cli: Cli): void {
  tools
    .command("call")
    .argument("<tool>")
    .description("call a tool once, as a run of one step, and print its output")
    .option("--input <key=value|@file>", "input of the tool; may be repeated", collect, [])
    .option("--input-json <json>", "input of the tool as JSON")
    .action(
      cli.action(async (command, id) => {
        const flags = command.optsWithGlobals<GlobalOptions & InputFlags>();
        const input = await readInput(cli, flags);
        return withSession(cli, flags, async (session) => {
          session.registry.require(id);
          const plan = session.tutti.prepare(callOf(id, input));
          cli.signal.throwIfAborted();
          const submitted = await session.tutti.submit(plan, {
            input: { arguments: input },
            actor: session.actor,
          });
          await ensureWorkers(cli, session, submitted);
          const { run, exitCode } = await followRun(cli, session, submitted.runId);
          const step = run.steps["call"];
          if (step?.error !== undefined) cli.say(`${step.error.code}: ${step.error.message}`);
          if (step?.output !== undefined) {
            const { output } = step;
            cli.print(flags.output, output, () => outputText(output));
          }
          return exitCode;
        });
      }),
    );
}

/** The input travels as the run's input, so that text which looks like an expression stays text. */
function callOf(tool: string, input: JsonObject): object {
  const names = Object.keys(input).map((name) => {
    const value = `\${{ input.arguments[${JSON.stringify(name)}] }}`;
    return [name, value] as const;
  });
  return {
    tutti: 1,
    id: "tool-call",
    name: `Call of ${tool}`,
    steps: [{ id: "call", tool, with: Object.fromEntries(names), retry: { maxAttempts: 1 } }],
  };
}

function outputText(output: Json): string {
  return typeof output === "string" ? output : JSON.stringify(output, null, 2);
}
