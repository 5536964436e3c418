import { type ToolSpec, given, placeName, shownValue } from "../../../config/index.ts";
import type { CachePolicy, Fallback } from "../../../queues/client.ts";
import type { RetryPolicy } from "../../../queues/index.ts";
import type { LimitProblem } from "./limits.ts";
import type { Step } from "./schema.ts";

type Path = readonly (string | number)[];

/** What a step says of kept results, as workers read it. */
export function cacheOf({ cache }: Step, tool: ToolSpec | undefined): CachePolicy | undefined {
  if (cache === undefined || tool === undefined) return undefined;
  const { ttlMs, staleMs = ttlMs } = cache;
  return { ttlMs, staleMs, version: tool.version };
}

/** The other ways of a step, in words. */
interface Ways {
  readonly tool?: string | undefined;
  readonly with?: Step["with"] | undefined;
  readonly cache?: boolean | undefined;
}

const waysOf = ({ fallback }: Step): Ways | undefined => (fallback === true ? {} : fallback);

/**
 * The tools that may answer in the place of a step's own: the one that it names, or those that the
 * catalogue has as alternatives, as far as they can be called.
 */
export function alternativesOf(
  step: Step,
  tool: ToolSpec | undefined,
  toolOf: (id: string) => ToolSpec | undefined,
): ToolSpec[] {
  const ways = waysOf(step);
  if (ways === undefined || tool === undefined) return [];
  const ids = ways.tool === undefined ? tool.alternatives : [ways.tool];
  return ids
    .map(toolOf)
    .filter((spec) => spec !== undefined)
    .filter((spec) => spec.binding !== undefined && sharesCapability(spec, tool));
}

const sharesCapability = (a: ToolSpec, b: ToolSpec): boolean =>
  a.capabilities.some((capability) => b.capabilities.includes(capability));

/** What is wrong with the other ways of a step; how the tool that it names is called is for others to check. */
export function* checkFallback(
  step: Step,
  tool: ToolSpec | undefined,
  toolOf: (id: string) => ToolSpec | undefined,
  path: Path,
): Generator<LimitProblem> {
  const ways = waysOf(step);
  if (ways === undefined || tool === undefined) return;
  const where = [...path, "fallback"];
  const named = ways.tool === undefined ? undefined : toolOf(ways.tool);
  if (named !== undefined && (named.id === tool.id || !sharesCapability(named, tool))) {
    const at = [...where, "tool"];
    const message = `expected ${placeName(at)} to be another tool with a capability of ${tool.id} (${tool.capabilities.join(", ")}), got: ${shownValue(named.id)}`;
    yield { code: "document_invalid", path: at, message };
  }
  if (ways.cache === true && step.cache === undefined) {
    const at = [...where, "cache"];
    yield {
      code: "document_invalid",
      path: at,
      message: `${placeName(at)} needs a cache of the step`,
    };
  }
  const some = ways.tool !== undefined || alternativesOf(step, tool, toolOf).length > 0;
  if (some || ways.cache === true || (ways.cache !== false && step.cache !== undefined)) return;
  const message = `${placeName(where)} is no way: ${tool.id} has no alternatives that can be called, and the step no cache`;
  yield { code: "document_invalid", path: where, message, at: "key" };
}

/** The other ways of a step, as workers read them. */
export function fallbackOf(
  step: Step,
  alternatives: readonly ToolSpec[],
  retryOf: (tool: ToolSpec) => RetryPolicy,
): Fallback | undefined {
  const ways = waysOf(step);
  if (ways === undefined) return undefined;
  return {
    tools: alternatives.map((tool) => ({
      tool: tool.id,
      ...given({ with: ways.with }),
      timeoutMs: step.timeoutMs ?? tool.timeoutMs,
      retry: retryOf(tool),
      idempotent: tool.idempotent,
    })),
    cache: ways.cache ?? step.cache !== undefined,
  };
}

/** What is wrong with the results that a step wants to be kept. */
export function* checkCache(
  { cache }: Step,
  tool: ToolSpec | undefined,
  path: Path,
): Generator<LimitProblem> {
  if (cache === undefined) return;
  const where = [...path, "cache"];
  if (cache.staleMs !== undefined && cache.staleMs < cache.ttlMs) {
    const at = [...where, "staleMs"];
    const message = `expected ${placeName(at)} to be at least ttlMs (${cache.ttlMs}), got: ${cache.staleMs}`;
    yield { code: "document_invalid", path: at, message };
  }
  if (tool === undefined || cache.insist) return;
  if (tool.idempotent && tool.effect === "read") return;
  const is = tool.idempotent ? `has the effect ${tool.effect}` : "is not idempotent";
  const message = `${placeName(where)}: ${tool.id} ${is}, and a kept result has none; if that is meant, say insist: true`;
  yield { code: "document_invalid", path: where, message, at: "key" };
}
