import {
  checkPlainData,
  contentHash,
  MAX_DOCUMENT_BYTES,
  parseDocument,
  ValidationError,
  type Issue,
  type SourceDocument,
  type ToolRegistry,
} from "../../config/index.ts";
import { checkMeaning, type ToolLookup } from "./document/meaning.ts";
import { isEchoOfForm, isEcho, salvage } from "./document/salvage.ts";
import { checkShape, type Located } from "./document/shape.ts";
import { normalize, type Normalized } from "./forms/normalize.ts";
import { makePlan, type Plan } from "./plan/plan.ts";

/**
 * Validates a workflow document and puts it in order. `document` is YAML or JSON text, or the object
 * it stands for, in any of the forms of docs/forms.md; `file` is what messages call the text.
 *
 * @throws ValidationError with every problem that was found.
 */
export function prepare(
  document: string | object,
  registry: ToolRegistry,
  options: { readonly file?: string } = {},
): Plan {
  const read = readDocument(document, options.file);
  const data = read.normalized.document;
  const shape = checkShape(data);
  const found = "issues" in shape ? shape.issues : [];
  const workflow = "workflow" in shape ? shape.workflow : salvage(data, found);
  if (workflow === null) return refuse(issuesOf(read, found));
  const checked = checkMeaning(workflow, lookup(registry));
  const more = "issues" in checked ? checked.issues.filter((issue) => !isEcho(issue, found)) : [];
  const issues = issuesOf(read, [...found, ...more]);
  if ("issues" in checked || issues.length > 0) return refuse(issues);
  return makePlan(checked, contentHash);
}

/**
 * The native document that a document of any form stands for: its shape is checked, its tools are
 * not. A native one is returned as it is.
 *
 * @throws ValidationError with every problem of the shape.
 */
export function toNative(document: string, options: { readonly file?: string } = {}): object {
  const read = readDocument(document, options.file);
  const shape = checkShape(read.normalized.document);
  const issues = issuesOf(read, "issues" in shape ? shape.issues : []);
  if (issues.length > 0) refuse(issues);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what has the shape is an object
  return read.normalized.document as object;
}

interface ReadDocument {
  readonly source: SourceDocument | undefined;
  readonly normalized: Normalized;
}

function readDocument(document: string | object, file = "workflow"): ReadDocument {
  const source = typeof document === "string" ? parseDocument(document, file) : undefined;
  if (source === undefined) {
    const issues = checkPlainData(document, MAX_DOCUMENT_BYTES);
    if (issues.length > 0) refuse(issues);
  }
  const normalized = normalize(source === undefined ? document : source.data);
  const read = { source, normalized };
  if (normalized.document === undefined) refuse(issuesOf(read, []));
  return read;
}

/** The problems of a document: those of its form, and those of the native document in its own words. */
function issuesOf({ source, normalized }: ReadDocument, native: readonly Located[]): Issue[] {
  const { issues, toOriginal } = normalized;
  const others = native.map(toOriginal).filter((issue) => !isEchoOfForm(issue, issues));
  return [...issues, ...others].map((issue) => placed(issue, source)).toSorted(byPosition);
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
  return {
    get: (id) => registry.get(id)?.spec,
    ids: () => registry.ids(),
    budget: (name) => registry.budget(name),
  };
}

/** In the order of the text; without positions as they were found. */
function byPosition({ position: a }: Issue, { position: b }: Issue): number {
  if (a === undefined || b === undefined) return 0;
  return a.line - b.line || a.column - b.column;
}
