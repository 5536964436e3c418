import { given } from "../../../config/index.ts";

/** The step, or one item of it, or what undoes it, as one word. */
export function partName(stepId: string, item?: number, undo = false): string {
  const what = item === undefined ? stepId : `${stepId}.${item}`;
  return undo ? `${what}.undo` : what;
}

/** What {@link partName} stands for. */
export function partOf(text: string): { stepId: string; item?: number; undo?: true } {
  const [stepId = "", ...rest] = text.split(".");
  const undo = rest.at(-1) === "undo";
  const item = rest[0] === undefined || rest[0] === "undo" ? undefined : Number(rest[0]);
  return { stepId, ...given({ item }), ...(undo ? { undo } : {}) };
}

/** How an item is shown to people: `<step>[i]`. */
export function shownAs(stepId: string, item?: number): string {
  return item === undefined ? stepId : `${stepId}[${item}]`;
}
