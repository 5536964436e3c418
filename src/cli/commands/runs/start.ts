import { versionOf } from "../../../operations/command/values.ts";
import { word } from "../../../operations/command/words.ts";
import { localCommand } from "../../console/frame.ts";
import { withSession } from "../../console/session.ts";
import { BEGIN_HELP, beginRun, beginWords, runOptionsOf } from "./begin.ts";

export const start = localCommand({
  words: "start",
  summary: "Start a registered workflow and wait for its end.",
  help: BEGIN_HELP,
  given: {
    workflow: word("<workflow>", "id of a registered workflow, or id@hash for one version of it"),
    ...beginWords,
  },
  async act(cli, { workflow, ...given }, flags) {
    const { options, timeoutMs } = await runOptionsOf(cli, given);
    const { id, ...version } = versionOf(workflow);
    return withSession(cli, flags, async (session) => {
      const { tutti, actor } = session;
      return beginRun(cli, session, flags, {
        isDetached: given.detach === true,
        submit: () => tutti.start(id, { ...options, ...version, actor }),
        timeoutMs,
      });
    });
  },
});
