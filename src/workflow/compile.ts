import {
  CONTROL_QUEUES,
  jobIds,
  PAYLOAD_VERSION,
  type EdgeJob,
  type ForkJob,
  type Identity,
  type RunAddress,
  type RunDefinition,
  type RunJob,
  type StepJob,
  type TreeNode,
} from "../../queues/index.ts";
import type { LaidJob, Layout } from "./layout.ts";

/** A definition together with the name of its content and the tree of its jobs. */
export interface Compilable {
  readonly definition: RunDefinition;
  readonly hash: string;
  readonly layout: Layout;
}

/** The tree of BullMQ jobs of one run. The same workflow and run give the same tree, so adding it twice is harmless. */
export function compile(workflow: Compilable, run: RunAddress, identity: Identity): TreeNode[] {
  const base: RunJob = {
    v: PAYLOAD_VERSION,
    workflowId: run.workflowId,
    runId: run.runId,
    epoch: run.epoch,
    definition: workflow.hash,
    tenant: identity.tenant,
    actor: identity.actor,
    correlationId: identity.correlationId,
  };
  return workflow.layout.map((job) => toNode(job, workflow.definition, run, base));
}

function toNode(job: LaidJob, definition: RunDefinition, run: RunAddress, base: RunJob): TreeNode {
  const { parent } = job;
  switch (job.kind) {
    case "run":
      return {
        queue: CONTROL_QUEUES.run,
        jobId: jobIds.run(run),
        name: definition.workflow.name,
        data: base,
        parent,
      };
    case "each":
    case "step": {
      const step = definition.steps[job.stepId]!;
      const data: StepJob = { ...base, stepId: job.stepId };
      return job.kind === "each"
        ? {
            queue: CONTROL_QUEUES.each,
            jobId: jobIds.step(run, job.stepId),
            name: job.stepId,
            data,
            parent,
          }
        : {
            queue: step.tool,
            jobId: jobIds.step(run, job.stepId),
            name: job.stepId,
            data,
            parent,
          };
    }
    case "fork": {
      const data: ForkJob = { ...base, stepId: job.label, releases: job.releases };
      return {
        queue: CONTROL_QUEUES.fork,
        jobId: jobIds.step(run, job.label),
        name: `after ${job.label}`,
        data,
        parent,
      };
    }
    case "edge": {
      const data: EdgeJob = { ...base, from: job.from };
      return {
        queue: CONTROL_QUEUES.edge,
        jobId: jobIds.edge(run, job.from, job.to),
        name: `${job.from} -> ${job.to}`,
        data,
        parent,
        held: true,
      };
    }
  }
}
