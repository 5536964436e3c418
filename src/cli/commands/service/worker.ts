import { EXIT } from "../../console/exit.ts";
import { localCommand } from "../../console/frame.ts";
import { withSession } from "../../console/session.ts";
import { interrupted } from "./serve.ts";

export const worker = localCommand({
  words: "worker",
  summary: "Work on steps until Ctrl-C, which drains; a second one forces.",
  given: {},
  act: (cli, _given, flags) =>
    withSession(cli, flags, async (session) => {
      const { id } = await session.startWorker();
      cli.print(flags.output, { worker: id }, () => `Worker  ${id}`);
      await interrupted(cli);
      cli.say("stopping: running steps may finish; Ctrl-C again stops at once");
      return EXIT.completed;
    }),
});
