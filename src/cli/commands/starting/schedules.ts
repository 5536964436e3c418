import { CATCH_UPS, OVERLAPS } from "../../../../queues/client.ts";
import { versionOf } from "../../../operations/command/values.ts";
import { choice, inputWords, needed, word, whole } from "../../../operations/command/words.ts";
import { CRON_FORMS } from "../../../operations/schedules.ts";
import { readInput } from "../../console/document.ts";
import { EXIT } from "../../console/exit.ts";
import { localCommand } from "../../console/frame.ts";
import { withSession } from "../../console/session.ts";

export const addSchedule = localCommand({
  words: "schedules add",
  summary: "Start a workflow by a cron expression or every so many milliseconds.",
  given: {
    id: word("<id>", "the same id again replaces the schedule"),
    workflow: needed(word("--workflow <id>", "registered workflow; id@hash for one version of it")),
    cron: word("--cron <expression>", CRON_FORMS),
    timeZone: word("--time-zone <name>", "zone that --cron is read in; default: UTC"),
    everyMs: whole("--every-ms <ms>", "interval instead of --cron, at least 100"),
    ...inputWords("the runs"),
    overlap: choice("--overlap <rule>", "while the run before is open; default: skip", OVERLAPS),
    catchUp: choice("--catch-up <rule>", "for missed firings; default: one", CATCH_UPS),
    catchUpWindowMs: whole("--catch-up-window-ms <ms>", "older ones are dropped; default: a day"),
    tenant: word("--tenant <name>", "whom the runs belong to"),
  },
  async act(cli, { workflow, input: pairs, inputJson, ...form }, flags) {
    const input = await readInput(cli, { input: pairs, inputJson });
    const { id: workflowId, ...version } = versionOf(workflow);
    return withSession(cli, flags, async ({ tutti, actor }) => {
      const added = await tutti.schedules.add({ ...form, workflowId, ...version, input, actor });
      const { nextAt } = await tutti.schedules.show(added.id);
      const next = nextAt === null ? "is paused" : `fires next at ${nextAt}`;
      cli.print(flags.output, { ...added, nextAt }, () => `${added.id} ${next}`);
      return EXIT.completed;
    });
  },
});
