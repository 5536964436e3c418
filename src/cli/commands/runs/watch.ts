import { word } from "../../../operations/command/words.ts";
import { eventText } from "../../../operations/text/run-text.ts";
import { EXIT } from "../../console/exit.ts";
import { localCommand } from "../../console/frame.ts";
import { withSession } from "../../console/session.ts";

export const watch = localCommand({
  words: "runs watch",
  summary: "Print what happens in a run until it ends; Ctrl-C stops watching, not the run.",
  given: { id: word("<run-id>") },
  act: (cli, { id }, flags) =>
    withSession(cli, flags, async ({ tutti }) => {
      for await (const event of tutti.watch(id, { signal: cli.signal }))
        cli.print(flags.output, event, () => eventText(event));
      cli.signal.throwIfAborted();
      const { state } = await tutti.get(id, { outputs: false });
      return state === "completed" ? EXIT.completed : EXIT.failed;
    }),
});
