import type { Json, JsonObject } from "../../../config/index.ts";
import { inputWords, word } from "../../operations/command/words.ts";
import { readInput } from "../console/document.ts";
import { ensureWorkers, followRun } from "../console/follow.ts";
import { localCommand } from "../console/frame.ts";
import { withSession } from "../console/session.ts";

export const callTool = localCommand({
  words: "tools call",
  summary: "Call a tool once, as a run of one step, and print its output.",
  given: { id: word("<tool>"), ...inputWords("the tool") },
  async act(cli, { id, ...given }, flags) {
    const input = await readInput(cli, given);
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
  },
});

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
