import { type Config, loadCatalogue, ValidationError } from "../../../../config/index.ts";
import { doctor, type Check } from "../../../doctor.ts";
import { table } from "../../../operations/text/table.ts";
import type { GlobalOptions } from "../../console/cli.ts";
import { EXIT } from "../../console/exit.ts";
import { localCommand } from "../../console/frame.ts";
import { openConfig } from "../../console/session.ts";

export const checkMachine = localCommand({
  words: "doctor",
  summary: "Check that this machine can run workflows: configuration, catalogue, Redis.",
  given: {},
  async act(cli, _given, flags) {
    const load = (): Config => openConfig(cli, flags);
    const checks = await doctor(load, { catalogue: () => ({ tools: toolsOf(load, flags) }) });
    cli.print(flags.output, { checks }, () => checksText(checks));
    return exitCodeFor(checks);
  },
});

/** The catalogue is looked at even when another setting is wrong. */
function toolsOf(load: () => Config, flags: GlobalOptions) {
  let files = flags.catalogue;
  try {
    files = load().catalogues;
  } catch (thrown) {
    // The check of the configuration reports it.
    if (!(thrown instanceof ValidationError)) throw thrown;
  }
  const registry = loadCatalogue({ files });
  const problems = registry.problems();
  if (problems.length > 0) throw new ValidationError(problems);
  return registry.list().map(({ spec }) => ({ id: spec.id, bound: spec.binding !== undefined }));
}

/** What a check that failed makes of the exit code; the highest wins. */
const EXIT_OF: Partial<Record<Check["id"], number>> = {
  config: EXIT.refused,
  catalogue: EXIT.refused,
  redis: EXIT.unreachable,
  redis_server: EXIT.unreachable,
};

export function exitCodeFor(checks: readonly Pick<Check, "id" | "ok">[]): number {
  const failed = checks.filter((check) => check.ok === false);
  return Math.max(EXIT.completed, ...failed.map(({ id }) => EXIT_OF[id] ?? EXIT.failed));
}

function checksText(checks: readonly Check[]): string {
  const rows = checks.map(({ id, ok, detail, fix }) => [
    ok === null ? "look" : ok ? "ok" : "FAILED",
    id,
    fix === undefined || ok === true ? detail : `${detail}; ${fix}`,
  ]);
  return table(["", "CHECK", "DETAIL"], rows);
}
