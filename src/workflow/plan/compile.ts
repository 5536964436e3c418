import { given } from "../../../config/index.ts";
import { PAYLOAD_VERSION, type TreeRequest } from "../../../queues/client.ts";
import {
  CONTROL_QUEUES,
  jobIds,
  jobOf,
  type EdgeJob,
  type ForkJob,
  type RunDefinition,
  type RunJob,
  type RunPlaces,
  type StepJob,
  type TreeNode,
} from "../../../queues/index.ts";
import type { LaidJob, Layout } from "./layout.ts";

/** A definition together with the name of its content and the tree of its jobs. */
export interface Compilable {
  readonly definition: RunDefinition;
  readonly hash: string;
  readonly layout: Layout;
}

/** The tree of BullMQ jobs of one run. The same workflow and run give the same tree, so adding it twice is harmless. */
export function compile(workflow: Compilable, request: TreeRequest): TreeNode[] {
  const { address, identity, priority, parent } = request;
  const base: RunJob = {
    v: PAYLOAD_VERSION,
    workflowId: address.workflowId,
    runId: address.runId,
    epoch: address.epoch,
    definition: workflow.hash,
    tenant: identity.tenant,
    actor: identity.actor,
    correlationId: identity.correlationId,
  };
  const under =
    parent === undefined
      ? {}
      : { under: { queue: CONTROL_QUEUES.sub, jobId: jobIds.step(parent, parent.stepId) } };
  const title = workflow.definition.workflow.name;
  return workflow.layout.map((job) =>
    job.kind === "run"
      ? {
          queue: CONTROL_QUEUES.run,
          jobId: jobIds.run(address),
          name: title,
          data: base,
          parent: job.parent,
          ...under,
        }
      : toNode(job, { definition: workflow.definition, ...request }, base, priority),
  );
}

function toNode(
  job: Exclude<LaidJob, { kind: "run" }>,
  places: RunPlaces,
  base: RunJob,
  priority: number,
): TreeNode {
  const { parent } = job;
  const { address: run, definition } = places;
  switch (job.kind) {
    case "step": {
      const { limits: take, optional = false, fallback } = definition.steps[job.stepId] ?? {};
      const data: StepJob = {
        ...base,
        stepId: job.stepId,
        ...given({ take }),
        ...(optional ? { spare: true } : {}),
        ...(fallback === undefined ? {} : { falls: true }),
      };
      return { ...jobOf(places, job), name: job.stepId, data, parent, priority };
    }
    case "fork": {
      const data: ForkJob = {
        ...base,
        stepId: job.label,
        releases: job.releases,
        ...(job.wakes.length === 0 ? {} : { wakes: job.wakes }),
      };
      return {
        queue: CONTROL_QUEUES.fork,
        jobId: jobIds.step(run, job.label),
        name: `after ${job.label}`,
        data,
        parent,
      };
    }
    case "token": {
      const data: EdgeJob = { ...base, from: null };
      return {
        queue: CONTROL_QUEUES.edge,
        jobId: jobIds.token(run, job.stepId),
        name: `any -> ${job.stepId}`,
        data,
        parent,
        held: true,
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
