import { stripVTControlCharacters } from "node:util";

import type { Colors } from "picocolors/types.js";

import { hasEnded, type StepState, type StepView } from "../../../queues/client.ts";
import { compensationText, takeOverText } from "../../operations/text/run-text.ts";
import { elapsed } from "../../operations/text/table.ts";
import type { Compensated } from "../../runs/view/run-course.ts";
import type { RunEvent } from "../../runs/view/watch.ts";
import { type Writer } from "./output.ts";

/** Running steps shown at once; a workflow of a thousand would push everything else off the screen. */
const SHOWN_STEPS = 12;

/**
 * Shows a run as it goes, on stderr: on a terminal a block of lines that is rewritten, elsewhere one
 * line for each step that ends or is tried again.
 */
export class Progress {
  readonly #out: Writer;
  readonly #colors: Colors;
  readonly #steps = new Map<string, StepView>();
  /** What undoes them, in the order in which it was heard of. */
  readonly #undoing = new Map<string, Compensated>();
  #drawnLines = 0;

  constructor(out: Writer, colors: Colors) {
    this.#out = out;
    this.#colors = colors;
  }

  show(event: RunEvent): void {
    if (event.type === "snapshot") {
      for (const [id, step] of Object.entries(event.run.steps)) this.#set(id, step);
      for (const one of event.run.compensation ?? []) this.#undo(one);
    } else if (event.type === "compensation") this.#undo(event.compensation);
    else if (event.type === "step") this.#set(event.stepId, event.step);
    if (this.#out.isTTY === true) this.#draw();
  }

  /** Leaves the last picture standing. */
  end(): void {
    this.#drawnLines = 0;
  }

  #set(id: string, step: StepView): void {
    const before = this.#steps.get(id);
    // A watch may tell again what its snapshot has told already.
    if (before !== undefined && hasEnded(before.state) && !hasEnded(step.state)) return;
    const changed = before?.state !== step.state;
    const taken = (step.takeOvers ?? []).slice(before?.takeOvers?.length ?? 0);
    if (this.#out.isTTY !== true)
      for (const one of taken) this.#out.write(`taken over ${id}  ${takeOverText(one)}\n`);
    this.#steps.set(id, step);
    const quiet = step.state === "pending" || step.state === "running";
    if (changed && !quiet && this.#out.isTTY !== true) this.#out.write(`${this.#line(id, step)}\n`);
  }

  #undo(one: Compensated): void {
    const before = this.#undoing.get(one.step)?.state;
    if (before !== undefined && hasEnded(before) && !hasEnded(one.state)) return;
    this.#undoing.set(one.step, one);
    const quiet = one.state === "pending" || one.state === "running";
    if (before !== one.state && !quiet && this.#out.isTTY !== true)
      this.#out.write(`${this.#undoLine(one)}\n`);
  }

  #undoLine(one: Compensated): string {
    return `${this.#colors[COLORS[one.state]](one.state.padEnd(9))} ${compensationText(one)}`;
  }

  #line(id: string, step: StepView): string {
    const paint = this.#colors[COLORS[step.state]];
    const time = elapsed(step.startedAt, step.finishedAt);
    const again = step.attempts > 1 ? `attempt ${step.attempts}` : "";
    const last = !hasEnded(step.state) ? step.takeOvers?.at(-1) : undefined;
    const why =
      step.error?.message ??
      step.reason ??
      (last === undefined ? sourceText(step) : takeOverText(last));
    const rest = [time, again, why].filter((part) => part !== "").join(" · ");
    return `${paint(step.state.padEnd(9))} ${id}${rest === "" ? "" : `  ${this.#colors.dim(rest)}`}`;
  }

  #draw(): void {
    const all = [...this.#steps];
    const open = all.filter(
      ([, { state }]) => state === "running" || state === "retrying" || state === "waiting",
    );
    const ended = all.filter(([, step]) => hasEnded(step.state));
    const bad = ended.filter(([, step]) => step.state === "failed");
    const undoing = [...this.#undoing.values()].filter(({ state }) => state !== "pending");
    const lines = [
      ...[...bad, ...open].slice(0, SHOWN_STEPS).map(([id, step]) => this.#line(id, step)),
      ...undoing.slice(-SHOWN_STEPS).map((one) => this.#undoLine(one)),
      this.#colors.bold(`${ended.length}/${all.length} steps ended, ${open.length} running`),
    ];
    // Some pseudo-terminals say that they are 0 wide.
    const columns = this.#out.columns ?? 0;
    const width = columns > 0 ? columns : 80;
    const up = this.#drawnLines === 0 ? "" : `\u001B[${this.#drawnLines}A`;
    this.#out.write(`${up}\u001B[0J${lines.map((line) => `${cut(line, width)}\n`).join("")}`);
    this.#drawnLines = lines.length;
  }
}

/** Where an output comes from, when not from the step's own tool. */
function sourceText({ via, cached, stale }: StepView): string {
  if (cached === true) return stale === true ? "an old result, kept" : "a result that was kept";
  return via === undefined ? "" : `from ${via}`;
}

const COLORS = {
  pending: "dim",
  running: "cyan",
  retrying: "yellow",
  waiting: "cyan",
  completed: "green",
  failed: "red",
  skipped: "dim",
  cancelled: "yellow",
} as const satisfies Record<StepState, keyof Colors>;

/** A line that wraps would be two, and the block would not be rewritten where it stands. */
function cut(line: string, width: number): string {
  const visible = stripVTControlCharacters(line);
  return visible.length < width ? line : `${visible.slice(0, width - 2)}…`;
}
