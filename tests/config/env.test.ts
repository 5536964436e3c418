import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { environmentSecrets, loadConfig, ValidationError } from "../../config/index.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tutti-env-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function problems(...args: Parameters<typeof loadConfig>) {
  try {
    loadConfig(...args);
  } catch (error) {
    if (error instanceof ValidationError) return error.issues;
    throw error;
  }
  return [];
}

function configFile(content: string): string {
  const path = join(folder, "tutti.yaml");
  writeFileSync(path, content);
  return path;
}

test("the defaults", () => {
  expect(loadConfig({ HOME: "/home/ada", PATH: ["/a", "/b"].join(delimiter) })).toEqual({
    home: "/home/ada/.tutti",
    machine: hostname().replaceAll(/[^A-Za-z0-9._-]/g, "-"),
    strategy: "balanced",
    learning: true,
    optimizer: true,
    prefix: "{tutti}",
    host: "127.0.0.1",
    port: 3000,
    catalogues: [],
    logLevel: "info",
    graceMs: 30_000,
    lockDurationMs: 30_000,
    controlLockDurationMs: 15_000,
    durability: "standard",
    redisDeadlineMs: 5_000,
    maxRunning: 10,
    maxRetryAfterMs: 3_600_000,
    retainRuns: 1_000,
    retainMs: 604_800_000,
    retainFailedMs: 2_592_000_000,
    searchPath: ["/a", "/b"],
  });
});

test("nothing can change it afterwards", () => {
  const config = loadConfig({});
  expect(Object.isFrozen(config)).toBe(true);
  expect(Object.isFrozen(config.catalogues)).toBe(true);
  expect(Object.isFrozen(config.searchPath)).toBe(true);
});

describe("layers", () => {
  test("the file is above the defaults, the environment above the file, overrides above all", () => {
    const TUTTI_CONFIG = configFile("port: 1\ngraceMs: 1\nlogLevel: warn\n");
    const config = loadConfig({ TUTTI_CONFIG, TUTTI_PORT: "2", TUTTI_GRACE_MS: "2" }, { port: 3 });
    expect(config).toMatchObject({ logLevel: "warn", graceMs: 2, port: 3 });
  });

  test("TUTTI_PORT wins over PORT, and an empty variable counts as not set", () => {
    expect(loadConfig({ PORT: "1", TUTTI_PORT: "2" }).port).toBe(2);
    expect(loadConfig({ PORT: "1", TUTTI_PORT: "" }).port).toBe(1);
    expect(loadConfig({ PORT: "0" }).port).toBe(0);
  });

  test("a switch is true or false, in words or digits", () => {
    for (const [text, value] of [
      ["true", true],
      ["1", true],
      ["false", false],
      ["0", false],
    ] as const)
      expect(loadConfig({ TUTTI_LEARNING: text }).learning).toBe(value);
    expect(() => loadConfig({ TUTTI_LEARNING: "maybe" })).toThrow(/true or false/);
  });

  test("a canary is a workflow, whatever its id looks like, or false", () => {
    for (const [text, value] of [
      ["bird", "bird"],
      ["1", "1"],
      ["false", false],
    ] as const)
      expect(loadConfig({ TUTTI_CANARY: text }).canary).toBe(value);
    expect(loadConfig({}).canary).toBeUndefined();
    expect(() => loadConfig({ TUTTI_CANARY: " " })).toThrow(/the id of a workflow, or false/);
  });

  test("an override that is undefined is not given", () => {
    expect(loadConfig({ PORT: "7" }, { port: undefined }).port).toBe(7);
  });

  test("paths are relative to where they were written", () => {
    const TUTTI_CONFIG = configFile("catalogues: [tools.yaml]\nsecretsDir: ~/secrets\n");
    const config = loadConfig({ TUTTI_CONFIG, HOME: "/home/ada", TUTTI_HOME: "state" });
    expect(config.catalogues).toEqual([join(folder, "tools.yaml")]);
    expect(config.secretsDir).toBe("/home/ada/secrets");
    expect(config.home).toBe(resolve("state"));
  });

  test("TUTTI_CATALOGUES is a list like PATH", () => {
    const TUTTI_CATALOGUES = ["/a.yaml", "/b.yaml"].join(delimiter);
    expect(loadConfig({ TUTTI_CATALOGUES }).catalogues).toEqual(["/a.yaml", "/b.yaml"]);
  });
});

