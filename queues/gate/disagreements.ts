import {
  canonicalJson,
  compareVersions,
  IMPORTANCES,
  readJson,
  type Json,
  given,
} from "../../config/index.ts";
import type { DeclaredBudget, DeclaredTool } from "./declaration.ts";
import { BREAKER_FAILURES, BREAKER_OPEN_MS, BREAKER_PROBES } from "./scripts/constants.ts";
import { ownBudget } from "./stored/budget-names.ts";
import { listed, MACHINE_UNITS, type BudgetLimits, type GatedLimits } from "./stored/limits.ts";

/** What living workers declare, as the script returns it; see {@link Declarations}. */
export interface DeclarationTexts {
  /** Hash of each process's declaration. */
  readonly by: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
  /** Texts by hash, for each field on which catalogues differ. */
  readonly differs: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** What an operator set in these fields. */
  readonly set: Readonly<Record<string, string>>;
}

/** A catalogue that living workers were started with. */
export interface CatalogueView {
  /** Hash of the whole declaration. */
  readonly hash: string;
  /** Versions of its files, newest first. Empty if it has no version. */
  readonly versions: readonly string[];
  readonly workers: readonly string[];
}

/** What one catalogue says about a field in dispute. */
interface Said {
  readonly version: string | null;
  readonly workers: readonly string[];
  /** By word of the catalogue. Schemas and bindings are hashes. */
  readonly values: Readonly<Record<string, Json>>;
}

/** A tool or a budget that the catalogues of living workers declare differently. */
export interface DisagreementView {
  readonly of: "tool" | "budget";
  readonly name: string;
  /** Words of the catalogue. */
  readonly differs: readonly string[];
  readonly says: readonly Said[];
  /** What applies: the newest version, what an operator set, or the strictest value of each word. */
  readonly holds: "newest" | "set" | "strictest";
  readonly sentence: string;
}

/** The catalogues of living workers, and where they differ. */
export interface Declarations {
  readonly catalogues: readonly CatalogueView[];
  readonly disagreements: readonly DisagreementView[];
}

export function declarationsOf({ by, versions, differs, set }: DeclarationTexts): Declarations {
  const workers = new Map<string, string[]>();
  for (const [process, hash] of Object.entries(by).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    workers.set(hash, [...(workers.get(hash) ?? []), process]);
  const catalogues = [...workers].map(([hash, processes]) => ({
    hash,
    versions: versionsOf(versions[hash]),
    workers: processes,
  }));
  const disagreements = Object.entries(differs)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([field, texts]) => disagreementOf(field, texts, workers, set));
  return { catalogues, disagreements };
}

/** The disagreements that neither a newer version nor an operator has settled. */
export function unsettled({ disagreements }: Declarations): readonly DisagreementView[] {
  return disagreements.filter(({ holds }) => holds === "strictest");
}

function versionsOf(text: string | undefined): string[] {
  return listed(readJson<string[]>(text ?? "[]")).toSorted((a, b) => compareVersions(b, a));
}

type Values = Readonly<Record<string, Json>>;

function disagreementOf(
  field: string,
  texts: Readonly<Record<string, string>>,
  workers: ReadonlyMap<string, readonly string[]>,
  set: Readonly<Record<string, string>>,
): DisagreementView[] {
  const of = field.startsWith("t:") ? "tool" : "budget";
  const name = field.slice(2);
  const valuesOf = (text: string): { readonly values: Values; readonly v?: string } => {
    if (of === "budget") {
      const { l, v } = readJson<DeclaredBudget>(text);
      return { values: budgetWords(l), ...given({ v }) };
    }
    const { v, ...said } = readJson<DeclaredTool>(text);
    return { values: toolWords(name, said), ...given({ v }) };
  };
  const said = Object.entries(texts).map(([hash, text]) => ({ hash, ...valuesOf(text) }));
  const words = [...new Set(said.flatMap(({ values }) => Object.keys(values)))];
  const differing = (all: typeof said): string[] =>
    words.filter((word) => new Set(all.map(({ values }) => textOf(values[word]))).size > 1);
  const differs = differing(said);
  // They differ only in the version, or in words that hold no limit.
  if (differs.length === 0) return [];
  const newest = said.reduce((a, b) => (compareVersions(a.v, b.v) < 0 ? b : a)).v;
  const open = differing(said.filter(({ v }) => compareVersions(v, newest) === 0));
  const operated = setWords(of, name, set);
  const holds =
    open.length === 0
      ? "newest"
      : open.every((word) => operated.has(word))
        ? "set"
        : ("strictest" as const);
  const says = said
    .map(({ hash, values, v }): Said => ({
      version: v ?? null,
      workers: workers.get(hash) ?? [],
      values: Object.fromEntries(differs.map((word) => [word, values[word] ?? null])),
    }))
    .toSorted(
      (a, b) => compareVersions(b.version ?? undefined, a.version ?? undefined) || byWorker(a, b),
    );
  const view = { of, name, differs, says, holds } as const;
  return [{ ...view, sentence: sentenceOf(view) }];
}

