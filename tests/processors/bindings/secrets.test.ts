import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as fc from "fast-check";
import { afterAll, expect, test } from "vitest";

import { TuttiError } from "../../../config/index.ts";
import { Redactor, secretSource } from "../../../processors/index.ts";

const dir = mkdtempSync(join(tmpdir(), "tutti-secrets-"));
afterAll(() => rmSync(dir, { recursive: true }));

test("a secret comes from the environment, else from the folder", () => {
  writeFileSync(join(dir, "FILE"), "from file\n");
  writeFileSync(join(dir, "BOTH"), "from file");
  const secret = secretSource({ env: { TUTTI_SECRET_BOTH: "from env" }, dir });
  expect(secret("FILE")).toBe("from file");
  expect(secret("BOTH")).toBe("from env");
});

test.each(["MISSING", "../FILE", "a/b", "", "A B"])("there is no secret %j", (name) => {
  const missing = expect.objectContaining({ code: "secret_missing" });
  expect(() => secretSource({ env: {}, dir })(name)).toThrow(missing);
  expect(() => secretSource({ env: {} })(name)).toThrow(missing);
});

function redactorOf(secrets: Record<string, string>): Redactor {
  const redactor = new Redactor();
  const source = redactor.watch((name) => secrets[name] ?? "");
  for (const name of Object.keys(secrets)) source(name);
  return redactor;
}

test("secrets are replaced in texts, keys and their usual encodings; the longest first", () => {
  const redactor = redactorOf({ SHORT: "abc", LONG: 'abcdef/"12' });
  const basic = Buffer.from('abcdef/"12').toString("base64");
  expect(
    redactor.value({ 'abcdef/"12': ["xabcx", 1, null, `Basic ${basic}`, "abcdef%2F%2212"] }),
  ).toEqual({
    "[secret LONG]": ["x[secret SHORT]x", 1, null, "Basic [secret LONG]", "[secret LONG]"],
  });
});

test("an error keeps its code and loses its cause", () => {
  const error = new TuttiError("tool_failed", "no: abcdefgh", {
    details: { status: 401, deep: [{ header: "abcdefgh" }] },
    cause: new Error("abcdefgh"),
  });
  const clean = redactorOf({ KEY: "abcdefgh" }).error(error);
  expect(clean).toMatchObject({
    code: "tool_failed",
    message: "no: [secret KEY]",
    details: { status: 401, deep: [{ header: "[secret KEY]" }] },
  });
  expect((clean as Error).cause).toBeUndefined();
  expect(redactorOf({}).error(error), "no secret was used").toBe(error);
});

test("no used secret is left in any output", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 12 }), fc.array(fc.string()), (secret, around) => {
      fc.pre(!"[secret KEY]".includes(secret));
      const redactor = redactorOf({ KEY: secret });
      const output = JSON.stringify(redactor.value({ list: around.map((text) => text + secret) }));
      expect(output).not.toContain(JSON.stringify(secret).slice(1, -1));
    }),
  );
});
