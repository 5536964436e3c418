import { given } from "../../../config/index.ts";
import { PAYLOAD_VERSION, type TreeRequest } from "../../../queues/client.ts";
import {
  CONTROL_QUEUES,
  jobIds,
  jobOf,
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
    hash: workflow.hash,
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
      : {
          ...toNode(job, { definition: workflow.definition, ...request }, base, priority),
          ...(job.parent === -1 ? under : {}),
        },
  );
}

function toNode(
  { stepId, parent, links }: Exclude<LaidJob, { kind: "run" }>,
  places: RunPlaces,
  base: RunJob,
  priority: number,
): TreeNode {
  const { limits: take, optional = false, fallback } = places.definition.steps[stepId] ?? {};
  const own = jobOf(places, { stepId });
  const to = links.map((id) => [id, jobOf(places, { stepId: id }).queue] as const);
  const data: StepJob = {
    ...base,
    stepId,
    ...(to.length === 0 ? {} : { links: { from: own.queue, to } }),
    ...(parent === -1 ? { last: true } : {}),
    ...given({ take }),
    ...(optional ? { spare: true } : {}),
    ...(fallback === undefined ? {} : { falls: true }),
  };
  return { ...own, name: stepId, data, parent, priority };
}