const byWorker = (a: Said, b: Said): number =>
  (a.workers[0] ?? "") < (b.workers[0] ?? "") ? -1 : 1;

const textOf = (value: Json | undefined): string => canonicalJson(value ?? null);

/** How many workers of one catalogue a sentence names. */
const MAX_NAMED = 3;

const HOLDS = {
  newest: "what the newest version says holds",
  set: "what an operator set holds",
  strictest:
    "of limits the strictest holds, until a newer version or an operator says otherwise; each worker calls as its own catalogue says",
} as const;

function sentenceOf({
  of,
  name,
  differs,
  says,
  holds,
}: Omit<DisagreementView, "sentence">): string {
  const sides = says.map(({ version, workers, values }) => {
    const named = workers.slice(0, MAX_NAMED).join(", ");
    const more = workers.length > MAX_NAMED ? ` and ${workers.length - MAX_NAMED} more` : "";
    const words = differs.map((word) => `${word} ${textOf(values[word])}`).join(", ");
    return `${words} (version ${version ?? "none"}: ${named}${more})`;
  });
  return `catalogues of living workers disagree about the ${of} ${name}: ${sides.join("; ")}; ${HOLDS[holds]}`;
}

const windowsOf = (rates: BudgetLimits["rates"]): Json =>
  rates === undefined ? null : listed(rates).map(([max, durationMs]) => ({ max, durationMs }));

const budgetWords = ({ slots, rates }: BudgetLimits): Values => ({
  slots: slots ?? null,
  rates: windowsOf(rates),
});

const breakerWords = ({
  failures = BREAKER_FAILURES,
  openMs = BREAKER_OPEN_MS,
  probes = BREAKER_PROBES,
}: NonNullable<GatedLimits["breaker"]>): Json => ({ failures, openMs, probes });

/** A tool as one catalogue declares it, in the catalogue's own words. */
function toolWords(tool: string, { l, o, c }: Omit<DeclaredTool, "v">): Values {
  const { needs = {}, perKey, breaker = {} } = l;
  const takes = listed(l.budgets);
  const own = o === false ? {} : o;
  return {
    concurrency: own.slots ?? null,
    maxConcurrency: own.maxSlots ?? null,
    rate: windowsOf(own.rates),
    cost: takes.find(([name]) => name === ownBudget(tool))?.[2] ?? null,
    resources: Object.fromEntries(
      Object.entries(needs).map(([name, units]) => [name, units / MACHINE_UNITS]),
    ),
    budgets: Object.fromEntries(
      takes
        .filter(([name]) => name !== ownBudget(tool))
        .map(([name, slots, cost]) => [name, { slots, cost }]),
    ),
    perKey:
      perKey === undefined
        ? null
        : { ...budgetWords(perKey), ...(perKey.cost === 1 ? {} : { cost: perKey.cost }) },
    breaker: breakerWords(breaker),
    upstream: l.upstream ?? null,
    importance: IMPORTANCES[l.importance ?? 1],
    ...c,
  };
}

/** Words that an operator has set. */
function setWords(
  of: "tool" | "budget",
  name: string,
  set: Readonly<Record<string, string>>,
): ReadonlySet<string> {
  const read = <T>(field: string): Partial<T> => readJson<Partial<T>>(set[field] ?? "{}");
  const own = read<BudgetLimits>(of === "tool" ? `o:${name}` : `b:${name}`);
  const words = new Set<string>();
  const has = (isSaid: boolean, ...said: readonly string[]): void => {
    if (isSaid) for (const word of said) words.add(word);
  };
  has(own.slots !== undefined, "slots", "concurrency", "maxConcurrency");
  has(own.rates !== undefined, "rates", "rate", "cost");
  if (of === "budget") return words;
  const limits = read<GatedLimits>(`t:${name}`);
  has(limits.needs !== undefined, "resources");
  has(limits.importance !== undefined, "importance");
  has(limits.budgets !== undefined, "cost");
  return words;
}
