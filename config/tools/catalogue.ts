import { readFileSync } from "node:fs";

import { parseDocument, type Position, type SourceDocument } from "../documents/yaml.ts";
import { issuesOf } from "../documents/zod-issues.ts";
import { messageOf, TuttiError, ValidationError, type Issue } from "../errors.ts";
import { given } from "../given.ts";
import { compileSchema } from "../json-schemas/schema-check.ts";
import { checkBinding, checkServer } from "./binding-check.ts";
import { checkToolLimits } from "./limits.ts";
import { ToolRegistry, type CatalogueParts, type ToolEntry } from "./registry.ts";
import { tellOnce, withoutRetired, type Tell } from "./retired.ts";
import { checkedFiles, shippedFiles } from "./shipped.ts";
import { catalogueFile, type CatalogueFile, type ToolSpec } from "./tool.ts";

/** Fewer tools mean that the shipped catalogue is incomplete. */
const MIN_SHIPPED_TOOLS = 46;

export interface CatalogueOptions {
  /** The user's catalogue files, in order. Later tools and budgets replace earlier ones of the same name. */
  readonly files?: readonly string[];
  /** Whether the shipped catalogue comes first. Default: true. */
  readonly shipped?: boolean;
  /** Fewer tools than this are an error. Default: 46 with the shipped catalogue, otherwise 0. */
  readonly minTools?: number;
  /** Is told, once per process, of fields without effect. Default: a process warning. */
  readonly tell?: Tell;
}

interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Problems inside one tool or server, as issues of the file. */
function* placed(
  problems: Iterable<Problem>,
  base: readonly (string | number)[],
  document: SourceDocument,
): Generator<Issue> {
  for (const { path, message } of problems) {
    const at = [...base, ...path];
    yield { code: "catalogue_invalid", message, path: at, position: document.positionOf(at) };
  }
}

function* checkTool(tool: ToolSpec, file: CatalogueFile): Generator<Problem> {
  if (tool.binding)
    for (const { path, message } of checkBinding(tool.binding, file.allow, file.servers))
      yield { path: ["binding", ...path], message };
  yield* checkToolLimits(tool);
  for (const field of ["input", "output"] as const) {
    const schema = tool[field];
    if (!schema) continue;
    try {
      compileSchema(schema);
    } catch (thrown) {
      yield { path: [field], message: messageOf(thrown) };
    }
  }
}

function* checkFile(file: CatalogueFile, document: SourceDocument): Generator<Issue> {
  for (const [name, server] of Object.entries(file.servers))
    yield* placed(checkServer(server, file.allow), ["servers", name], document);
  const seen = new Set<string>();
  for (const [index, tool] of file.tools.entries()) {
    yield* placed(checkTool(tool, file), ["tools", index], document);
    if (seen.has(tool.id)) {
      const message = `the tool "${tool.id}" stands in this file twice`;
      yield* placed([{ path: ["id"], message }], ["tools", index], document);
    }
    seen.add(tool.id);
  }
}

function parseFile(
  text: string,
  name: string,
  tell?: Tell,
): { file: CatalogueFile; document: SourceDocument } {
  let document: SourceDocument;
  try {
    document = parseDocument(text, name);
  } catch (thrown) {
    if (!(thrown instanceof ValidationError)) throw thrown;
    throw new ValidationError(
      thrown.issues.map((issue) =>
        Object.assign({ ...issue }, { code: "catalogue_invalid" as const }),
      ),
    );
  }
  const { data, notice } = withoutRetired(document);
  if (notice !== null) tellOnce(notice, tell);
  const parsed = catalogueFile.safeParse(data);
  if (!parsed.success)
    throw new ValidationError(
      issuesOf(parsed.error, "catalogue_invalid", { schema: catalogueFile, data }, document),
    );
  return { file: parsed.data, document };
}

/**
 * Reads one catalogue text. Its servers and allow lists apply only to its own tools; its budgets apply to the tools of
 * all catalogues. References between tools and to budgets are not checked here, because they may lead to other files.
 *
 * @param name Name of the text in messages.
 * @param tell Is told of fields without effect. Default: a process warning.
 * @throws ValidationError `catalogue_invalid` with every problem and its position.
 */
export function catalogueParts(text: string, name: string, tell?: Tell): CatalogueParts {
  const { file, document } = parseFile(text, name, tell);
  const issues = [...checkFile(file, document)];
  if (issues.length > 0) throw new ValidationError(issues);
  const { version } = file;
  const tools = file.tools.map((spec, index): ToolEntry => {
    const server = spec.binding?.type === "mcp" ? file.servers[spec.binding.server] : undefined;
    const positionOf = (path: readonly PropertyKey[]): Position =>
      document.positionOf(["tools", index, ...path]);
    const entry = {
      spec,
      allow: file.allow,
      positionOf,
      ...given({ catalogueVersion: version }),
    };
    return server ? Object.assign(entry, { server }) : entry;
  });
  return { tools, budgets: file.budgets, ...given({ version }) };
}

/**
 * The tools of one catalogue text. See {@link catalogueParts}, which also has its budgets.
 *
 * @param name Name of the text in messages.
 * @throws ValidationError `catalogue_invalid` with every problem and its position.
 */
export function parseCatalogue(text: string, name: string): ToolEntry[] {
  return [...catalogueParts(text, name).tools];
}

function unreadable(path: string, thrown: unknown): ValidationError {
  const position = { file: path, line: 1, column: 1 };
  const message = `the catalogue cannot be read: ${messageOf(thrown)}`;
  return new ValidationError([{ code: "catalogue_invalid", message, path: [], position }]);
}

function readParts(path: string, tell?: Tell): CatalogueParts {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (thrown) {
    throw unreadable(path, thrown);
  }
  return catalogueParts(text, path, tell);
}

/**
 * Loads catalogues into a registry.
 *
 * @throws ValidationError `catalogue_invalid` with every problem of every file, also between files.
 * @throws TuttiError `incomplete_tool_registry` if there are fewer than `minTools` tools.
 */
export function loadCatalogue(options: CatalogueOptions = {}): ToolRegistry {
  const { files = [], shipped = true, minTools = shipped ? MIN_SHIPPED_TOOLS : 0 } = options;
  const issues: Issue[] = [];
  const registry = new ToolRegistry();
  const checked: ReadonlyMap<string, CatalogueParts> = shipped ? checkedFiles() : new Map();
  for (const path of [...(shipped ? shippedFiles() : []), ...files]) {
    try {
      const { tools, budgets, version } = checked.get(path) ?? readParts(path, options.tell);
      for (const entry of tools) registry.replace(entry);
      for (const [budget, spec] of Object.entries(budgets))
        registry.replaceBudget(budget, spec, version);
    } catch (thrown) {
      if (!(thrown instanceof ValidationError)) throw thrown;
      issues.push(...thrown.issues);
    }
  }
  // Only if every tool is known: a file that failed to load would be missing everywhere.
  if (issues.length === 0) issues.push(...registry.problems());
  if (issues.length > 0) throw new ValidationError(issues);
  if (registry.size < minTools)
    throw new TuttiError(
      "incomplete_tool_registry",
      `expected at least ${minTools} tools, got: ${registry.size}`,
      { details: { minTools, tools: registry.size } },
    );
  return registry;
}
