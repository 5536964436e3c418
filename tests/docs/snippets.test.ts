import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { loadCatalogue, parseCatalogue, ToolRegistry } from "../../config/index.ts";
import { stepSchema, workflowSchema } from "../../src/workflow/document/schema.ts";
import { ECOSYSTEM, ECOSYSTEM_STEP } from "../../src/workflow/forms/ecosystem.ts";
import { PATTERN_STEP } from "../../src/workflow/forms/patterns.ts";
import { prepare } from "../../src/workflow/prepare.ts";

const FILES = ["README.md", ...readdirSync("docs").map((name) => join("docs", name))].filter(
  (file) => file.endsWith(".md"),
);

interface Snippet {
  readonly place: string;
  readonly text: string;
}

/** The YAML blocks of the documentation, with the line they begin on. */
const snippets: Snippet[] = FILES.flatMap((file) => {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/^```yaml\n([^]*?)^```$/gm)].map((match) => ({
    place: `${file}:${text.slice(0, match.index).split("\n").length}`,
    text: match[1] ?? "",
  }));
});

const registry = new ToolRegistry([
  ...loadCatalogue({ files: ["examples/tools.yaml", "examples/shop.yaml"] }).list(),
]);

describe("YAML of the documentation", () => {
  test.for(snippets)("$place is right", ({ place, text }) => {
    const isWorkflow = /^(steps|branches|phases):/m.test(text);
    const check = () =>
      isWorkflow ? prepare(text, registry, { file: place }) : parseCatalogue(text, place);
    expect(check).not.toThrow();
  });

  test("the first workflow of the README is examples/hello.yaml", () => {
    expect(snippets[0]?.text).toBe(readFileSync("examples/hello.yaml", "utf8"));
  });
});

describe("docs/workflows.md", () => {
  const text = readFileSync("docs/workflows.md", "utf8");
  /** The names in the first column of a section's first table. */
  const fieldsOf = (heading: string): string[] => {
    const section =
      text.slice(text.indexOf(`\n${heading}\n`) + 1).split(/\n(?=## |`retry`)/, 2)[0] ?? "";
    return [...section.matchAll(/^\| `(\w+)`/gm)].map((match) => match[1] ?? "");
  };

  test("lists every field of a document and of a step, and no other", () => {
    expect(fieldsOf("## The document")).toEqual(Object.keys(workflowSchema.shape));
    expect(fieldsOf("## A step").toSorted()).toEqual(Object.keys(stepSchema.shape).toSorted());
  });
});

describe("docs/forms.md", () => {
  const text = readFileSync("docs/forms.md", "utf8");

  test.each([
    ["## snake_case", [...Object.values(ECOSYSTEM), ...Object.values(ECOSYSTEM_STEP)]],
    ["## Sequential and branches", Object.values(PATTERN_STEP)],
  ])("%s tells every word of the form", (heading, words) => {
    const section = text.slice(text.indexOf(`\n${heading}\n`) + 1).split(/\n(?=## )/, 1)[0] ?? "";
    // The words stand in the first column of the table.
    const cells = [...section.matchAll(/^\| (.*?) \|/gm)].map(([, cell = ""]) => cell).join("\n");
    expect(words.filter((word) => !cells.includes(`\`${word}\``))).toEqual([]);
  });
});

test("every link between files leads somewhere", () => {
  const broken = [...FILES, "CONTRIBUTING.md"].flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)]
      .map((match) => join(file, "..", match[1] ?? ""))
      .filter((path) => {
        try {
          readFileSync(path);
          return false;
        } catch {
          return true;
        }
      }),
  );
  expect(broken).toEqual([]);
});

test("the stations of the README name files and tests that exist", () => {
  const readme = readFileSync("README.md", "utf8");
  const stations = readme.slice(
    readme.indexOf("## The way of the data"),
    readme.indexOf("## More"),
  );
  const paths = [...stations.matchAll(/`((?:src|queues|processors|tests)\/[^`]*)`/g)];
  expect(paths.length).toBeGreaterThan(15);
  for (const [, path = ""] of paths) {
    const read = () => (path.endsWith("/") ? readdirSync(path) : readFileSync(path));
    expect(read).not.toThrow();
  }
});
