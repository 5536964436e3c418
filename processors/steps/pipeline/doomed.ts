import { jobOf, type RunDefinition, type RunPlaces } from "../../../queues/index.ts";
import { isControlStep } from "../../../queues/worker.ts";

const dependents = new WeakMap<RunDefinition, ReadonlyMap<string, readonly string[]>>();

/** Who needs every one of its dependencies, by dependency. */
function needingAll(definition: RunDefinition): ReadonlyMap<string, readonly string[]> {
  const known = dependents.get(definition);
  if (known !== undefined) return known;
  const found = new Map<string, string[]>();
  for (const [id, { needs, join }] of Object.entries(definition.steps)) {
    if (join !== "all") continue;
    for (const need of needs) {
      const list = found.get(need);
      if (list === undefined) found.set(need, [id]);
      else list.push(id);
    }
  }
  dependents.set(definition, found);
  return found;
}

/**
 * The jobs of steps that are certain to be skipped because a step did not complete. They will not call
 * their tools, so the gate lets them pass without waiting.
 */
export function doomedBy(places: RunPlaces, stepId: string): { queue: string; jobId: string }[] {
  const { definition } = places;
  const doomed = new Set<string>();
  const open = [stepId];
  for (const id of open) {
    if (definition.steps[id]?.optional === true) continue;
    for (const next of needingAll(definition).get(id) ?? []) {
      if (doomed.has(next)) continue;
      doomed.add(next);
      open.push(next);
    }
  }
  return [...doomed]
    .filter((id) => !isControlStep(definition.steps[id]!))
    .map((id) => jobOf(places, { stepId: id }));
}
