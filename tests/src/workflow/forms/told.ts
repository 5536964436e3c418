import { loadCatalogue, ValidationError } from "../../../../config/index.ts";
import { prepare } from "../../../../src/workflow/prepare.ts";

const registry = loadCatalogue();

/** The plan of a document, over the shipped tools. */
export const planOf = (document: string | object) => prepare(document, registry);

/** What a planned document waits for: step -> its dependencies, in order of names. */
export function dependenciesOf(document: string | object): Record<string, string[]> {
  const { steps } = planOf(document);
  return Object.fromEntries(steps.map((step) => [step.id, step.dependencies.toSorted()]));
}

/** What somebody reads who made a mistake: `line:column code: message (did you mean ...?)`. */
export function told(text: string): string[] {
  try {
    prepare(text, registry, { file: "f.yaml" });
  } catch (thrown) {
    if (!(thrown instanceof ValidationError)) throw thrown;
    return thrown.issues.map(({ position, code, message, suggestion }) => {
      const meant = suggestion === undefined ? "" : ` (did you mean ${suggestion}?)`;
      return `${position?.line}:${position?.column} ${code}: ${message}${meant}`;
    });
  }
  return [];
}
