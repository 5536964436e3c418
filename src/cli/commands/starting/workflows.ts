import type { Command } from "commander";
import { stringify } from "yaml";

import type { Cli, GlobalOptions } from "../../common/cli.ts";
import { readSource } from "../../common/document.ts";
import { EXIT } from "../../common/failure.ts";
import { versionOf } from "../../common/options.ts";
import { table } from "../../common/output.ts";
import { withSession } from "../../common/session.ts";

export function addWorkflows(program: Command, cli: Cli): void {
  const workflows = program
    .command("workflows")
    .description("register workflows, so that they can be started by their id");
  addAdd(workflows, cli);
  addList(workflows, cli);
  addShow(workflows, cli);
  addRemove(workflows, cli);
}

function addAdd(workflows: Command, cli: Cli): void {
  workflows
    .command("add")
    .argument("<file...>", "workflow documents, YAML or JSON")
    .description("register workflows; another content under an id becomes its current version")
    .action(
      cli.action(async (command, ...paths) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        const sources = await Promise.all(paths.map((path) => readSource(cli, path)));
        return withSession(cli, flags, async ({ tutti, actor }) => {
          // All are checked before the first is added.
          for (const { text, file } of sources) tutti.prepare(text, { file });
          const added: Awaited<ReturnType<typeof tutti.workflows.add>>[] = [];
          for (const { text, file } of sources)
            added.push(await tutti.workflows.add(text, { file, actor }));
          cli.print(flags.output, added, () =>
            added
              .map(({ id, hash, created, previous }) => {
                const what = created ? "added" : previous === null ? "unchanged" : "current again";
                return `${id}@${hash} ${what}`;
              })
              .join("\n"),
          );
          return EXIT.completed;
        });
      }),
    );
}

function addList(workflows: Command, cli: Cli): void {
  workflows
    .command("list")
    .description("list registered workflows")
    .action(
      cli.action((command) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        return withSession(cli, flags, async ({ tutti }) => {
          const found = await tutti.workflows.list();
          cli.print(flags.output, found, () =>
            table(
              ["WORKFLOW", "HASH", "VERSIONS", "ADDED", "BY", "NAME"],
              found.map((one) => [
                one.id,
                one.hash,
                String(one.versions),
                one.addedAt,
                one.actor,
                one.name,
              ]),
            ),
          );
          return EXIT.completed;
        });
      }),
    );
}

function addShow(workflows: Command, cli: Cli): void {
  workflows
    .command("show")
    .argument("<workflow>", "id, or id@hash")
    .description("show a registered workflow: its document and its versions")
    .action(
      cli.action((command, name) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        const { id, ...version } = versionOf(name);
        return withSession(cli, flags, async ({ tutti }) => {
          const found = await tutti.workflows.show(id, version);
          cli.print(flags.output, found, () => stringify(found));
          return EXIT.completed;
        });
      }),
    );
}

function addRemove(workflows: Command, cli: Cli): void {
  workflows
    .command("remove")
    .argument("<workflow>", "id, or id@hash for one version")
    .description("remove a workflow; its runs go on")
    .action(
      cli.action((command, name) => {
        const flags = command.optsWithGlobals<GlobalOptions>();
        const { id, ...version } = versionOf(name);
        return withSession(cli, flags, async ({ tutti }) => {
          const gone = await tutti.workflows.remove(id, version);
          const { schedules, triggers } = gone.usedBy;
          for (const one of schedules) cli.say(`schedule ${one} still names ${id}`);
          for (const one of triggers) cli.say(`trigger ${one} still names ${id}`);
          cli.print(flags.output, { id, ...gone }, () => `${id}: ${gone.removed} removed`);
          return EXIT.completed;
        });
      }),
    );
}
