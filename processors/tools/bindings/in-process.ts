import { isTuttiError, messageOf, TuttiError } from "../../../config/index.ts";
import type { BoundTool, ToolHandler } from "../calling/binding.ts";

/**
 * Binds a function of this process. It is told by its signal when to stop; one that does not look runs
 * on unseen while its call has ended. What it throws beside a TuttiError becomes `step_execution_failed`.
 */
export function bindInProcess(handler: ToolHandler): BoundTool {
  return {
    heedless: true,
    async call(input, context) {
      try {
        // JavaScript functions that return nothing are usual; JSON calls that null.
        return (await handler(input, context)) ?? null;
      } catch (thrown) {
        if (isTuttiError(thrown) || context.signal.aborted) throw thrown;
        throw new TuttiError("step_execution_failed", messageOf(thrown), { cause: thrown });
      }
    },
    close: () => Promise.resolve(),
  };
}
