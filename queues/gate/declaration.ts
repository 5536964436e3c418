import { canonicalJson, contentHash, type Json, given } from "../../config/index.ts";
import type { GateChanges } from "./changes.ts";
import { ownBudget, ownerOf } from "./stored/budget-names.ts";
import type { BudgetLimits, GatedLimits } from "./stored/limits.ts";

/** The contract of a tool's calls in a catalogue, apart from its limits. Schemas and the binding are hashes. */
interface ToolContract {
  readonly effect: string;
  readonly idempotent: boolean;
  readonly timeoutMs: number;
  readonly input: string;
  readonly output: string | null;
  readonly binding: string | null;
}

/** Facts about a declaration, apart from its limits. */
export interface DeclarationFacts {
  /** Version of its catalogue. */
  readonly version?: string;
  readonly contract?: ToolContract;
}

/** A process's declaration: limits in the layer `declared`, and facts about them. */
export interface Declaration extends GateChanges {
  readonly facts?: Readonly<
    Record<"tools" | "budgets", Readonly<Record<string, DeclarationFacts>>>
  >;
}

/** A tool as one catalogue declares it and Redis stores it. */
export interface DeclaredTool {
  readonly l: Partial<GatedLimits>;
  /** Its private budget. */
  readonly o: BudgetLimits | false;
  readonly v?: string;
  readonly c?: ToolContract;
}

/** A budget as one catalogue declares it and Redis stores it. */
export interface DeclaredBudget {
  readonly l: BudgetLimits;
  readonly v?: string;
}

/** A declaration as sent: its hash, and one text per tool and budget. */
export interface EncodedDeclaration {
  readonly hash: string;
  readonly fields: Readonly<Record<string, string>>;
}

export function encodeDeclaration({
  tools = {},
  budgets = {},
  facts,
}: Declaration): EncodedDeclaration {
  const fields: Record<string, string> = {};
  const versions = new Set<string>();
  const put = (field: string, said: object, { version: v, contract: c }: DeclarationFacts = {}) => {
    if (v !== undefined) versions.add(v);
    const whole = { ...said, ...given({ v, c }) };
    fields[field] = canonicalJson(whole as unknown as Json);
  };
  for (const [id, { declared }] of Object.entries(tools))
    if (declared !== undefined && declared !== false)
      put(
        `t:${id}`,
        { l: declared, o: budgets[ownBudget(id)]?.declared ?? false },
        facts?.tools[id],
      );
  for (const [name, { declared }] of Object.entries(budgets)) {
    const isOwn = tools[ownerOf(name) ?? ""] !== undefined;
    if (declared !== undefined && declared !== false && !isOwn)
      put(`b:${name}`, { l: declared }, facts?.budgets[name]);
  }
  fields["versions"] = JSON.stringify([...versions]);
  const hash = contentHash(canonicalJson(fields));
  return { hash: Buffer.from(hash, "base64url").toString("hex"), fields };
}
