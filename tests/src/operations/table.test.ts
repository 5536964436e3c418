import { describe, expect, test } from "vitest";
import * as z from "zod";

import { ERROR_CODES } from "../../../config/index.ts";
import { COMMANDS } from "../../../src/cli/commands/index.ts";
import { OPERATIONS, SHARED_COMMANDS } from "../../../src/operations/index.ts";
import { COMMON_ERRORS, SCOPES } from "../../../src/operations/operation.ts";

const repeated = (all: readonly string[]): string[] =>
  all.filter((one, index) => all.indexOf(one) !== index);

describe("the table of operations", () => {
  test.each(OPERATIONS.map((one) => [one.name, one] as const))(
    "%s says what it is, who may ask for it, how it ends, and has a door",
    (_name, operation) => {
      expect(operation.name).toMatch(/^[a-z_]+\.[a-z_]+$/);
      expect(operation.summary).toMatch(/^[A-Z].*[^.]\.$/);
      expect(SCOPES).toContain(operation.scope);
      const errors = [...COMMON_ERRORS, ...(operation.errors ?? [])];
      expect(errors.filter((code) => !Object.hasOwn(ERROR_CODES, code))).toEqual([]);
      expect(repeated(errors)).toEqual([]);
      const commands = SHARED_COMMANDS.filter((one) => one.operations.includes(operation));
      const doors = [operation.http, operation.command, ...commands];
      expect(doors.filter((door) => door !== undefined)).not.toEqual([]);
    },
  );

  test.each(OPERATIONS.map((one) => [one.name, one] as const))(
    "%s describes every field of its input, also those in its path",
    (_name, operation) => {
      const { properties = {} } = z.toJSONSchema(operation.input, {
        io: "input",
        unrepresentable: "any",
      });
      const bare = Object.entries(properties).filter(
        ([, field]) => typeof field === "boolean" || field.description === undefined,
      );
      expect(bare.map(([name]) => name)).toEqual([]);
      const inPath = [...(operation.http?.path ?? "").matchAll(/:(\w+)/g)].map(([, name]) => name);
      expect(Object.keys(properties)).toEqual(expect.arrayContaining(inPath));
      if (operation.http?.isKeyed === true) expect(properties).toHaveProperty("key");
    },
  );

  test("names, routes and words of commands are each there once", () => {
    expect(repeated(OPERATIONS.map(({ name }) => name))).toEqual([]);
    const routes = OPERATIONS.flatMap(({ http }) =>
      http === undefined ? [] : [`${http.method} ${http.path.replaceAll(/:\w+/g, ":")}`],
    );
    expect(repeated(routes)).toEqual([]);
    expect(repeated(COMMANDS.map(({ words }) => words))).toEqual([]);
  });

  test("every command of an operation is one of the command line", () => {
    const own = OPERATIONS.flatMap(({ command }) => command ?? []);
    expect([...own, ...SHARED_COMMANDS].filter((command) => !COMMANDS.includes(command))).toEqual(
      [],
    );
  });

  test.each(COMMANDS.map((one) => [one.words, one] as const))(
    "tutti %s says what it does, and every option as well",
    (_words, command) => {
      expect(command.summary).toMatch(/^[A-Z].*[^.]\.$/);
      const options = Object.values(command.given).filter(({ form }) => form.startsWith("--"));
      expect(options.filter(({ summary }) => summary === "")).toEqual([]);
      expect(repeated(options.map(({ form }) => form))).toEqual([]);
    },
  );
});
