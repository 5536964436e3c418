import { FAR_MS, type Aside, type Begun } from "../../../queues/worker.ts";
import type { Candidate } from "./candidate.ts";
import { endRun } from "./end-run.ts";
import { ended, type Exit } from "./exit.ts";

/** A start that is marked, and has the say about its step, or may get it. */
export type Started = Extract<Begun, { readonly status: "go" | "unknown" }>;

/** Marks that a step begins; where this start ends, when it may not go on. */
export async function enter(
  candidate: Candidate,
  mark: () => Promise<Begun>,
): Promise<Started | Exit> {
  const begun = await mark();
  switch (begun.status) {
    case "gone":
    case "fenced":
      return { kind: "void", state: begun.status };
    case "paused":
    case "full":
    case "away":
      return aside(candidate, begun.status);
    case "done":
      await endAgain(candidate);
      return ended(begun.record);
    case "go":
    case "unknown":
      return begun;
  }
}

/** The begin of a step that calls no tool by itself. */
export function beginQuietly(
  candidate: Candidate,
  fields: readonly string[],
): Promise<Started | Exit> {
  const { engine, address } = candidate;
  return enter(candidate, () =>
    engine.ledger.begin(address, { once: false, calls: false, fields }),
  );
}

/**
 * The job stands aside until it is called: its run is held, has as many calls underway as it may, or no place
 * among those at work. It is moved first and looks again then, so that it is not missed by who calls meanwhile.
 */
function aside({ engine, job, address }: Candidate, status: Aside): Exit {
  return {
    kind: "delayed",
    delayMs: FAR_MS,
    reason: status,
    afterwards: async () => {
      if (await engine.waits.mayGoOn(address, status))
        await engine.flows.promote([{ queue: job.queueName, jobId: job.id! }]);
    },
  };
}

/** Ends the run that ends with a step, should who wrote the step's end have died before. */
async function endAgain({ engine, job, workflow, address }: Candidate): Promise<void> {
  if (address.ends !== undefined) await endRun(engine, workflow.definition, job.data);
}
