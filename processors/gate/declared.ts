import {
  canonicalJson,
  contentHash,
  STRATEGIES,
  type Json,
  type Strategy,
  type ToolEntry,
  type ToolRegistry,
  given,
} from "../../config/index.ts";
import {
  compileBudget,
  compileLimits,
  MACHINE_UNITS,
  ownBudget,
  type BudgetLimits,
  type Declaration,
  type GatedLimits,
} from "../../queues/index.ts";
import { type DeclarationFacts } from "../../queues/worker.ts";
import { startCapOf } from "../optimizer/learning/knee.ts";

/** Bindings behind which there is somebody else's service. */
const EXTERNAL: ReadonlySet<string | undefined> = new Set(["http", "mcp"]);

/**
 * What a catalogue declares, as the gate reads it.
 *
 * @param learning How many calls at once a service of others takes is learned: its calls are counted. False:
 * what was learned before of anything holds no more.
 */
export function declaredLimits(registry: ToolRegistry, learning: boolean): Declaration {
  const tools: Record<string, { declared: GatedLimits }> = {};
  const budgets: Record<string, { declared: BudgetLimits | false }> = {};
  const facts = {
    tools: {} as Record<string, DeclarationFacts>,
    budgets: {} as Record<string, DeclarationFacts>,
  };
  for (const [name, spec] of Object.entries(registry.budgets())) {
    budgets[name] = { declared: compileBudget(spec) };
    const version = registry.budgetVersion(name);
    if (version !== undefined) facts.budgets[name] = { version };
  }
  for (const entry of registry.list()) {
    const { spec } = entry;
    facts.tools[spec.id] = factsOf(entry);
    const { limits, own } = compileLimits(spec);
    const declared = {
      ...limits,
      ...(spec.performance === undefined ? {} : { serviceMs: spec.performance.responseTimeMs }),
      ...(learning && EXTERNAL.has(spec.binding?.type)
        ? { external: true, cap: startCapOf(own?.slots) }
        : {}),
    };
    tools[spec.id] = { declared };
    // A tool may have had limits before, under an older catalogue.
    budgets[ownBudget(spec.id)] = { declared: own ?? false };
  }
  return { tools, budgets, facts, ...(learning ? {} : { forget: true }) };
}

/** Digits of a hash that tell two declarations apart. */
const DIGITS = 8;

function factsOf({ spec, server, catalogueVersion }: ToolEntry): DeclarationFacts {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a catalogue is plain data
  const digest = (value: unknown) => contentHash(canonicalJson(value as Json)).slice(0, DIGITS);
  const { effect, idempotent, timeoutMs, input, output, binding } = spec;
  return {
    ...given({ version: catalogueVersion }),
    contract: {
      effect,
      idempotent,
      timeoutMs,
      input: digest(input),
      output: output === undefined ? null : digest(output),
      binding:
        binding === undefined ? null : digest(server === undefined ? binding : { binding, server }),
    },
  };
}

/** What a machine offers under a strategy, in millionths by resource; `*` for those without a word of their own, -1 for no bound. */
export function capacityOf(strategy: Strategy): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(STRATEGIES[strategy]).map(([resource, factor]) => [
      resource,
      factor === null ? -1 : Math.round(factor * MACHINE_UNITS),
    ]),
  );
}
