import type { Document, Pair, Scalar, YAMLMap } from "yaml";

import { MAX_DOCUMENT_BYTES } from "../defaults.ts";
import { messageOf, ValidationError, type Issue } from "../errors.ts";
import { packages } from "../packages.ts";
import { isExactInteger } from "./json-text.ts";
import { checkPlainData, MAX_DATA_DEPTH } from "./plain-data.ts";

/** A place in a source text, counted from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A parsed YAML or JSON text with the positions of its values. */
export interface SourceDocument {
  readonly file: string;
  /** Plain JSON data. */
  readonly data: unknown;
  /** Position of the value at `path` (or of its key). For a path that does not exist, the deepest part that does. */
  readonly positionOf: (path: readonly PropertyKey[], part?: "key" | "value") => Position;
}

/** Anchors and aliases together. The time to resolve an alias is proportional to their number. */
const MAX_ANCHORS = 1_000;
const MAX_ISSUES = 100;

/** Block collections take a column per level, so this bounds their nesting. Columns. */
const MAX_INDENT_COLUMNS = 2 * MAX_DATA_DEPTH;
/** The parser takes some 5 µs per token and blocks the event loop meanwhile. */
const MAX_TOKENS = 1_000_000;

/**
 * Finds absurd nesting by tokens before parsing. The parser is recursive, and V8 ends the process if the stack runs out
 * while it compiles a regular expression; no `catch` helps.
 */
function checkTokens(text: string, start: Position): void {
  const { CST, Lexer } = packages.yaml();
  let tokens = 0;
  let flowDepth = 0;
  let indent = 0;
  let inIndent = true;
  for (const token of new Lexer().lex(text)) {
    const type = CST.tokenType(token);
    if (type === "newline") {
      inIndent = true;
      indent = 0;
    } else if (
      type === "space" ||
      type === "seq-item-ind" ||
      type === "explicit-key-ind" ||
      type === "map-value-ind"
    ) {
      if (inIndent) indent += token.length;
    } else if (type === "flow-seq-start" || type === "flow-map-start") flowDepth++;
    else if (type === "flow-seq-end" || type === "flow-map-end") flowDepth--;
    else if (type === "scalar") inIndent = false;
    if (flowDepth > MAX_DATA_DEPTH || indent > MAX_INDENT_COLUMNS)
      refuse(`expected at most ${MAX_DATA_DEPTH} levels, got: more`, "document_syntax", start);
    if (++tokens > MAX_TOKENS)
      refuse(`expected at most ${MAX_TOKENS} tokens, got: more`, "document_too_large", start);
  }
}

/** A node that does not exist in the text, such as the value of `key:`, has no position of its own. */
function offsetOf(node: unknown, otherwise: number): number {
  return packages.yaml().isNode(node) && node.range ? node.range[0] : otherwise;
}

const keyOf = (pair: Pair): string =>
  String(packages.yaml().isScalar(pair.key) ? pair.key.value : pair.key);

/**
 * Finds what the parser accepts but a document may not have: duplicate keys, too many anchors. Linear, unlike the
 * parser's own check.
 */
class Inspection {
  readonly found: { readonly message: string; readonly offset: number }[] = [];
  private anchors = 0;

  visit(node: unknown): void {
    if (
      packages.yaml().isAlias(node) ||
      (packages.yaml().isNode(node) && "anchor" in node && node.anchor !== undefined)
    ) {
      this.anchors++;
      if (this.anchors === MAX_ANCHORS + 1)
        this.add(`expected at most ${MAX_ANCHORS} anchors and aliases, got: more`, node);
    }
    if (packages.yaml().isScalar(node) && typeof node.value === "number") this.visitNumber(node);
    if (packages.yaml().isMap(node)) this.visitKeys(node);
    if (packages.yaml().isCollection(node)) for (const item of node.items) this.visit(item);
    if (packages.yaml().isPair(node)) {
      this.visit(node.key);
      this.visit(node.value);
    }
  }

  /** As a number, a long integer would change its value. */
  private visitNumber(node: Scalar): void {
    const digits = node.source?.replace(/^\+/, "") ?? "";
    const shown = digits.length > 40 ? `${digits.slice(0, 40)}...` : digits;
    if (/^(-?\d+|0[xo][0-9a-fA-F]+)$/.test(digits) && !isExactInteger(digits))
      this.add(
        `expected integers that a number holds exactly, got: ${shown}; write it as a text`,
        node,
      );
  }

