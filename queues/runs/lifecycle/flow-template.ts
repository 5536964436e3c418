import { createHash } from "node:crypto";

import { LRUCache } from "lru-cache";

import { keysOfBullScript, unpacked, untestedBullScripts } from "../../connection/index.ts";
import type { RunDefinition } from "../../definition.ts";
import type { Identity } from "../../jobs.ts";
import { isLane } from "../../names.ts";
import type { FlowCalls } from "../flow-script.ts";
import type { Flows } from "../flows.ts";
import type { TreeOf } from "./tree-of.ts";

/**
 * Larger trees are added separately. For them the round trip matters little, and Redis would parse a long text for each
 * run.
 */
const MOST_JOBS = 50;
/** Size of the cache of templates. Characters. */
const KEPT_CHARS = 8_000_000;
/** Placeholder for the rank of a run. */
const ANY_RANK = 1_000;

/**
 * How to add the jobs of any run of a workflow. Stored beside its definition, so that a submission sends only its own
 * values.
 */
export interface FlowTemplate {
  /** The field of the definition, named by content: another version of Tutti or BullMQ has another field. */
  readonly field: string;
  /** JSON, with {@link marksOf} in place of the run's values. */
  readonly text: string;
  readonly mark: string;
  readonly jobs: number;
}

/** Placeholders for the values of a run. A definition cannot contain a part of its own hash. */
const marksOf = (mark: string) => ({
  runId: `~r${mark}~`,
  tenant: `~t${mark}~`,
  actor: `~a${mark}~`,
  correlationId: `~c${mark}~`,
});

/** The values of a run by their marks, escaped as in the JSON of its jobs. */
export const wordsOf = ({ tenant, actor, correlationId }: Identity) => ({
  t: inJson(tenant),
  a: inJson(actor),
  c: inJson(correlationId),
});

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);

/** Templates of the workflows whose runs this process submits. */
export class FlowTemplates {
  readonly #flows: Flows;
  readonly #treeOf: TreeOf;
  readonly #kept = new LRUCache<string, { readonly template: FlowTemplate | null }>({
    maxSize: KEPT_CHARS,
  });

  constructor(flows: Flows, treeOf: TreeOf) {
    this.#flows = flows;
    this.#treeOf = treeOf;
  }

  /**
   * Null if each run of this workflow has its own tree, if its trees are large, or if this BullMQ is not the tested
   * one.
   */
  async of(definition: RunDefinition, hash: string): Promise<FlowTemplate | null> {
    const kept = this.#kept.get(hash);
    if (kept !== undefined) return kept.template;
    const template = await this.#made(definition, hash);
    this.#kept.set(hash, { template }, { size: (template?.text.length ?? 0) + 100 });
    return template;
  }

  async #made(definition: RunDefinition, hash: string): Promise<FlowTemplate | null> {
    if (definition.keyed === true || untestedBullScripts().length > 0) return null;
    if (Object.keys(definition.steps).length > MOST_JOBS) return null;
    const mark = createHash("sha256").update(hash).digest("hex").slice(0, 16);
    const { runId, ...identity } = marksOf(mark);
    const tree = this.#treeOf(definition, hash, {
      address: { workflowId: definition.workflow.id, runId, epoch: 0 },
      keys: { tenant: identity.tenant, steps: {} },
      identity,
      priority: ANY_RANK,
    });
    if (tree.some(({ queue }) => isLane(queue))) return null;
    const text = textOf(await this.#flows.callsOf(tree));
    const field = `flow:${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
    return { field, text, mark, jobs: tree.length };
  }
}

function textOf({ first, links, calls }: FlowCalls): string {
  return JSON.stringify({
    first,
    links,
    calls: calls.map(([script, given]) => ({
      script,
      keys: given.slice(0, keysOfBullScript(script)),
      args: given.slice(keysOfBullScript(script)).map((arg) => unpacked(arg)),
    })),
  });
}
