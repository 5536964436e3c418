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

const SECRET = `pa$$/w0rd "<é>' &x+y=`;
const b64 = (text: string) => Buffer.from(text).toString("base64");
test.each([
  ["as it is", SECRET],
  ["in JSON", JSON.stringify(SECRET).slice(1, -1)],
  ["in JSON, slashes escaped", JSON.stringify(SECRET).slice(1, -1).replaceAll("/", "\\/")],
  ["in JSON, only ASCII", JSON.stringify(SECRET).slice(1, -1).replaceAll("é", "\\u00e9")],
  ["in JSON in JSON", JSON.stringify(JSON.stringify(SECRET)).slice(3, -3)],
  ["in HTML", SECRET.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")],
  ["in HTML with numbers", SECRET.replaceAll(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`)],
  ["in a URL", encodeURIComponent(SECRET)],
  ["in a URL, lower case", encodeURIComponent(SECRET).toLowerCase()],
  ["in a form", new URLSearchParams([["a", SECRET]]).toString().slice(2)],
  ["in hex", Buffer.from(SECRET).toString("hex")],
  ["in HEX", Buffer.from(SECRET).toString("hex").toUpperCase()],
  ["in base64", b64(SECRET)],
  ["in base64url", Buffer.from(SECRET).toString("base64url")],
  ["in upper case", SECRET.toUpperCase()],
  ["in lower case", SECRET.toLowerCase()],
])("a secret is found %s", (_, spelled) => {
  expect(redactorOf({ KEY: SECRET }).text(`a ${spelled} b`)).toBe("a [secret KEY] b");
});

test("a secret is found in the middle of what was encoded as base64", () => {
  for (const before of ["", "u", "us", "use", "user:"])
    for (const after of ["", "!", "!!"]) {
      const text = redactorOf({ KEY: SECRET }).text(b64(before + SECRET + after));
      expect(text).toContain("[secret KEY]");
      const left = Buffer.from(text.split("[secret KEY]").at(-1) ?? "", "base64").toString(
        "latin1",
      );
      expect(left.length, "at most a group of it").toBeLessThan(after.length + 4);
    }
});

test("short secrets are found as they are only", () => {
  const redactor = redactorOf({ KEY: "abc" });
  expect(redactor.text("abc ABC 616263")).toBe("[secret KEY] ABC 616263");
});

test("what a parser quotes is left out when secrets were used", () => {
  const cause = new SyntaxError(`Unexpected token 'p', "pa$$/w0r"... is not valid JSON`);
  const error = new TuttiError("tool_output_invalid", `it did not write JSON: ${cause.message}`, {
    cause: new TuttiError("tool_output_invalid", cause.message, { cause }),
  });
  const clean = redactorOf({ KEY: SECRET }).error(error) as TuttiError;
  expect(clean.message).toContain("it did not write JSON");
  expect(JSON.stringify([clean.message, clean.details])).not.toContain("w0r");
});
