import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

import type { Json, JsonObject } from "../../../../config/index.ts";
import { many, word } from "../../../operations/command/words.ts";
import { runResult, runText, stepsText } from "../../../operations/text/run-text.ts";
import { duration } from "../../../operations/text/table.ts";
import { PACKAGE_ROOT } from "../../../version.ts";
import { readInput, readSource } from "../../console/document.ts";
import { followRun } from "../../console/follow.ts";
import { localCommand } from "../../console/frame.ts";
import { withSession } from "../../console/session.ts";
import { openServer } from "./serve.ts";

const EXAMPLES = join(PACKAGE_ROOT, "examples");

export const demo = localCommand({
  words: "demo",
  summary: "Write a health report of a git repository: a workflow over all kinds of tools.",
  given: {
    input: many("--input <key=value|@file>", "input, such as path=DIR; may be repeated"),
    inputJson: word("--input-json <json>", "input as JSON"),
  },
  async act(cli, inputGiven, flags) {
    const startedAtMs = performance.now();
    const [source, given] = await Promise.all([
      readSource(cli, join(EXAMPLES, "repo-health.yaml")),
      readInput(cli, inputGiven),
    ]);
    const options = {
      catalogue: [join(EXAMPLES, "tools.yaml"), ...flags.catalogue],
      overrides: { port: 0 },
    };
    return withSession(cli, options, async (session) => {
      const server = await openServer(cli, session);
      try {
        await session.startWorker();
        const plan = session.tutti.prepare(source.text, { file: source.file });
        const input = { ...defaultsFor(plan.inputs, server.url), ...given };
        const { runId } = await session.tutti.submit(plan, { input, actor: session.actor });
        const { run, exitCode } = await followRun(cli, session, runId);
        const files = filesIn(run.output, baseOf(input));
        cli.print(flags.output, { ...runResult(run), files }, () =>
          [runText(run), "", stepsText(run), "", ...files].join("\n"),
        );
        cli.say(`done in ${duration(performance.now() - startedAtMs)}`);
        return exitCode;
      } finally {
        await server.close();
      }
    });
  },
});

/** What the demo gives the example, as far as the example asks for it. */
function defaultsFor(inputs: object | undefined, serverUrl: string): JsonObject {
  const properties: unknown = inputs !== undefined && "properties" in inputs && inputs.properties;
  const asked = typeof properties === "object" && properties !== null ? properties : {};
  // An installed package has no history of its own to report on.
  const isClone = existsSync(join(PACKAGE_ROOT, ".git"));
  const given = {
    path: resolve(isClone ? PACKAGE_ROOT : process.cwd()),
    out: isClone ? join(EXAMPLES, "out") : resolve("repo-health"),
    healthUrl: `${serverUrl}/health`,
    serviceUrl: serverUrl,
  };
  return Object.fromEntries(Object.entries(given).filter(([name]) => name in asked));
}

function baseOf(input: JsonObject): string {
  return typeof input["path"] === "string" ? resolve(input["path"]) : process.cwd();
}

/** Every path in the output that exists: the files that the run has written. */
function filesIn(output: Json, base: string): string[] {
  if (typeof output === "string") {
    const places = [resolve(output), resolve(base, output)];
    return output === "" || output.includes("\n") ? [] : places.filter(existsSync).slice(0, 1);
  }
  if (typeof output !== "object" || output === null) return [];
  return [...new Set(Object.values(output).flatMap((one: Json) => filesIn(one, base)))];
}
