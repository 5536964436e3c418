import { quoted, TuttiError, type Json } from "../../../config/index.ts";
import type { Decided, WaitDecision } from "../record/waits.ts";
import { jobOf, runOf, type RunParts } from "./parts.ts";

/**
 * Decides about a step that waits or will wait: stores the decision and passes it on, whichever comes first. Null if
 * there is no such run.
 *
 * @throws TuttiError `unknown_step`, `request_invalid` if the step waits for something else, `decision_late` if it has
 * ended without this decision.
 */
export async function decideStep(
  parts: RunParts,
  runId: string,
  stepId: string,
  decision: WaitDecision,
): Promise<Decided | null> {
  const run = await runOf(parts, runId);
  if (run === null) return null;
  const { steps } = run.definition;
  const step = Object.hasOwn(steps, stepId) ? steps[stepId] : undefined;
  if (step === undefined)
    throw new TuttiError("unknown_step", `run ${runId} has no step ${quoted(stepId)}`);
  const wanted = decision.kind === "event" ? "event" : "approval";
  if (step.wait?.kind !== wanted) {
    const is =
      step.wait === undefined ? "does not wait for anybody" : `waits for: ${step.wait.kind}`;
    throw new TuttiError(
      "request_invalid",
      `expected ${stepId} to wait for an ${wanted}; it ${is}`,
    );
  }
  const decided = await parts.waits.decide(runId, stepId, decision);
  if (decided.status === "late")
    throw new TuttiError("decision_late", `${stepId} of run ${runId} has ended without it`);
  // Even if it already stands: its writer may have died before promoting.
  if (decided.status !== "gone") await parts.flows.promote([jobOf(run, { stepId })]);
  return decided;
}

/** Delivers an event to every open run with a step that waits or will wait for it. Returns their ids. */
export async function deliverEvent(
  parts: RunParts,
  event: {
    readonly name: string;
    readonly data: Json;
    readonly by: string;
    readonly tenant: string;
  },
): Promise<string[]> {
  const { name, data, by, tenant } = event;
  const reached: string[] = [];
  const atMs = await parts.runs.now();
  for (const runId of await parts.waits.listeners(name)) {
    const run = await runOf(parts, runId);
    if (run === null || run.identity.tenant !== tenant) continue;
    for (const [stepId, { wait }] of Object.entries(run.definition.steps)) {
      if (wait?.kind !== "event" || wait.name !== name) continue;
      const decision: WaitDecision = { kind: "event", by, atMs, data };
      const { status } = await parts.waits.decide(runId, stepId, decision);
      if (status === "gone" || status === "late") continue;
      await parts.flows.promote([jobOf(run, { stepId })]);
      if (!reached.includes(runId)) reached.push(runId);
    }
  }
  return reached;
}
