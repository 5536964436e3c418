import type { SourceDocument } from "../documents/yaml.ts";

/**
 * Removed fields of a tool that never had an effect, by path. A catalogue with such fields is read without them, and a
 * notice says once that they have no effect.
 */
const RETIRED = [
  ["tier"],
  ["enterpriseReady"],
  ["aiEnhanced"],
  ["performance", "throughputPerMinute"],
] as const;

/** Receives a notice about removed fields. */
export type Tell = (notice: string) => void;

const warned = new Set<string>();
const warn: Tell = (notice) => process.emitWarning(notice, { type: "TuttiWarning" });

/** Gives a notice once in the life of a process, however often the file is read. */
export function tellOnce(notice: string, tell: Tell = warn): void {
  if (warned.has(notice)) return;
  warned.add(notice);
  tell(notice);
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The data of a catalogue without removed fields, and the notices about them; null if it has none. */
export function withoutRetired({ data, positionOf }: SourceDocument): {
  readonly data: unknown;
  readonly notice: string | null;
} {
  const tools = isFields(data) ? data["tools"] : undefined;
  if (!isFields(data) || !Array.isArray(tools)) return { data, notice: null };
  const found: { readonly name: string; readonly path: readonly (string | number)[] }[] = [];
  const kept = tools.map((tool: unknown, index) => {
    let left = tool;
    for (const path of RETIRED) {
      const rest = without(left, path);
      if (rest === null) continue;
      left = rest;
      found.push({ name: path.join("."), path: ["tools", index, ...path] });
    }
    return left;
  });
  const [first] = found;
  if (first === undefined) return { data, notice: null };
  const { file, line, column } = positionOf(first.path);
  const names = [...new Set(found.map(({ name }) => name))].join(", ");
  const more = found.length === 1 ? "" : `, here and in ${found.length - 1} more places`;
  return {
    data: { ...data, tools: kept },
    notice: `${file}:${line}:${column}: nothing goes by ${names} of a tool${more}: take ${found.length === 1 ? "it" : "them"} out`,
  };
}

/** A copy without a field; null if the value does not have it. */
function without(value: unknown, [name, ...rest]: readonly string[]): Fields | null {
  if (!isFields(value) || name === undefined || !Object.hasOwn(value, name)) return null;
  if (rest.length === 0) {
    const { [name]: _, ...left } = value;
    return left;
  }
  const inner = without(value[name], rest);
  return inner === null ? null : { ...value, [name]: inner };
}
