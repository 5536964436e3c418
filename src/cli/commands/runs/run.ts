import { word } from "../../../operations/command/words.ts";
import { readSource } from "../../console/document.ts";
import { DOCUMENT, localCommand } from "../../console/frame.ts";
import { withSession } from "../../console/session.ts";
import { BEGIN_HELP, beginRun, beginWords, runOptionsOf } from "./begin.ts";

export const run = localCommand({
  words: "run",
  summary: "Run a workflow and wait for its end.",
  help: BEGIN_HELP,
  given: { path: word("<file>", DOCUMENT), ...beginWords },
  async act(cli, { path, ...given }, flags) {
    const [source, { options, timeoutMs }] = await Promise.all([
      readSource(cli, path),
      runOptionsOf(cli, given),
    ]);
    return withSession(cli, flags, async (session) => {
      const { tutti, actor } = session;
      const plan = tutti.prepare(source.text, { file: source.file });
      return beginRun(cli, session, flags, {
        isDetached: given.detach === true,
        submit: () => tutti.submit(plan, { ...options, actor }),
        timeoutMs,
      });
    });
  },
});
