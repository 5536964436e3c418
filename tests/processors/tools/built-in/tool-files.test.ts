import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { loadCatalogue } from "../../../../config/index.ts";
import { bindTools, builtInHandlers } from "../../../../processors/index.ts";
import { ToolFiles } from "../../../../processors/tools/built-in/tool-files.ts";
import { codeOf, contextOf, thrownBy } from "../bindings/contract.ts";

const NEVER = new AbortController().signal;

let world = "";
let root = "";
let outside = "";

beforeEach(() => {
  world = realpathSync(mkdtempSync(join(tmpdir(), "tutti-files-")));
  root = join(world, "root");
  outside = join(world, "outside");
  for (const folder of [root, join(root, "sub"), outside]) mkdirSync(folder);
  writeFileSync(join(outside, "secret"), "theirs");
  writeFileSync(join(root, "plain"), "ours");
  symlinkSync(outside, join(root, "out"));
  symlinkSync("sub", join(root, "within"));
  symlinkSync(join(outside, "secret"), join(root, "leak"));
  symlinkSync(join(outside, "new"), join(root, "dangling"));
  symlinkSync("/proc/self/cwd", join(root, "magic"));
});

afterEach(() => rmSync(world, { recursive: true }));

/** All that lies outside of the folder of tools, and what it holds. */
const theirs = (): unknown => [
  readdirSync(world).toSorted(),
  readdirSync(outside).toSorted(),
  readFileSync(join(outside, "secret"), "utf8"),
];

/** How a write ended, of what {@link thrownBy} gave. */
const endOf = (thrown: unknown): string =>
  (thrown as { code?: string; returned?: object }).returned === undefined
    ? String((thrown as { code?: string }).code)
    : "written";

/** A link in the place of a folder that writers make again and again. */
function putLink(spot: string): void {
  for (;;)
    try {
      symlinkSync(outside, spot);
      return;
    } catch {
      rmSync(spot, { recursive: true });
    }
}

const REFUSED: readonly (readonly [string, "tool_denied" | "input_invalid"])[] = [
  ["../x", "tool_denied"],
  ["sub/../../x", "tool_denied"],
  ["./../outside/secret", "tool_denied"],
  ["..", "input_invalid"],
  ["../..", "input_invalid"],
  ["/etc/passwd", "tool_denied"],
  ["/x", "tool_denied"],
  ["//x", "tool_denied"],
  ["/proc/self/cwd/x", "tool_denied"],
  ["/proc/self/root/x", "tool_denied"],
  ["out/x", "tool_denied"],
  ["out/deep/er/x", "tool_denied"],
  ["sub/../out/x", "tool_denied"],
  ["within/x", "tool_denied"],
  ["magic/x", "tool_denied"],
  ["leak/x", "tool_denied"],
  ["dangling/x", "tool_denied"],
  ["plain/x", "input_invalid"],
  ["plain/x/y", "input_invalid"],
  ["x\0", "input_invalid"],
  ["\0", "input_invalid"],
  ["sub/\0/../../x", "input_invalid"],
  ["\ud800", "input_invalid"],
  ["sub/x\udc00", "input_invalid"],
  ["", "input_invalid"],
  [".", "input_invalid"],
  ["sub/", "input_invalid"],
  ["sub/.", "input_invalid"],
  ["x".repeat(300), "input_invalid"],
];

/** Names that look like a way out to some reader, and are none here. */
const KEPT: readonly string[] = [
  "x",
  "new/deep/x",
  "sub/../x",
  "...",
  "..x",
  "x..",
  "..\u2215x",
  "\uff0e\uff0e\uff0fx",
  "%2e%2e%2fx",
  "~",
  "~/x",
  "$HOME",
  "e\u0301",
  "\u00e9",
  "\u{1f3bc}/\u202egpj.x",
  "a b\n\t'\"x",
  "-rf",
  "x".repeat(255),
];

