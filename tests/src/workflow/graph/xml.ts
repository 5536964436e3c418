/** An element of an XML document: its name, its attributes and the text directly in it. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly parent: XmlElement | null;
  text: string;
}

const TOKEN =
  /<\?[^>]*\?>|<(\/?)([A-Za-z][\w:.-]*)((?:\s+[\w:.-]+="[^"<]*")*)\s*(\/?)>|([^<]+)|(<)/gu;
const ENTITY = /&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[\da-fA-F]+);)/;
const ALLOWED = /^[\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u;

/** Reads a document of elements, attributes in double quotes and text; throws where it is not well-formed. */
export function parseXml(document: string): XmlElement[] {
  if (!ALLOWED.test(document)) throw new Error("a character that XML does not have");
  const elements: XmlElement[] = [];
  const open: XmlElement[] = [];
  let roots = 0;
  for (const [token, close, name, rest = "", empty, text, stray] of document.matchAll(TOKEN)) {
    if (stray !== undefined) throw new Error("a < that opens nothing");
    if (ENTITY.test(token)) throw new Error(`an & that is no entity: ${token.slice(0, 80)}`);
    if (text !== undefined) {
      const at = open.at(-1);
      if (at !== undefined) at.text += text;
      else if (text.trim() !== "") throw new Error(`text outside: ${text.slice(0, 80)}`);
      continue;
    }
    if (name === undefined) continue;
    if (close === "/") {
      const last = open.pop();
      if (last?.name !== name) throw new Error(`</${name}> closes <${last?.name}>`);
      continue;
    }
    if (open.length === 0 && ++roots > 1) throw new Error(`a second root: ${name}`);
    const pairs = [...rest.matchAll(/([\w:.-]+)="([^"]*)"/g)].map(([, key, value]) => [
      key!,
      value!,
    ]);
    const attributes = Object.fromEntries(pairs) as Record<string, string>;
    if (pairs.length !== Object.keys(attributes).length)
      throw new Error(`an attribute twice: ${token}`);
    const element = { name, attributes, parent: open.at(-1) ?? null, text: "" };
    elements.push(element);
    if (empty !== "/") open.push(element);
  }
  if (open.length > 0) throw new Error(`<${open.at(-1)!.name}> is not closed`);
  return elements;
}
