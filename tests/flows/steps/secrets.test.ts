import { Writable } from "node:stream";

import type { Redis } from "ioredis";
import { pino } from "pino";
import { describe, expect } from "vitest";

import { TuttiError, type Json } from "../../../config/index.ts";
import { secretSource } from "../../../processors/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { SOON, workflow } from "../../support/drawn/workflows.ts";

const SECRET = 'p"lanted/s3cret+value';
const PIN = "48215907";
const FORMS = [
  SECRET,
  JSON.stringify(SECRET).slice(1, -1),
  encodeURIComponent(SECRET),
  Buffer.from(SECRET).toString("base64"),
  PIN,
];

/** Everything that stands in Redis under a prefix, whatever its kind. */
async function everything(redis: Redis, prefix: string): Promise<string> {
  const found: unknown[] = [];
  for (const key of await redis.keys(`${prefix}*`)) {
    found.push(key);
    switch (await redis.type(key)) {
      case "string":
        found.push(await redis.get(key));
        break;
      case "hash":
        found.push(await redis.hgetall(key));
        break;
      case "list":
        found.push(await redis.lrange(key, 0, -1));
        break;
      case "set":
        found.push(await redis.smembers(key));
        break;
      case "zset":
        found.push(await redis.zrange(key, "0", "-1"));
        break;
      case "stream":
        found.push(await redis.xrange(key, "-", "+"));
        break;
      default:
        throw new Error(`what is ${key}?`);
    }
  }
  return found.flatMap((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("\n");
}

describe("a secret", () => {
  test("is found nowhere in Redis and in no log line, whatever is done with it", async ({
    orchestra: { tutti, work },
    redis,
    prefix,
  }) => {
    const lines: string[] = [];
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(chunk.toString());
        done();
      },
    });
    const seen: unknown[] = [];
    await work(
      {
        probe: (input): Json => {
          const how = input["how"] as string;
          const key = JSON.stringify(input["key"]).replace(
            /^"(.*)"$/,
            (text) => JSON.parse(text) as string,
          );
          seen.push(key);
          if (how === "base64") return Buffer.from(key).toString("base64");
          if (how === "number") return Number(key);
          if (how === "strange") throw new Error(`${key} is bad`);
          if (how === "error")
            throw new TuttiError("tool_failed", `refused: ${key}`, { details: { key } });
          return {
            key,
            typed: input["key"] ?? null,
            text: `<${key}>`,
            [key]: 1,
            url: encodeURIComponent(key),
          };
        },
      },
      {
        secret: secretSource({ env: { TUTTI_SECRET_KEY: SECRET, TUTTI_SECRET_PIN: PIN } }),
        log: pino({ level: "trace" }, stream),
      },
    );
    const key = "${{ secrets.KEY }}";
    const { runId } = await tutti.submit(
      workflow(
        [
          { id: "echo", with: { how: "echo", key } },
          { id: "base64", with: { how: "base64", key } },
          { id: "number", with: { how: "number", key: "${{ secrets.PIN }}" } },
          { id: "typed", with: { how: "echo", key: "${{ int(secrets.PIN) }}" } },
          { id: "error", with: { how: "error", key } },
          { id: "strange", retry: { ...SOON, maxAttempts: 2 }, with: { how: "strange", key } },
          // Expressions that fail tell what they were given.
          { id: "index", with: { x: "${{ input[secrets.KEY] }}" } },
          { id: "convert", with: { x: "${{ int(secrets.KEY) }}" } },
          // Checks of the input tell what they were given, too.
          { id: "unknown", tool: "core.sleep", with: { ms: "${{ {secrets.KEY: 1} }}" } },
          { id: "sleep", tool: "core.sleep", with: { ms: "${{ secrets.KEY }}" } },
          { id: "each", forEach: "[1, 2]", with: { how: "echo", key, n: "${{ item }}" } },
          { id: "after", needs: ["echo"], with: { how: "echo", key: "${{ steps.echo.output }}" } },
        ],
        { output: { all: "${{ steps.echo.output }}" }, success: ["steps.echo.output.text == 'x'"] },
      ),
    );
    const run = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(seen).toContain(SECRET);
    expect(run.steps).toMatchObject({
      echo: { output: { key: "[secret KEY]", text: "<[secret KEY]>" } },
      number: { output: "[secret PIN]" },
      error: { error: { message: "refused: [secret KEY]" } },
      strange: { state: "failed", attempts: 2 },
      index: { state: "failed" },
    });
    const stored = await everything(redis, prefix);
    expect(stored).toContain("[secret KEY]");
    for (const form of FORMS) {
      expect(stored).not.toContain(form);
      expect(lines.join("")).not.toContain(form);
      expect(JSON.stringify(run)).not.toContain(form);
    }
  });

  test("that does not exist fails the step, and names it", async ({
    orchestra: { tutti, work },
  }) => {
    await work({ probe: () => 1 });
    const { runId } = await tutti.submit(
      workflow([{ id: "a", with: { k: "${{ secrets.NONE }}" } }]),
    );
    expect((await tutti.result(runId)).steps["a"]).toMatchObject({
      state: "failed",
      attempts: 0,
      error: { code: "secret_missing" },
    });
  });

  test.for(["when", "forEach"])(
    "cannot stand in %s, whose value is stored",
    (field, { orchestra }) => {
      const document = workflow([{ id: "a", [field]: "secrets.KEY == 'x'" }]);
      expect(() => orchestra.tutti.prepare(document)).toThrow("secrets");
    },
  );
});
