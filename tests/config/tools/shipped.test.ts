import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expect, test } from "vitest";

import { catalogueParts } from "../../../config/index.ts";
import { checkedFiles, shippedFiles } from "../../../config/tools/shipped.ts";

const TEXT = `tutti: 1
allow: { commands: [echo] }
servers: { files: { transport: stdio, command: echo } }
tools:
  - { id: files.read, name: Read, category: foundation, capabilities: [x], binding: { type: mcp, server: files } }
  - { id: files.list, name: List, category: foundation, capabilities: [x], binding: { type: mcp, server: files } }
  - { id: plain, name: Plain, category: foundation, capabilities: [x] }
`;

test("checked files are what reading them gives, with places and with servers that tools share", () => {
  const folder = mkdtempSync(join(tmpdir(), "tutti-shipped-"));
  try {
    const path = join(folder, "a.yaml");
    const at = pathToFileURL(`${folder}/`);
    writeFileSync(path, TEXT);
    expect(checkedFiles(at)).toEqual(new Map());
    const read = catalogueParts(TEXT, path);
    writeFileSync(join(folder, "checked.json"), JSON.stringify({ "a.yaml": read }));
    const checked = checkedFiles(at).get(path)!;
    expect(JSON.parse(JSON.stringify(checked))).toEqual(JSON.parse(JSON.stringify(read)));
    const [first, second, third] = checked.tools;
    expect(first!.server).toBe(second!.server);
    expect(third!.server).toBeUndefined();
    expect(checked.tools.map((tool) => tool.positionOf!(["id"]))).toEqual(
      read.tools.map((tool) => tool.positionOf!(["id"])),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("sources have none: every start reads the files", () => {
  expect(shippedFiles().length).toBeGreaterThan(5);
  expect(checkedFiles()).toEqual(new Map());
});