  private visitKeys(map: YAMLMap): void {
    const seen = new Set<string>();
    for (const pair of map.items) {
      const key = keyOf(pair);
      if (seen.has(key)) this.add(`the key "${key}" stands here twice`, pair.key);
      seen.add(key);
    }
  }

  private add(message: string, node: unknown): void {
    if (this.found.length < MAX_ISSUES) this.found.push({ message, offset: offsetOf(node, 0) });
  }
}

function locate(document: Document, path: readonly PropertyKey[], part: "key" | "value"): number {
  let node: unknown = document.contents;
  let offset = offsetOf(node, 0);
  for (const [index, segment] of path.entries()) {
    if (packages.yaml().isAlias(node)) node = node.resolve(document);
    if (packages.yaml().isMap(node)) {
      const pair = node.items.find((one) => keyOf(one) === String(segment));
      if (!pair) return offset;
      offset = offsetOf(pair.key, offset);
      node = pair.value;
      if (index < path.length - 1 || part === "value") offset = offsetOf(node, offset);
    } else if (packages.yaml().isSeq(node)) {
      node = node.items[Number(segment)];
      offset = offsetOf(node, offset);
    } else return offset;
  }
  return offset;
}

function refuse(message: string, code: Issue["code"], position: Position): never {
  throw new ValidationError([{ code, message, path: [], position }]);
}

/**
 * Parses YAML 1.2 or JSON (which is YAML) into plain JSON data that remembers its positions.
 *
 * Refuses custom tags, merge keys, several documents in one text, duplicate keys, keys such as `__proto__`, and aliases
 * that blow up the document.
 *
 * @param file Name of the text in messages.
 * @throws ValidationError with every problem: `document_syntax`, `document_invalid` or `document_too_large` (over 5 MB,
 * as text or with its aliases written out).
 */
export function parseDocument(
  text: string,
  file: string,
  options: { readonly refusedKeys?: ReadonlySet<string> } = {},
): SourceDocument {
  const start = { file, line: 1, column: 1 };
  if (Buffer.byteLength(text) > MAX_DOCUMENT_BYTES)
    refuse(`expected at most ${MAX_DOCUMENT_BYTES} bytes, got: more`, "document_too_large", start);
  try {
    checkTokens(text, start);
    return parse(text, file, options.refusedKeys);
  } catch (thrown) {
    if (thrown instanceof ValidationError) throw thrown;
    return refuse(messageOf(thrown), "document_syntax", start);
  }
}

function parse(text: string, file: string, refusedKeys?: ReadonlySet<string>): SourceDocument {
  const lines = new (packages.yaml().LineCounter)();
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(Math.max(0, offset));
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const document = packages.yaml().parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    version: "1.2",
    schema: "core",
    merge: false,
    resolveKnownTags: false,
    stringKeys: true,
    uniqueKeys: false,
    // "silent" would also silence the error about a second document.
    logLevel: "error",
  });
  const syntax: Issue[] = [...document.errors, ...document.warnings]
    .slice(0, MAX_ISSUES)
    .map(({ message, pos }) => ({
      code: "document_syntax",
      message,
      path: [],
      position: at(pos[0]),
    }));
  if (document.errors.length === 0) {
    const inspection = new Inspection();
    inspection.visit(document.contents);
    for (const { message, offset } of inspection.found)
      syntax.push({ code: "document_syntax", message, path: [], position: at(offset) });
  }
  if (syntax.length > 0) throw new ValidationError(syntax);

  // Bombs are found by the size of what the aliases stand for, not by their number.
  const data: unknown = document.toJS({ maxAliasCount: -1 });
  const positionOf = (path: readonly PropertyKey[], part: "key" | "value" = "value") =>
    at(locate(document, path, part));
  const issues = checkPlainData(data, MAX_DOCUMENT_BYTES, refusedKeys);
  if (issues.length > 0)
    throw new ValidationError(
      issues.map((issue) => Object.assign(issue, { position: positionOf(issue.path, "key") })),
    );
  return { file, data, positionOf };
}
