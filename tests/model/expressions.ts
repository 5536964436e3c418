/** The few expressions that the generator writes, evaluated without the product. */
import type { Ending } from "./words.ts";

/** What an expression yields; `error`: it cannot be evaluated. */
export type Verdict = "true" | "false" | "error";

const READS = /^steps\.(\w+)\.(state|output\.n|error\.code) (==|!=) (?:'(\w+)'|(\d+))$/;

/** What stands in `${{ }}`, or the text itself. */
const bare = (text: string): string => /^\$\{\{(.*)\}\}$/s.exec(text)?.[1]?.trim() ?? text.trim();

/** Steps that an expression reads. */
export function readsOf(text: string): string[] {
  return [...text.matchAll(/steps\.(\w+)/g)].map(([, id]) => id!);
}

/** What a completed step or item returns as `n`. */
export const RETURNED = 1;

/**
 * @param endings How the steps that it may read have ended; `undefined`: not yet.
 */
export function evaluate(
  text: string,
  endings: (id: string) => Pick<Ending, "outcome" | "code"> | undefined,
): Verdict {
  const source = bare(text);
  if (source === "true" || source === "false") return source;
  if (source.startsWith("input.gone")) return "error";
  const [, id, what, operator, word, number] = READS.exec(source) ?? [];
  if (id === undefined) throw new Error(`the model does not know the expression ${text}`);
  const ending = endings(id);
  let equal: boolean;
  if (what === "state") equal = ending?.outcome === word;
  else if (what === "output.n") {
    // What a check does not accept is there all the same.
    if (ending?.outcome !== "completed" && ending?.code !== "postcondition_failed") return "error";
    equal = Number(number) === RETURNED;
  } else {
    if (ending?.outcome !== "failed") return "error";
    equal = ending.code === word;
  }
  return String(equal === (operator === "==")) as Verdict;
}
