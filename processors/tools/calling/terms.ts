import { isDeepStrictEqual } from "node:util";

import { takesAnything, type ToolSpec } from "../../../config/index.ts";
import type { ToolTerms } from "../../../queues/index.ts";

/** What a step's call is checked by. */
export type CheckedBy = Pick<ToolSpec, "id" | "input" | "output">;

/**
 * What the calls of a tool are checked by where a workflow was prepared with another declaration of it: by that one.
 */
export function checkedBy(spec: ToolSpec, terms: ToolTerms | undefined): CheckedBy {
  if (terms === undefined) return spec;
  const { input = ANYTHING, output } = terms;
  return { id: spec.id, input, output };
}

const ANYTHING = { type: "object" };

/** Tells once in how far a tool is declared differently from what workflows were prepared with. */
export class TermsWatch {
  readonly #tell: (tool: string, differs: readonly string[]) => void;
  /** What was compared; none where the tool was replaced meanwhile. */
  readonly #compared = new WeakMap<ToolTerms, ToolSpec>();
  readonly #warned = new Set<string>();

  constructor(tell: (tool: string, differs: readonly string[]) => void) {
    this.#tell = tell;
  }

  look(spec: ToolSpec, terms: ToolTerms): void {
    if (this.#compared.get(terms) === spec) return;
    this.#compared.set(terms, spec);
    const own = {
      input: takesAnything(spec.input) ? undefined : spec.input,
      output: spec.output,
      effect: spec.effect,
      idempotent: spec.idempotent,
    };
    const differs = (["input", "output", "effect", "idempotent"] as const).filter(
      (word) => !isDeepStrictEqual(own[word], terms[word]),
    );
    const key = [spec.id, ...differs].join(" ");
    if (differs.length === 0 || this.#warned.has(key)) return;
    this.#warned.add(key);
    this.#tell(spec.id, differs);
  }
}
