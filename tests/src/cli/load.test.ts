import { expect, test } from "vitest";

import { loadCommands } from "../../../src/cli/commands/load.ts";

test("commands that ask for no Redis load with their kind alone, all others with everything", async () => {
  const all = (await loadCommands(null)).map(({ words }) => words);
  expect(await loadCommands("runs list")).toHaveLength(all.length);
  for (const words of [
    "validate",
    "plan",
    "graph",
    "import form",
    "import wfcommons",
    "tools list",
    "tools describe",
  ]) {
    const loaded = (await loadCommands(words)).map((command) => command.words);
    expect(loaded).toContain(words);
    expect(loaded.length).toBeLessThan(all.length / 2);
    for (const one of loaded) expect(all).toContain(one);
  }
});
