import { isTuttiError } from "../../config/index.ts";
import type { WorkflowRegistry } from "../../queues/client.ts";
import type { RunDefinition } from "../../queues/index.ts";

/**
 * Ids of the tools that a run may call: those of its steps, what answers in their place, what undoes them, and
 * those of the registered workflows that it starts. Steps that wait call none.
 */
export async function neededTools(
  definition: RunDefinition,
  registry: Pick<WorkflowRegistry, "resolve">,
): Promise<string[]> {
  const tools = new Set<string>();
  const visited = new Set<string>();
  const visit = async ({ steps }: RunDefinition): Promise<void> => {
    for (const { tool, wait, workflow, compensate, fallback } of Object.values(steps)) {
      if (workflow !== undefined) {
        if (visited.has(workflow)) continue;
        visited.add(workflow);
        const found = await resolved(registry, workflow);
        if (found !== null) await visit(found);
      } else if (wait === undefined) {
        for (const one of [tool, compensate?.tool, ...(fallback?.tools ?? []).map((a) => a.tool)])
          if (one !== undefined) tools.add(one);
      }
    }
  };
  await visit(definition);
  return [...tools];
}

/** The workflow as it would be started now; null while it is not registered, which its step will tell. */
async function resolved(
  registry: Pick<WorkflowRegistry, "resolve">,
  id: string,
): Promise<RunDefinition | null> {
  try {
    return (await registry.resolve(id)).definition;
  } catch (thrown) {
    if (isTuttiError(thrown) && thrown.code === "workflow_not_found") return null;
    throw thrown;
  }
}
