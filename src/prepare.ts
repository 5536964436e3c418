import {
  checkPlainData,
  contentHash,
  MAX_DOCUMENT_BYTES,
  parseDocument,
  ValidationError,
  type Issue,
  type SourceDocument,
  type ToolRegistry,
} from "../config/index.ts";
import { checkMeaning, type ToolLookup } from "./workflow/meaning.ts";
import { makePlan, type Plan } from "./workflow/plan.ts";
import { isEcho, salvage } from "./workflow/salvage.ts";
import { checkShape, type Located } from "./workflow/shape.ts";

/**
 * Validates a workflow document and puts it in order. `document` is YAML or JSON text, or the object
 * it stands for; `file` is what messages call the text.
 *
 * @throws ValidationError with every problem that was found.
 */
export function prepare(
  document: string | object,
  registry: ToolRegistry,
  options: { readonly file?: string } = {},
): Plan {
  const source =
    typeof document === "string" ? parseDocument(document, options.file ?? "workflow") : undefined;
  if (source === undefined) {
    const issues = checkPlainData(document, MAX_DOCUMENT_BYTES);
    if (issues.length > 0) refuse(issues);
  }
  const data = source === undefined ? document : source.data;
  const shape = checkShape(data);
  const found = "issues" in shape ? shape.issues : [];
  const workflow = "workflow" in shape ? shape.workflow : salvage(data, found);
  if (workflow === null) return refuse(found.map((issue) => placed(issue, source)));
  const checked = checkMeaning(workflow, lookup(registry));
  if ("issues" in checked || found.length > 0) {
    const more = "issues" in checked ? checked.issues.filter((issue) => !isEcho(issue, found)) : [];
    return refuse([...found, ...more].map((issue) => placed(issue, source)).toSorted(byPosition));
  }
  return makePlan(checked, contentHash);
}

function refuse(issues: readonly Issue[]): never {
  throw new ValidationError(issues);
}

function placed({ at, ...found }: Located, source: SourceDocument | undefined): Issue {
  const issue = { ...found, message: clipped(found.message) };
  return source === undefined ? issue : { ...issue, position: source.positionOf(issue.path, at) };
}

/** A document can put anything into a message; nobody reads more than this. */
const MAX_MESSAGE_CHARS = 2_000;

function clipped(message: string): string {
  return message.length > MAX_MESSAGE_CHARS ? `${message.slice(0, MAX_MESSAGE_CHARS)}...` : message;
}

function lookup(registry: ToolRegistry): ToolLookup {
  return { get: (id) => registry.get(id)?.spec, ids: () => registry.ids() };
}

/** In the order of the text; without positions as they were found. */
function byPosition({ position: a }: Issue, { position: b }: Issue): number {
  if (a === undefined || b === undefined) return 0;
  return a.line - b.line || a.column - b.column;
}
