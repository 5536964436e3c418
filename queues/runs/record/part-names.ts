import { given } from "../../../config/index.ts";

/** One word for a step, one of its items, or the compensation of either. */
export function partName(stepId: string, item?: number, undo = false): string {
  const what = item === undefined ? stepId : `${stepId}.${item}`;
  return undo ? `${what}.undo` : what;
}

/** The reverse of {@link partName}. */
export function partOf(text: string): { stepId: string; item?: number; undo?: true } {
  const [stepId = "", ...rest] = text.split(".");
  const undo = rest.at(-1) === "undo";
  const item = rest[0] === undefined || rest[0] === "undo" ? undefined : Number(rest[0]);
  return { stepId, ...given({ item }), ...(undo ? { undo } : {}) };
}

/** The shown name of an item: `<step>[i]`. */
export function shownAs(stepId: string, item?: number): string {
  return item === undefined ? stepId : `${stepId}[${item}]`;
}
