// Writes the tables of the docs that are made from the code, between their markers.
// usage: npm run tables
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

import { catalogueJsonSchema } from "../config/index.ts";
import { ENDINGS, stateOf } from "../processors/steps/decisions/endings.ts";
import { consequencesOf, ERROR_CLASSES } from "../processors/steps/decisions/policy.ts";
import type { RunDefinition } from "../queues/index.ts";
import type { OnError } from "../queues/worker.ts";
import { OPERATIONS, SHARED_COMMANDS } from "../src/operations/index.ts";
import type { Operation } from "../src/operations/operation.ts";
import { MODE_RULES } from "../src/workflow/plan/mode.ts";

const POLICIES: readonly OnError[] = ["resilient", "fail_fast", "recovery", "adaptive"];

/** A table of Markdown; the first row is its head. */
function table(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...rows.slice(1).map(line)].join("\n");
}

/** What a failure does, asked of the code that decides: of a step of the run, and of a member of a group. */
function consequences(): string {
  const rows = [["policy", "class of the error", "what it stops", "undone", "state of the run"]];
  for (const onError of POLICIES) {
    for (const kind of ERROR_CLASSES) {
      const ofRun = definitionOf({ onError, steps: { a: { optional: false } } });
      const ofGroup = definitionOf({
        onError: "resilient",
        groups: { g: { onError, optional: false, escalate: false } },
        steps: { a: { optional: false, group: "g" } },
      });
      const { aborts = [], systemic = [] } = consequencesOf(ofRun, "a", kind);
      const inGroup = consequencesOf(ofGroup, "a", kind);
      const stop = aborts[0] ?? systemic[0];
      const scoped = (inGroup.aborts ?? inGroup.systemic ?? [])[0]?.group === "g";
      const facts = { failed: 1, completed: 1, lost: 0, outputFails: false, unmetCriteria: 0 };
      const plain = stateOf(facts);
      const stopped = stop === undefined ? plain : stateOf({ ...facts, stopped: stop.kind });
      rows.push([
        `\`${onError}\``,
        `\`${kind}\``,
        stop === undefined
          ? "nothing"
          : `${scoped ? "its scope" : "the run"}${aborts.length === 0 ? ", with the third such failure" : ""}`,
        stop?.compensate === true ? "what completed in it" : "nothing",
        stopped === plain
          ? `\`${plain}\``
          : `\`${stopped}\`; \`${plain}\` when its scope is a group${aborts.length === 0 ? ", or before the third" : ""}`,
      ]);
    }
  }
  return table(rows);
}

/** Operations, with the doors that lead to them. */
function operations(): string {
  const commandsOf = (operation: Operation): string[] =>
    [operation.command, ...SHARED_COMMANDS]
      .filter((command) => command?.operations.includes(operation) === true)
      .map((command) => `\`tutti ${command?.words}\``);
  return table([
    ["operation", "route", "command", "scope"],
    ...OPERATIONS.map((operation) => [
      `\`${operation.name}\``,
      operation.http === undefined
        ? ""
        : `\`${operation.http.method.toUpperCase()} ${operation.http.path}\``,
      commandsOf(operation).join(", "),
      operation.scope,
    ]),
  ]);
}

/** What a table needs of a JSON Schema. */
interface FieldSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly required?: readonly string[];
  readonly items?: FieldSchema;
  readonly additionalProperties?: FieldSchema | false;
  readonly anyOf?: readonly FieldSchema[];
  readonly oneOf?: readonly FieldSchema[];
}

const formsOf = ({ anyOf, oneOf }: FieldSchema): readonly FieldSchema[] => anyOf ?? oneOf ?? [];

/** A type in words: `a, b or c`, `list of text`. */
function typeOf(schema: FieldSchema): string {
  const forms = formsOf(schema);
  if (forms.length > 0) return [...new Set(forms.map(typeOf))].join(" or ");
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``.replaceAll('"', "");
  if (schema.enum !== undefined) return schema.enum.map((one) => `\`${String(one)}\``).join(", ");
  const items = schema.items;
  const values = schema.additionalProperties;
  switch (schema.type ?? "anything") {
    case "array":
      return items === undefined ? "list" : `list of ${typeOf(items)}`;
    case "object":
      return values === undefined || values === false ? "object" : `${typeOf(values)} by name`;
    case "string":
      return "text";
    case "integer":
      return "whole number";
    default:
      return schema.type ?? "anything";
  }
}

