/** Prefixes of private budgets: of one tool, and of one of its lanes. */
const OWN = "tool:";
const LANE = "lane:";

/** The private budget of a tool. No budget of a catalogue can have its name. */
export const ownBudget = (tool: string): string => `${OWN}${tool}`;

/** The tool that owns this private budget; undefined for any other budget. */
export const ownerOf = (budget: string): string | undefined =>
  budget.startsWith(OWN) ? budget.slice(OWN.length) : undefined;

/** The queue of the lane that owns this budget; undefined for any other budget. */
export const laneOf = (budget: string): string | undefined =>
  budget.startsWith(LANE) ? budget.slice(LANE.length) : undefined;

/** Whether a budget belongs to one tool or one lane alone. */
export const isPrivate = (budget: string): boolean =>
  ownerOf(budget) !== undefined || laneOf(budget) !== undefined;
