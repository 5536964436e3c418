import {
  execFileSync,
  spawn,
  type ExecFileSyncOptionsWithStringEncoding,
} from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { afterAll, beforeAll, describe, expect, onTestFinished } from "vitest";

import { test } from "../../support/runner/redis.ts";

/** An empty folder with the package in it, as a user has it. */
const folder = mkdtempSync(join(tmpdir(), "tutti-package-"));
const NPM = process.platform === "win32" ? "npm.cmd" : "npm";
/** Node 20 does not read TypeScript; the examples are run by what the project brings. */
const TSX = pathToFileURL(resolve("node_modules/tsx/dist/esm/index.mjs")).href;
const BASE = {
  PATH: [join(folder, "node_modules/.bin"), dirname(process.execPath), "/usr/bin", "/bin"].join(
    delimiter,
  ),
};

beforeAll(() => {
  const options: ExecFileSyncOptionsWithStringEncoding = {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  };
  const packed = execFileSync(NPM, ["pack", "--silent", "--pack-destination", folder], options);
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  const quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--silent"];
  execFileSync(NPM, ["install", ...quiet, `./${packed.trim().split("\n").at(-1)}`], {
    ...options,
    cwd: folder,
  });
  mkdirSync(join(folder, "examples"));
  for (const name of ["hello.yaml", "shop.yaml", "submit.ts", "worker.ts"])
    copyFileSync(join("examples", name), join(folder, "examples", name));
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true }));

function node(args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  return execFileSync(process.execPath, args, {
    cwd: folder,
    env: { ...BASE, HOME: folder, ...env },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 100_000,
  });
}

/** What each door gives, after they were opened and nothing else: the program has to end by itself. */
function namesOf(...doors: readonly string[]): Record<string, string[]> {
  const program = `
    const names = {};
    for (const door of ${JSON.stringify(doors)}) names[door] = Object.keys(await import(door)).sort();
    console.log(JSON.stringify(names));`;
  return JSON.parse(node(["--input-type=module", "--eval", program])) as Record<string, string[]>;
}

describe("the installed package", { timeout: 200_000 }, () => {
  test("has these doors, which open nothing by themselves", () => {
    expect(namesOf("tutti", "tutti/worker", "tutti/server")).toMatchInlineSnapshot(`
      {
        "tutti": [
          "ERROR_CODES",
          "RUN_STATES",
          "ToolRegistry",
          "Tutti",
          "TuttiError",
          "ValidationError",
          "catalogueJsonSchema",
          "catalogueParts",
          "isTuttiError",
          "loadCatalogue",
          "loadConfig",
          "openRedis",
          "parseCatalogue",
          "prepare",
          "workflowJsonSchema",
        ],
        "tutti/server": [
          "BOARD_PATH",
          "startServer",
        ],
        "tutti/worker": [
          "startWorker",
        ],
      }
    `);
  });

  test("has a command line and brings the catalogue along", () => {
    const tutti = join(folder, "node_modules/.bin/tutti");
    expect(node([tutti, "--help"])).toContain("Usage: tutti");
    const tools = JSON.parse(node([tutti, "tools", "list", "-o", "json"])) as unknown[];
    expect(tools.length).toBeGreaterThanOrEqual(60);
  });

  test("runs what the README begins with: a workflow, and a program", ({ redisUrl, prefix }) => {
    const env = { REDIS_URL: redisUrl, TUTTI_PREFIX: prefix };
    node([join(folder, "node_modules/.bin/tutti"), "run", "examples/hello.yaml"], env);
    expect(readFileSync(join(folder, "examples/out/hello.md"), "utf8")).toBe(
      "# Greetings\n\n## Everybody\n\n- Hello Ada, seen 2 times\n- Hello Grace, seen 1 times\n",
    );
    const [, program = ""] = /^```ts\n([^]*?)^```$/m.exec(readFileSync("README.md", "utf8")) ?? [];
    writeFileSync(join(folder, "readme.mjs"), program);
    expect(node(["readme.mjs"], env)).toBe("completed Hello Ada\n");
  });

  test("runs the examples: a worker with a tool of its own, a service that submits", async ({
    redisUrl,
    prefix,
  }) => {
    const env = { REDIS_URL: redisUrl, TUTTI_PREFIX: prefix };
    const worker = spawn(process.execPath, ["--import", TSX, "examples/worker.ts"], {
      cwd: folder,
      env: { ...BASE, HOME: folder, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void worker.kill("SIGKILL"));
    let said = "";
    worker.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
    await once(worker.stdout, "data");
    expect(node(["--import", TSX, "examples/submit.ts"], env)).toBe(
      [
        'apple, pear: completed {"cents":210}',
        "pear, plum: failed null (prices: 1 of 2 items failed; the first: plum is sold out)",
        "",
      ].join("\n"),
    );
    worker.kill("SIGTERM");
    expect(await once(worker, "exit")).toEqual([0, null]);
    expect(said).toBe("working\nstopped\n");
  });
});
