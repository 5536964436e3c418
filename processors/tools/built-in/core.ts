import { setTimeout as delay } from "node:timers/promises";

import * as z from "zod";

import { TuttiError, type Json } from "../../../config/index.ts";
import type { ToolHandler } from "../calling/binding.ts";
import type { ToolFiles } from "./tool-files.ts";

const sleepInput = z.object({ ms: z.number() });
const failInput = z.object({ message: z.string(), retryable: z.boolean() });
const waitInput = z.object({ path: z.string(), pollMs: z.number() });

const echo: ToolHandler = (input) => input;

/** Returns the time that really passed. Milliseconds. */
const sleep: ToolHandler = async (input, { signal }) => {
  const { ms } = sleepInput.parse(input);
  const startedMs = performance.now();
  await delay(ms, undefined, { signal });
  return { sleptMs: Math.round(performance.now() - startedMs) };
};

const fail: ToolHandler = (input): Json => {
  const { message, retryable } = failInput.parse(input);
  throw new TuttiError(retryable ? "step_execution_failed" : "tool_failed", message);
};

/** Polls, because watching a folder that does not exist yet is not possible everywhere. */
const waitForFile =
  (files: ToolFiles): ToolHandler =>
  async (input, { signal }) => {
    const { path, pollMs } = waitInput.parse(input);
    for (;;) {
      const bytes = await files.sizeOf(path);
      if (bytes !== undefined) return { path, bytes };
      await delay(pollMs, undefined, { signal });
    }
  };

export const coreTools = (files: ToolFiles) =>
  ({
    "core.echo": echo,
    "core.sleep": sleep,
    "core.fail": fail,
    "core.wait-for-file": waitForFile(files),
  }) satisfies Record<string, ToolHandler>;
