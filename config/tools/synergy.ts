import type { ToolSpec } from "./tool.ts";

/** Bonus when tools of two categories work together, in addition to what they share. Order does not matter. */
const CATEGORY_BONUS: Readonly<Record<string, number>> = {
  "creation+intelligence": 0.8,
  "communication+enterprise": 0.9,
  "data_management+visual_media": 0.7,
  "autonomous+intelligence": 0.9,
};
const OTHER_BONUS = 0.1;
const CAPABILITY_WEIGHT = 0.3;
const INTEGRATION_WEIGHT = 0.2;
/** Scores above this count as a synergy. */
export const SYNERGY_THRESHOLD = 0.5;
/** 0.1 + 0.2 exceeds 0.3, and three thirds may exceed one. */
const EPSILON = 1e-9;

const shared = (a: readonly string[], b: readonly string[]): number => {
  const other = new Set(b);
  return [...new Set(a)].filter((one) => other.has(one)).length;
};

/**
 * Whether two tools may run side by side on one machine: their shares of any resource that both need add up to at most
 * 1, and neither depends on the other. Symmetric.
 */
export function isCompatible(a: ToolSpec, b: ToolSpec): boolean {
  if (a.dependencies.includes(b.id) || b.dependencies.includes(a.id)) return false;
  return Object.entries(a.resources).every(([resource, share]) => {
    const other = b.resources[resource];
    return other === undefined || share + other <= 1 + EPSILON;
  });
}

/** How much two tools gain from each other, 0 to 1. Symmetric. */
export function synergyScore(a: ToolSpec, b: ToolSpec): number {
  const common = shared(a.capabilities, b.capabilities);
  const all = new Set([...a.capabilities, ...b.capabilities]).size;
  const pair = [a.category, b.category].toSorted().join("+");
  const score =
    CAPABILITY_WEIGHT * (all === 0 ? 0 : common / all) +
    INTEGRATION_WEIGHT * shared(a.integrationPoints, b.integrationPoints) +
    (CATEGORY_BONUS[pair] ?? OTHER_BONUS);
  // Rounded to billionths, so that 0.1 + 0.2 is 0.3.
  return Math.min(1, Math.round(score * 1e9) / 1e9);
}
