import { Tutti } from "../../../src/index.ts";
import { startWorker, type StartWorkerOptions } from "../../../src/worker.ts";
import type { ScenarioClass } from "../../scenarios/definitions.ts";
import type { Stage } from "./stage.ts";

/** Runs at work at once: queues are to fill, not the deployment's cap. */
const MAX_RUNNING = 100_000;
/** Long enough for a time that goes faster than the machine can answer. Milliseconds. */
const PATIENCE_MS = 600_000;

/** A client, and a worker of the product on each machine of a stage. The process ends them. */
export async function deploy(
  stage: Stage,
  redisUrl: string,
  prefix: string,
  machines: number,
  classes: readonly ScenarioClass[],
  options: Partial<StartWorkerOptions> = {},
): Promise<Tutti> {
  const { registry } = stage;
  const shared = { redisUrl, prefix, registry, maxRunning: MAX_RUNNING };
  const tutti = new Tutti({ ...shared, redisDeadlineMs: PATIENCE_MS });
  const tools = registry.list().map(({ spec }) => spec.id);
  for (const { id, steps } of classes)
    await tutti.workflows.add({
      tutti: 1,
      id,
      timeoutMs: 100 * PATIENCE_MS,
      steps: steps.map(({ tool, needs }, index) => ({
        id: `s${index}`,
        tool: tools[tool]!,
        needs: needs.map((need) => `s${need}`),
      })),
    });
  for (let machine = 0; machine < machines; machine++)
    await startWorker({
      ...shared,
      machine: `m${machine}`,
      handlers: stage.handlers(machine),
      usage: stage.probe(machine),
      logLevel: "error",
      ...options,
    });
  return tutti;
}
