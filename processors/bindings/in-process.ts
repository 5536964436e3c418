import { isTuttiError, messageOf, TuttiError } from "../../config/index.ts";
import type { BoundTool, ToolHandler } from "./binding.ts";
import { untilAborted } from "./call-scope.ts";

/**
 * Binds a function of this process. The call ends when its signal is aborted even if the function
 * does not look at the signal; such a function then runs on unseen, so it should look.
 * What it throws beside a TuttiError becomes `step_execution_failed`.
 */
export function bindInProcess(handler: ToolHandler): BoundTool {
  return {
    async call(input, context) {
      try {
        // In a function of its own, so that a handler that throws at once is a rejection too.
        const running = (async () => handler(input, context))();
        // JavaScript functions that return nothing are usual; JSON calls that null.
        return (await untilAborted(running, context.signal)) ?? null;
      } catch (thrown) {
        if (context.signal.aborted || isTuttiError(thrown)) throw thrown;
        throw new TuttiError("step_execution_failed", messageOf(thrown), { cause: thrown });
      }
    },
    close: () => Promise.resolve(),
  };
}
