import {
  iso,
  checkPlainData,
  MAX_DOCUMENT_BYTES,
  parseDocument,
  type Json,
  type ToolRegistry,
} from "../../config/index.ts";
import {
  noWorkflow,
  type RegisteredWorkflow,
  type WorkflowRegistry,
  type WorkflowVersion,
} from "../../queues/client.ts";
import { prepare } from "../workflow/prepare.ts";
import { neededTools } from "./needed-tools.ts";

/** A version of a registered workflow. */
export interface VersionView {
  readonly hash: string;
  readonly name: string;
  /** ISO 8601 with milliseconds. */
  readonly addedAt: string;
  /** Who added it. */
  readonly actor: string;
}

/** A registered workflow in a list. */
export interface WorkflowSummary extends VersionView {
  readonly id: string;
  /** How many versions can be started. */
  readonly versions: number;
}

/** Everything that is known of a registered workflow; the fields of a version are those of the one asked for. */
export interface WorkflowView extends VersionView {
  readonly id: string;
  /** Hash of the version that is started when none is named. */
  readonly current: string;
  /** JSON Schema of the run's input; null when anything goes. */
  readonly inputs: Json;
  /** As it was added. */
  readonly document: Json;
  /** All versions, in the order in which they were added. */
  readonly versions: readonly VersionView[];
}

/** What a removed workflow leaves behind. */
export interface WorkflowRemoval {
  /** Versions that were removed, and those that are left. */
  readonly removed: number;
  readonly left: number;
  /** Ids of schedules and triggers that still name it: they start nothing until it is registered again. */
  readonly usedBy: { readonly schedules: readonly string[]; readonly triggers: readonly string[] };
}

/** What the registry's door works with. */
export interface WorkflowsParts {
  readonly tools: ToolRegistry;
  readonly registry: WorkflowRegistry;
  /** Who still names a workflow. */
  readonly usedBy: (workflowId: string) => Promise<WorkflowRemoval["usedBy"]>;
}

/** Registered workflows: `tutti.workflows`. */
export class Workflows {
  readonly #parts: WorkflowsParts;

  constructor(parts: WorkflowsParts) {
    this.#parts = parts;
  }

  /**
   * Registers a workflow under the id in its document. The same content again changes nothing; another
   * content becomes the current version, and the old ones can still be started by their hash.
   *
   * @param options.actor who adds it. Default: "unknown".
   * @param options.file what messages call the document, when it is text.
   * @throws ValidationError with every problem of the document.
   */
  async add(
    document: string | object,
    options: { readonly actor?: string; readonly file?: string } = {},
  ): Promise<{ id: string; hash: string; created: boolean; previous: string | null }> {
    const { actor = "unknown", file } = options;
    const plan = prepare(document, this.#parts.tools, file === undefined ? {} : { file });
    const data =
      typeof document === "string" ? parseDocument(document, file ?? "workflow").data : document;
    const { id, hash } = plan.workflow;
    const { change, previous } = await this.#parts.registry.add({
      definition: plan.definition,
      hash,
      document: plain(data),
      actor,
    });
    return { id, hash, created: change === "added", previous: previous === hash ? null : previous };
  }

  /** Registered workflows by id, each with its current version. */
  async list(): Promise<WorkflowSummary[]> {
    const found = await this.#parts.registry.list();
    return found.map((one) => ({
      id: one.id,
      ...viewOf(versionOf(one, one.current)),
      versions: one.versions.length,
    }));
  }

  /**
   * One registered workflow.
   *
   * @param options.hash the version to show. Default: the current one.
   * @throws TuttiError `workflow_not_found`.
   */
  async show(
    id: string,
    options: { readonly hash?: string | undefined } = {},
  ): Promise<WorkflowView> {
    const { registry } = this.#parts;
    const found = await registry.find(id);
    if (found === null) throw noWorkflow(id);
    const { definition, hash } = await registry.resolve(id, options.hash ?? found.current);
    return {
      id,
      current: found.current,
      ...viewOf(versionOf(found, hash)),
      inputs: definition.inputs === undefined ? null : plain(definition.inputs),
      document: await registry.document(id, hash),
      versions: found.versions.map(viewOf),
    };
  }

  /**
   * Ids of the tools that runs of a version may call: those of its steps, what answers in their place, what undoes
   * them, and those of the registered workflows that it starts.
   *
   * @throws TuttiError `workflow_not_found`.
   */
  async tools(id: string, options: { readonly hash?: string | undefined } = {}): Promise<string[]> {
    const { registry } = this.#parts;
    const { definition } = await registry.resolve(id, options.hash);
    return neededTools(definition, registry);
  }

  /**
   * Removes a workflow, or one version of it. Runs that were started go on.
   *
   * @param options.hash only this version; when it was current, the one added last of the others takes its place.
   * @throws TuttiError `workflow_not_found`.
   */
  async remove(
    id: string,
    options: { readonly hash?: string | undefined } = {},
  ): Promise<WorkflowRemoval> {
    const gone = await this.#parts.registry.remove(id, options.hash);
    return { ...gone, usedBy: await this.#parts.usedBy(id) };
  }
}

function versionOf(found: RegisteredWorkflow, hash: string): WorkflowVersion {
  const version = found.versions.find((one) => one.hash === hash);
  // Between two reads a version may go.
  if (version === undefined) throw noWorkflow(found.id, hash);
  return version;
}

function viewOf(version: WorkflowVersion): VersionView {
  const { hash, name, addedAtMs, actor } = version;
  return { hash, name, addedAt: iso(addedAtMs), actor };
}

/** What passed the checks of a document is JSON. */
function plain(data: unknown): Json {
  if (checkPlainData(data, MAX_DOCUMENT_BYTES).length > 0) throw new Error("not JSON");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked in the line above
  return data as Json;
}
