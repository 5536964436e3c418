/** Budgets that nobody names: what one tool has for itself, and what a lane of it has. */
const OWN = "tool:";
const LANE = "lane:";

/** The private budget of a tool. No budget of a catalogue can have its name. */
export const ownBudget = (tool: string): string => `${OWN}${tool}`;

/** The tool whose private budget this is; undefined: it is none. */
export const ownerOf = (budget: string): string | undefined =>
  budget.startsWith(OWN) ? budget.slice(OWN.length) : undefined;

/** The queue whose budget this is; undefined: it is none of a lane. */
export const laneOf = (budget: string): string | undefined =>
  budget.startsWith(LANE) ? budget.slice(LANE.length) : undefined;

/** Whether a budget belongs to one tool or one lane alone. */
export const isPrivate = (budget: string): boolean =>
  ownerOf(budget) !== undefined || laneOf(budget) !== undefined;
