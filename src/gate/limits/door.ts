import { TuttiError, type ToolRegistry, given } from "../../../config/index.ts";
import { LEVELS, type Declarations, type LevelView } from "../../../queues/client.ts";
import { type Gate, type GateChanges } from "../../../queues/index.ts";
import { checkForm } from "../../forms.ts";
import { levelChange, type BudgetChange, type LevelSetting, type ToolChange } from "./forms.ts";
import { compileBudgetChange, compileReset, compileToolChange, type GateTarget } from "./set.ts";
import { viewGate, type BudgetView, type GateView, type ToolLimitsView } from "./show.ts";

/** New limits, and of what. */
export type GateSetting =
  | ({ readonly tool: string } & ToolChange)
  | ({ readonly budget: string } & BudgetChange);

interface GateDoorParts {
  readonly gate: Gate;
  /** Lets Bull Board show the limits of tools as they are now. */
  readonly show: (tools: readonly string[]) => Promise<void>;
  readonly registry: ToolRegistry;
}

/** What decides which calls start: `tutti.gate`. */
export class GateDoor {
  readonly #parts: GateDoorParts;

  constructor(parts: GateDoorParts) {
    this.#parts = parts;
  }

  /** What it knows: machines, permits, who stands in line and why, limits, budgets, troubles, catalogues. */
  async show(): Promise<GateView> {
    const { gate } = this.#parts;
    const [snapshot, declarations] = await Promise.all([gate.show(), gate.declarations()]);
    return viewGate(snapshot, declarations);
  }

  /** The catalogues that living workers were started with, and where they differ. */
  async catalogues(): Promise<Declarations> {
    return this.#parts.gate.declarations();
  }

  /**
   * Changes limits at once, for calls that wait too; what is left out stays as it is. They stand over what
   * the catalogues declare until they are {@link GateDoor.reset}, also through restarts of workers.
   *
   * @throws TuttiError `tool_not_found`, `budget_not_found`. ValidationError `request_invalid` with every
   * problem.
   */
  async set(setting: GateSetting): Promise<ToolLimitsView | BudgetView> {
    const { gate, registry } = this.#parts;
    const snapshot = await gate.show();
    if ("budget" in setting) {
      const { budget, ...change } = setting;
      return this.#change(compileBudgetChange(snapshot, registry, budget, change), { budget });
    }
    const { tool, ...change } = setting;
    return this.#change(compileToolChange(snapshot, registry, tool, change), { tool });
  }

  /**
   * Goes back to what the catalogues declare.
   *
   * @throws TuttiError `tool_not_found`, `budget_not_found`.
   */
  async reset(target: GateTarget): Promise<ToolLimitsView | BudgetView> {
    const { gate, registry } = this.#parts;
    return this.#change(compileReset(await gate.show(), registry, target), target);
  }

  /** The level at which the deployment works, who fixed it, and its last changes. */
  async level(): Promise<LevelView> {
    return this.#parts.gate.level();
  }

  /**
   * Fixes the level at which the deployment works, whatever fails, or leaves it to what fails again.
   *
   * @throws ValidationError `request_invalid` with every problem.
   */
  async setLevel(setting: LevelSetting): Promise<LevelView> {
    const { level, by = "an operator", reason, forMs } = checkForm(levelChange, setting);
    const { gate } = this.#parts;
    const untilMs = forMs === undefined ? undefined : (await gate.show()).nowMs + forMs;
    await gate.configure({
      level: level === "auto" ? level : LEVELS.indexOf(level),
      levelBy: {
        who: by,
        ...given({ reason, untilMs }),
      },
    });
    return gate.level();
  }

  async #change(changes: GateChanges, target: GateTarget): Promise<ToolLimitsView | BudgetView> {
    const { gate, show } = this.#parts;
    await gate.configure(changes);
    if ("tool" in target) await show([target.tool]);
    const { tools, budgets } = await this.show();
    const found =
      "tool" in target
        ? tools.find(({ tool }) => tool === target.tool)
        : budgets.find(({ budget }) => budget === target.budget);
    if (found === undefined) throw new TuttiError("internal_error", "the gate forgot what was set");
    return found;
  }
}
