import type { Redis } from "ioredis";

import { quoted, TuttiError, type Json } from "../../../config/index.ts";
import { defineScripts, script, type Commands } from "../../connection/index.ts";
import type { RunDefinition } from "../../definition.ts";
import type { Keys } from "../../names.ts";
import { ADD_WORKFLOW, REMOVE_WORKFLOW } from "./scripts/generated.ts";

/** One content of a registered workflow. */
export interface WorkflowVersion {
  readonly hash: string;
  readonly name: string;
  readonly addedAtMs: number;
  readonly actor: string;
}

/** A registered workflow. Versions are in the order in which they were added. */
export interface RegisteredWorkflow {
  readonly id: string;
  /** Hash of the version that starts if none is named. */
  readonly current: string;
  readonly versions: readonly WorkflowVersion[];
}

/** A definition that can be started. */
export interface ResolvedWorkflow {
  readonly hash: string;
  readonly definition: RunDefinition;
}

const SCRIPTS = {
  add: script<
    [
      workflow: string,
      workflows: string,
      definition: string,
      id: string,
      hash: string,
      definitionJson: string,
      documentJson: string,
      actor: string,
      name: string,
    ],
    [change: "added" | "current" | "same", previous: string]
  >("tuttiAddWorkflow", ADD_WORKFLOW, { keys: 3, once: true }),
  /** Keys: the workflow, all workflows, and the definitions of the versions to remove. */
  remove: script<[keyCount: number, ...keysAndArgs: (string | number)[]], number>(
    "tuttiRemoveWorkflow",
    REMOVE_WORKFLOW,
    { keys: "counted", once: true },
  ),
};

/** How often a removal looks again if versions come and go meanwhile. */
const MAX_TRIES = 20;

/** Workflows by id and content hash. A registered version can be started until it is removed. */
export class WorkflowRegistry {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #scripts: Commands<typeof SCRIPTS>;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    this.#scripts = defineScripts(redis, keys.prefix, SCRIPTS);
  }

  /** Registers a version, or makes an existing one current. */
  async add(version: {
    readonly definition: RunDefinition;
    readonly hash: string;
    readonly document: Json;
    readonly actor: string;
  }): Promise<{ change: "added" | "current" | "same"; previous: string | null }> {
    const { definition, hash, document, actor } = version;
    const { id, name } = definition.workflow;
    const [change, previous] = await this.#scripts.add(
      this.#keys.workflow(id),
      this.#keys.workflows,
      this.#keys.definition(hash),
      id,
      hash,
      JSON.stringify(definition),
      JSON.stringify(document),
      actor,
      name,
    );
    return { change, previous: previous === "" ? null : previous };
  }

  /** All registered workflows, by id. */
  async list(): Promise<RegisteredWorkflow[]> {
    const ids = await this.#redis.zrange(this.#keys.workflows, "0", "-1");
    const found = await Promise.all(ids.map((id) => this.find(id)));
    return found.filter((one) => one !== null);
  }

  /** A registered workflow; null if there is none with this id. */
  async find(id: string): Promise<RegisteredWorkflow | null> {
    const key = this.#keys.workflow(id);
    const [current, fields] = await Promise.all([
      this.#redis.hget(key, "current"),
      this.#redis.hkeys(key),
    ]);
    const names = fields.filter((field) => field.startsWith("v:"));
    if (current === null || names.length === 0) return null;
    const texts = await this.#redis.hmget(key, ...names);
    const versions = texts.flatMap((text, index) => {
      if (text === null) return [];
      const kept = JSON.parse(text) as {
        addedAtMs: string;
        seq: number;
        actor: string;
        name: string;
      };
      const { addedAtMs, seq, ...who } = kept;
      return [
        { seq, version: { hash: names[index]!.slice(2), addedAtMs: Number(addedAtMs), ...who } },
      ];
    });
    return {
      id,
      current,
      versions: versions.toSorted((a, b) => a.seq - b.seq).map(({ version }) => version),
    };
  }

  /** The document of a version as it was added; null if there is none. */
  async document(id: string, hash: string): Promise<Json | null> {
    const text = await this.#redis.hget(this.#keys.workflow(id), `d:${hash}`);
    return text === null ? null : (JSON.parse(text) as Json);
  }

  /**
   * What a start of this workflow runs: the version named by `hash`, else the current one.
   *
   * @throws TuttiError `workflow_not_found`.
   */
  async resolve(id: string, hash?: string): Promise<ResolvedWorkflow> {
    const named = hash ?? (await this.#redis.hget(this.#keys.workflow(id), "current"));
    if (named === null) throw noWorkflow(id);
    const [known, text] = await Promise.all([
      this.#redis.hexists(this.#keys.workflow(id), `v:${named}`),
      this.#redis.hget(this.#keys.definition(named), "json"),
    ]);
    if (known === 0 || text === null) throw noWorkflow(id, hash);
    return { hash: named, definition: JSON.parse(text) as RunDefinition };
  }

  /**
   * Removes a workflow or one of its versions. Returns how many versions were removed and how many are left.
   *
   * @throws TuttiError `workflow_not_found`.
   */
  async remove(id: string, hash?: string): Promise<{ removed: number; left: number }> {
    for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
      const found = await this.find(id);
      const gone = found?.versions.map((one) => one.hash).filter((one) => one === (hash ?? one));
      if (found === null || gone === undefined || gone.length === 0) throw noWorkflow(id, hash);
      const left = await this.#scripts.remove(
        2 + gone.length,
        this.#keys.workflow(id),
        this.#keys.workflows,
        ...gone.map((one) => this.#keys.definition(one)),
        id,
        found.versions.length,
        ...gone,
      );
      if (left >= 0) return { removed: gone.length, left };
    }
    throw new TuttiError("internal_error", `workflow ${id} is changed all the time by others`);
  }
}

export function noWorkflow(id: string, hash?: string): TuttiError {
  const version = hash === undefined ? "" : ` with the hash ${quoted(hash)}`;
  return new TuttiError("workflow_not_found", `no workflow ${quoted(id)}${version} is registered`);
}
