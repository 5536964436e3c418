import { stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

import { z } from "zod";

import { TuttiError, type Json } from "../../config/index.ts";
import type { ToolHandler } from "../bindings/binding.ts";

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

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw thrown;
  }
}

/** Polls, because watching a folder that does not exist yet is not possible everywhere. */
const waitForFile: ToolHandler = async (input, { signal }) => {
  const { path, pollMs } = waitInput.parse(input);
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const bytes = await sizeOf(path);
    if (bytes !== undefined) return { path, bytes };
    // oxlint-disable-next-line no-await-in-loop -- see above
    await delay(pollMs, undefined, { signal });
  }
};

export const coreTools = {
  "core.echo": echo,
  "core.sleep": sleep,
  "core.fail": fail,
  "core.wait-for-file": waitForFile,
} satisfies Record<string, ToolHandler>;