/** A row for each field of an object, and of the objects in it. */
function fieldRows(schema: FieldSchema, prefix: string): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const isNeeded = schema.required?.includes(name) === true && field.default === undefined;
    const row = [
      `\`${path}\``,
      typeOf(field),
      isNeeded
        ? "required"
        : field.default === undefined
          ? ""
          : `\`${JSON.stringify(field.default)}\``,
      (field.description ?? "").replaceAll("|", "\\|"),
    ];
    return [row, ...inside(field, path)];
  });
}

/** The fields of what stands in a field. Tools, bindings and servers have tables of their own. */
function inside(field: FieldSchema, path: string): string[][] {
  if (["tools", "binding", "servers"].includes(path)) return [];
  const values = field.additionalProperties;
  const forms = [field, ...formsOf(field)].flatMap((form) => [
    ...fieldRows(form, `${path}.`),
    ...(form.items === undefined ? [] : fieldRows(form.items, `${path}[].`)),
  ]);
  const named = values === undefined || values === false ? [] : [values, ...formsOf(values)];
  return [
    ...forms,
    ...named.flatMap((value) => [
      ...fieldRows(value, `${path}.NAME.`),
      ...(value.items === undefined ? [] : fieldRows(value.items, `${path}.NAME[].`)),
    ]),
  ];
}

const FIELD_HEAD = ["field", "type", "default", "meaning"];

/** The fields of a catalogue file, of a tool, of its bindings, of servers. */
function catalogueTables(): Readonly<Record<string, string>> {
  const file = catalogueJsonSchema() as FieldSchema;
  const { tools, servers } = file.properties ?? {};
  const tool = tools?.items ?? {};
  const server = servers?.additionalProperties;
  const ofForms = (schema: FieldSchema, teller: string): string[][] =>
    formsOf(schema).flatMap((form) => {
      const told = String(form.properties?.[teller]?.const);
      return fieldRows(form, "").map(([field = "", ...rest]) => [`${told}: ${field}`, ...rest]);
    });
  return {
    "catalogue-file": table([FIELD_HEAD, ...fieldRows(file, "")]),
    "catalogue-tool": table([FIELD_HEAD, ...fieldRows(tool, "")]),
    "catalogue-bindings": table([
      FIELD_HEAD,
      ...ofForms(tool.properties?.["binding"] ?? {}, "type"),
    ]),
    "catalogue-servers": table([
      FIELD_HEAD,
      ...ofForms(server === false || server === undefined ? {} : server, "transport"),
    ]),
  };
}

/** As much of a definition as policies look at. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the rest of it is not looked at
const definitionOf = (part: object): RunDefinition => part as unknown as RunDefinition;

/** A table of the docs that is made from the code. */
interface Table {
  readonly file: string;
  /** Of the markers it stands between. */
  readonly name: string;
  readonly text: string;
}

/** Every generated table: the file it stands in, the name of its markers, its text. */
export const TABLES: readonly Table[] = [
  { file: "docs/semantics.md", name: "consequences", text: consequences() },
  {
    file: "docs/semantics.md",
    name: "endings",
    text: table([
      ["what happened", "state"],
      ...ENDINGS.map(({ what, state }) => [what, `\`${state}\``]),
    ]),
  },
  { file: "docs/interface.md", name: "operations", text: operations() },
  ...Object.entries(catalogueTables()).map(([name, text]) => ({
    file: "docs/catalogue.md",
    name,
    text,
  })),
  {
    file: "docs/workflows.md",
    name: "modes",
    text: table([
      ["what the workflow looks like", "mode"],
      ...MODE_RULES.map(({ when, mode }) => [when, `\`${mode}\``]),
    ]),
  },
];

/** The text of a file with one table put between its markers. */
export function put(text: string, { file, name, text: made }: Table): string {
  const [open, close] = [`<!-- table: ${name} -->`, `<!-- /table: ${name} -->`];
  const from = text.indexOf(open);
  const to = text.indexOf(close);
  if (from < 0 || to < 0) throw new Error(`${file} has no place for the table ${name}`);
  return `${text.slice(0, from + open.length)}\n\n${made}\n\n${text.slice(to)}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const made of TABLES) {
    writeFileSync(made.file, put(readFileSync(made.file, "utf8"), made));
  }
}
