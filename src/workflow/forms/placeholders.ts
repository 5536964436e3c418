import { nearest } from "../../../config/index.ts";

/** A text with `{{placeholders}}` rewritten, or the first one that means nothing here. */
export type Rewritten =
  | { readonly text: string }
  | { readonly message: string; readonly suggestion: string | undefined };

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const PART = /^[A-Za-z0-9_-]+$/;

/**
 * Rewrites the placeholders of the other forms as expressions: `{{step.field}}` and
 * `{{steps.step.result.field}}` read an output, `{{input.field}}` the input of the run. Native
 * expressions, `${{ }}`, stay as they are. Steps are those of `ids`. In a condition, which is one
 * expression as a whole, placeholders become parts of it.
 */
export function rewritePlaceholders(
  text: string,
  ids: ReadonlySet<string>,
  isCondition = false,
): Rewritten {
  const isBare = isCondition && !text.includes("${{");
  let done = "";
  let at = 0;
  for (;;) {
    const open = text.indexOf("{{", at);
    const close = open === -1 ? -1 : text.indexOf("}}", open + 2);
    if (close === -1) return { text: done + text.slice(at) };
    if (text[open - 1] === "$") {
      done += text.slice(at, close + 2);
    } else {
      const source = text.slice(open + 2, close).trim();
      const expression = expressionOf(source, ids);
      if (typeof expression !== "string") return expression;
      done += text.slice(at, open) + (isBare ? expression : `\${{ ${expression} }}`);
    }
    at = close + 2;
  }
}

function expressionOf(source: string, ids: ReadonlySet<string>): string | Refusal {
  // Dots and brackets both step into a value: a.b[0] is a.b.0.
  const parts = source.replaceAll(/\[(\d+)\]/g, ".$1").split(".");
  if (!parts.every((part) => PART.test(part))) return refusal(source);
  const [first = "", second = "", third] = parts;
  if (first === "input" || first === "inputs") return `input${access(parts.slice(1))}`;
  // A step may itself be called "steps"; then the longer reading is right when it names a step.
  const long = first === "steps" && (ids.has(second) || !ids.has(first));
  const id = long ? second : first;
  if (!ids.has(id)) return refusal(source, nearest(id, ids));
  const from = !long ? 1 : third === "result" || third === "output" ? 3 : 2;
  return `${stepField(id, "output")}${access(parts.slice(from))}`;
}

/** How CEL steps into a value: `.name`, `["any-name"]`, `[0]`. */
function access(parts: readonly string[]): string {
  return parts
    .map((part) => (isWord(part) ? `.${part}` : /^\d+$/.test(part) ? `[${part}]` : `["${part}"]`))
    .join("");
}

/** What an expression calls the output or the state of a step. */
export function stepField(id: string, field: "output" | "state"): string {
  return `steps${isWord(id) ? `.${id}` : `["${id}"]`}.${field}`;
}

/** Whether CEL takes it after a dot. */
const isWord = (part: string): boolean => NAME.test(part) && !KEYWORDS.has(part);
const KEYWORDS: ReadonlySet<string> = new Set(["true", "false", "null", "in"]);

type Refusal = { readonly message: string; readonly suggestion: string | undefined };

function refusal(source: string, suggestion?: string): Refusal {
  const shown = source.length > 60 ? `${source.slice(0, 57)}...` : source;
  return {
    message: `expected {{${shown}}} to be {{step.field}}, {{steps.step.result.field}} or {{input.field}}, with a step of this document`,
    suggestion,
  };
}
