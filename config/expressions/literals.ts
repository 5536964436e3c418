/** A literal in the text of an expression: its prefix, its quotes, its content. */
interface Literal {
  readonly raw: boolean;
  readonly bytes: boolean;
  readonly content: string;
  /** Position after the closing quotes. */
  readonly end: number;
}

const PREFIXED = /(?:[bB][rR]?|[rR])?(?=["'])/y;
const IDENTIFIER = /[A-Za-z0-9_]/;

/**
 * The CEL text or bytes literal that begins at `at`, which may have a prefix (`r`, `b`, `br`) or triple quotes.
 * Undefined if none begins there, null if it is not closed.
 */
export function literalAt(text: string, at: number): Literal | undefined | null {
  if (at > 0 && IDENTIFIER.test(text[at - 1] ?? "") && !/["']/.test(text[at] ?? ""))
    return undefined;
  PREFIXED.lastIndex = at;
  const prefix = PREFIXED.exec(text)?.[0].toLowerCase();
  if (prefix === undefined) return undefined;
  const raw = prefix.includes("r");
  const start = at + prefix.length;
  const quote = text[start] ?? "";
  const quotes = text.startsWith(quote.repeat(3), start) ? quote.repeat(3) : quote;
  const from = start + quotes.length;
  for (let to = from; to < text.length; to++) {
    if (!raw && text[to] === "\\") to++;
    else if (text.startsWith(quotes, to))
      return {
        raw,
        bytes: prefix.includes("b"),
        content: text.slice(from, to),
        end: to + quotes.length,
      };
  }
  return null;
}

function escaped(content: string): string {
  return content
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r");
}

/** Writes bytes above 127 as escapes: the text of a bytes literal stands for its UTF-8. */
function escapedBytes(content: string): string {
  return content.replace(/[^\0-\x7f]+/gu, (part) =>
    [...Buffer.from(part)].map((byte) => `\\x${byte.toString(16)}`).join(""),
  );
}

/**
 * Rewrites raw and bytes literals as plain ones. The parser treats a backslash in a raw text as an escape of the quote
 * after it, does not know `br`, and cuts the characters of bytes to eight bits.
 */
export function withPlainLiterals(source: string): string {
  if (!/[bBrR]["']/.test(source)) return source;
  let plain = "";
  let from = 0;
  for (let at = 0; at < source.length; at++) {
    if (source.startsWith("//", at)) {
      const end = source.indexOf("\n", at);
      at = end === -1 ? source.length : end;
      continue;
    }
    const literal = literalAt(source, at);
    if (literal === null) break;
    if (literal === undefined) continue;
    const { raw, bytes, content, end } = literal;
    if (raw || bytes) {
      const text = raw ? `"${escaped(content)}"` : undefined;
      const written = text ?? source.slice(source.indexOf(source[end - 1]!, at), end);
      plain += source.slice(from, at) + (bytes ? `b${escapedBytes(written)}` : written);
      from = end;
    }
    at = end - 1;
  }
  return plain + source.slice(from);
}