describe("refused", () => {
  test.each([
    ["REDIS_URL", "http://x", "a redis:// or rediss:// URL"],
    ["TUTTI_PREFIX", "tutti", "a key prefix with a hash tag"],
    ["TUTTI_PREFIX", "{}", "a key prefix with a hash tag"],
    ["TUTTI_PORT", "65536", "a whole number from 0 to 65535"],
    ["PORT", "web", "a whole number from 0 to 65535"],
    ["TUTTI_LOG_LEVEL", "loud", "one of trace, debug"],
    ["TUTTI_GRACE_MS", "-1", "a whole number of milliseconds"],
    ["TUTTI_LOCK_DURATION_MS", "1.5", "a whole number of milliseconds"],
    ["TUTTI_MACHINE", "a b", "up to 128 letters"],
    ["TUTTI_CONFIG", "/nowhere/tutti.yaml", "a YAML or JSON file"],
  ])("%s=%s", (name, value, expected) => {
    const [issue, ...more] = problems({ [name]: value });
    expect(more).toEqual([]);
    expect(issue).toMatchObject({ code: "config_invalid", path: [name] });
    expect(issue?.message).toContain(`expected ${name} to be ${expected}`);
  });

  test.each(["0.0.0.0", "::", "192.168.1.4", "example.com"])("an open address: %s", (host) => {
    expect(problems({}, { host })).toMatchObject([{ code: "address_refused" }]);
    expect(problems({ TUTTI_HOST: host })).toMatchObject([{ code: "address_refused" }]);
  });

  test.each(["127.0.0.1", "127.1.2.3", "::1", "localhost"])(
    "not a loopback address: %s",
    (host) => {
      expect(loadConfig({ TUTTI_HOST: host }).host).toBe(host);
    },
  );

  test("an unknown variable, with the name that was probably meant", () => {
    expect(problems({ TUTTI_PROT: "1", TUTTI_SECRET_ANYTHING: "x" })).toMatchObject([
      { code: "config_invalid", path: ["TUTTI_PROT"], suggestion: "TUTTI_PORT" },
    ]);
  });

  test("an unknown key of the file, with the name that was probably meant", () => {
    expect(problems({ TUTTI_CONFIG: configFile('{"graceMS": 5}') })).toMatchObject([
      { code: "config_invalid", path: ["graceMS"], suggestion: "graceMs" },
    ]);
  });

  test("a file that is no object of settings", () => {
    expect(problems({ TUTTI_CONFIG: configFile("- 1") })).toHaveLength(1);
    expect(problems({ TUTTI_CONFIG: configFile("a: [") })).toHaveLength(1);
  });

  test("everything at once", () => {
    const issues = problems({ PORT: "x", TUTTI_PREFIX: "x", TUTTI_HOST: "0.0.0.0", TUTTI_X: "1" });
    expect(new Set(issues.map(({ path: [name] }) => name))).toEqual(
      new Set(["PORT", "TUTTI_HOST", "TUTTI_PREFIX", "TUTTI_X"]),
    );
  });

  test("without showing the password of a URL", () => {
    const [issue] = problems({ REDIS_URL: "http://ada:hunter2@db:1" });
    expect(issue?.message).not.toContain("hunter2");
  });
});

test("secrets are read by name and are no part of the configuration", () => {
  const env = { TUTTI_SECRET_API_KEY: "s3cret", HOME: "/home/ada" };
  expect(environmentSecrets(env)).toEqual(new Map([["API_KEY", "s3cret"]]));
  expect(JSON.stringify(loadConfig(env))).not.toContain("s3cret");
});
