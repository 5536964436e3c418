import { startsEarly, type RunDefinition } from "../../definition.ts";
import type { StepJob } from "../../jobs.ts";
import { jobIds } from "../../names.ts";

/** A job, by its queue and its id. */
export interface JobPlace {
  readonly queue: string;
  readonly jobId: string;
}

/** The jobs that wait for the end of a step, other than the parent of its job. */
export interface Links {
  readonly from: JobPlace;
  readonly to: readonly LinkedJob[];
}

interface LinkedJob extends JobPlace {
  /** It starts with the first of its dependencies that completes. */
  readonly any: boolean;
}

/** The links of a step, for the job of its call or of an alternative; null if it has none. */
export function linksOf(definition: RunDefinition, job: StepJob): Links | null {
  if (job.links === undefined) return null;
  const { from, to } = job.links;
  return {
    from: { queue: from, jobId: jobIds.step(job, job.stepId) },
    to: to.map(([stepId, queue]) => ({
      queue,
      jobId: jobIds.step(job, stepId),
      any: startsEarly(definition, stepId),
    })),
  };
}