describe.each([
  ["by descriptors", true],
  ["by comparing", false],
])("the folder of tools, %s", (_name, anchored) => {
  const files = (): ToolFiles => new ToolFiles(root, anchored);
  const isHere = !anchored || process.platform === "linux";

  test.runIf(isHere).each(REFUSED)(
    "%j is refused as %s, and nothing is written",
    async (path, code) => {
      const before = theirs();
      expect(await codeOf(files().write(path, "text", NEVER))).toBe(code);
      expect(theirs()).toEqual(before);
      expect(readFileSync(join(root, "plain"), "utf8")).toBe("ours");
      // Told, and not looked at: whether something is there outside is nobody's business.
      if (code === "tool_denied") expect(await codeOf(files().sizeOf(path))).toBe(code);
    },
  );

  test.runIf(isHere).each(KEPT)("%j is a name like any other", async (path) => {
    const before = theirs();
    expect(await files().write(path, "text", NEVER)).toEqual({ path, bytes: 4 });
    expect(readFileSync(join(root, path), "utf8")).toBe("text");
    expect(await files().sizeOf(path)).toBe(4);
    expect(theirs()).toEqual(before);
  });

  test.runIf(isHere)(
    "an absolute path counts when it leads inside, also by the folder's other name",
    async () => {
      const other = join(world, "other name");
      symlinkSync(root, other);
      for (const path of [join(root, "a"), join(other, "b"), `${other}/sub/../c`]) {
        await new ToolFiles(other, anchored).write(path, "text", NEVER);
      }
      expect(readdirSync(root)).toEqual(expect.arrayContaining(["a", "b", "c"]));
    },
  );

  test.runIf(isHere)("links of the very name are replaced; what they point to stays", async () => {
    linkSync(join(outside, "secret"), join(root, "hard"));
    for (const name of ["leak", "dangling", "hard", "out"]) {
      await files().write(name, "text", NEVER);
      expect(lstatSync(join(root, name)).isFile()).toBe(true);
    }
    expect(readFileSync(join(outside, "secret"), "utf8")).toBe("theirs");
    expect(readdirSync(outside)).toEqual(["secret"]);
  });

  test.runIf(isHere)("a folder in the way is told, and nothing is left", async () => {
    expect(await codeOf(files().write("sub", "text", NEVER))).toBe("input_invalid");
    expect(readdirSync(root).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test.runIf(isHere)("looking does not follow links, and makes nothing", async () => {
    for (const path of ["leak", "dangling", "out"])
      expect(await codeOf(files().sizeOf(path))).toBe("tool_denied");
    expect(await files().sizeOf("no/such/folder")).toBeUndefined();
    expect(await new ToolFiles(join(world, "none"), anchored).sizeOf("x")).toBeUndefined();
    expect(existsSync(join(world, "none"))).toBe(false);
    expect(existsSync(join(root, "no"))).toBe(false);
  });

  test.runIf(isHere)("whatever a path is, it ends inside or in an error with a code", async () => {
    const names =
      "..||.|sub|out|within|leak|magic|plain|x|\0|\ud800|~|outside|secret|\uff0e\uff0e|etc|e\u0301";
    const part = fc.constantFrom(...names.split("|"));
    const path = fc
      .tuple(fc.boolean(), fc.array(fc.oneof(part, fc.string()), { maxLength: 6 }))
      .map(([isAbsolute, parts]) => (isAbsolute ? "/" : "") + parts.join("/"));
    const before = theirs();
    await fc.assert(
      fc.asyncProperty(path, async (one) => {
        const thrown = await thrownBy(files().write(one, "text", NEVER));
        expect(["written", "tool_denied", "input_invalid"]).toContain(endOf(thrown));
        expect(theirs()).toEqual(before);
      }),
      { numRuns: 300 },
    );
  });
});

test.runIf(process.platform === "linux")(
  "a folder that is exchanged for a link between look and use leads nowhere",
  async () => {
    const files = new ToolFiles(root, true);
    const before = theirs();
    const spot = join(root, "spot");
    mkdirSync(spot);
    let swaps = 0;
    const over = new AbortController();
    const swapper = (async () => {
      while (!over.signal.aborted) {
        renameSync(spot, join(root, "aside"));
        putLink(spot);
        await new Promise(setImmediate);
        rmSync(spot);
        renameSync(join(root, "aside"), spot);
        swaps++;
        await new Promise(setImmediate);
      }
    })();
    const write = async (index: number): Promise<unknown> =>
      thrownBy(files.write(`spot/f${index}`, "text", NEVER));
    const results: unknown[] = [];
    for (let round = 0; round < 60; round++)
      results.push(...(await Promise.all([0, 1, 2, 3, 4].map((n) => write(round * 5 + n)))));
    over.abort();
    await swapper;
    expect(swaps).toBeGreaterThan(0);
    expect(theirs()).toEqual(before);
    // Each of them was caught at some state or other.
    expect(["written", "tool_denied", "input_invalid", "ENOENT"]).toEqual(
      expect.arrayContaining([...new Set(results.map(endOf))]),
    );
  },
);

test("every shipped tool with a path keeps to the folder", async () => {
  const registry = loadCatalogue();
  const handlers = builtInHandlers(root);
  const tools = bindTools({ registry, handlers });
  const withPath = Object.keys(handlers).filter((id) =>
    Object.hasOwn(registry.require(id).spec.input["properties"] ?? {}, "path"),
  );
  expect(withPath).toEqual(["core.wait-for-file", "report.markdown", "chart.svg"]);
  const more = {
    "core.wait-for-file": {},
    "report.markdown": { title: "T" },
    "chart.svg": { title: "T", kind: "bar", labels: ["a"], series: [{ name: "s", values: [1] }] },
  };
  for (const [id, input] of Object.entries(more))
    for (const path of ["../outside/secret", join(outside, "secret"), "out/secret"]) {
      const thrown = await thrownBy(tools.call(id, { ...input, path }, contextOf()));
      expect(thrown).toMatchObject({ code: "tool_denied", details: { path } });
    }
  expect(readFileSync(join(outside, "secret"), "utf8")).toBe("theirs");
});
