import { parse } from "luaparse";
import { describe, expect, test } from "vitest";

import { readScripts, staleModules } from "../../scripts/lua.ts";
import { bare, modulesOf } from "../../scripts/lua/generated.ts";
import { told } from "../../scripts/lua/problem.ts";
import { putTogether, type Constant } from "../../scripts/lua/scripts.ts";

const AT = "queues/x/scripts";

type Texts = Readonly<Record<string, string>>;

function together(texts: Texts, constants: Readonly<Record<string, Constant>> = {}) {
  const files = Object.entries(texts).map(([name, text]): [string, string] => [
    `${AT}/${name}.lua`,
    text,
  ]);
  return putTogether(new Map(files), constants);
}

const problemsOf = (texts: Texts, constants?: Readonly<Record<string, Constant>>) =>
  together(texts, constants).problems.map((one) => told(one).replace(`${AT}/`, ""));

function moduleOf(texts: Texts, constants: Readonly<Record<string, Constant>> = {}): string {
  const scripts = together(texts, constants);
  expect(scripts.problems).toEqual([]);
  return modulesOf(scripts, constants).get(`${AT}/generated.ts`) ?? "";
}

describe("the scripts of the product", () => {
  const { problems, modules } = readScripts();

  test("are right", () => {
    expect(problems).toEqual([]);
    expect([...modules.values()].join("").match(/^export const/gm)?.length).toBeGreaterThan(35);
  });

  test("are what the modules made of them say; if not: npm run lua", () => {
    expect(staleModules(modules)).toEqual([]);
  });

  test("a module that says something else, or is of no script, is seen", () => {
    const [path = "", text = ""] = [...modules][0] ?? [];
    const others = new Map([...modules].slice(2));
    expect(staleModules(new Map([[path, `${text} `], ...others]))).toEqual([
      [...modules.keys()][1],
      path,
    ]);
  });
});

describe("a script is refused", () => {
  const shared = "local function now() return redis.call('TIME')[1] end";

  test.each<[what: string, texts: Texts, problem: string]>([
    ["that is no Lua", { a: "local x = 1\nif x then" }, "a.lua:2: 'end' expected near '<eof>'"],
    ["with a name that nobody declared", { a: "\nreturn nwo()" }, "a.lua:2: nwo is not declared"],
    ["that assigns a global", { a: "count = 1" }, "a.lua:1: count is assigned and not declared"],
    [
      "that assigns a global function",
      { a: "function count() return 1 end" },
      "a.lua:1: count is assigned and not declared",
    ],
    ["with an unused local", { a: "local x = 1\nreturn 2" }, "a.lua:1: x is not used"],
    [
      "with a local that is only written",
      { a: "local x\nif KEYS[2] then x = 1 end\nreturn 2" },
      "a.lua:1: x is not used",
    ],
    [
      "with an unused parameter",
      { a: "local function f(a, b) return b end\nreturn f(1, 2)" },
      "a.lua:1: a is not used",
    ],
    [
      "that uses a name beyond its block",
      { a: "if KEYS[2] then\n  local x = 1\n  redis.call('GET', x)\nend\nreturn x" },
      "a.lua:5: x is not declared",
    ],
    [
      "that uses what its own file forgot to include",
      { a: "return now()", b: '--- @include "parts/c"\nreturn now()', "parts/c": shared },
      "a.lua:1: now is not declared",
    ],
    [
      "that includes what is not there",
      { a: '--- @include "parts/b"\nreturn 1' },
      `a.lua:1: there is no ${AT}/parts/b.lua`,
    ],
    [
      "that includes another script",
      { a: '--- @include "b"\nreturn 1', b: "return 1" },
      `a.lua:1: ${AT}/b.lua is a script; what is included stands in parts/`,
    ],
    [
      "of which parts include each other",
      {
        a: '--- @include "parts/b"\nreturn b()',
        "parts/b": '--- @include "c"\nlocal function b() return c() end',
        "parts/c": '--- @include "b"\nlocal function c() return 1 end',
      },
      `parts/c.lua:1: ${AT}/parts/b.lua includes this file`,
    ],
    [
      "that uses nothing of what it includes",
      {
        a: '--- @include "parts/b"\nreturn 1',
        b: '--- @include "parts/b"\nreturn now()',
        "parts/b": shared,
      },
      `a.lua:1: nothing of ${AT}/parts/b.lua is used`,
    ],
    ["that nobody includes", { "parts/b": shared }, "parts/b.lua:1: no script includes it"],
    [
      "with a part in the middle",
      { a: 'local x = 1\n--- @include "parts/b"\nreturn x + now()', "parts/b": shared },
      "a.lua:2: @include has to stand before the code",
    ],
    [
      "with a directive that nobody knows",
      { a: "--- @constant lower\nreturn 1" },
      "a.lua:1: unknown directive @constant lower",
    ],
    [
      "with a constant that is not there",
      { a: "--- @constant MOST\nreturn MOST" },
      "a.lua:1: there is no constant MOST",
    ],
    [
      "that hides what Redis has",
      { a: "local next = redis.call('GET', KEYS[1])\nreturn next" },
      "a.lua:1: next hides what Redis has",
    ],
    [
      "that calls what Redis has not",
      { a: "return table.unpack(KEYS)" },
      "a.lua:1: table.unpack does not exist in Redis' Lua",
    ],
    [
      "with a local that hides another one",
      {
        a: "local key = KEYS[1]\nfor _, key in ipairs(KEYS) do redis.call('DEL', key) end\nreturn key",
      },
      "a.lua:2: key hides that of line 1",
    ],
    [
      "with more locals than Lua knows",
      {
        a: `${Array.from({ length: 201 }, (_, n) => `local x${n} = ${n}`).join("\n")}
return { ${Array.from({ length: 201 }, (_, n) => `x${n}`).join(", ")} }`,
      },
      "a.lua:201: more than 200 locals at once: Lua refuses the script",
    ],
  ])("%s", (_, texts, problem) => {
    expect(problemsOf(texts)).toContain(problem);
  });

  test("with a constant that it does not use, or that no script uses", () => {
    expect(problemsOf({ a: "--- @constant MOST\nreturn 1" }, { MOST: 1, LEAST: 2 })).toEqual([
      "a.lua:1: the constant MOST is not used",
      "scripts/lua/constants.ts:1: no script uses LEAST",
    ]);
  });

  test("with a local that hides a constant", () => {
    const text = "--- @constant MOST\nlocal MOST = MOST\nreturn MOST";
    expect(problemsOf({ a: text }, { MOST: 1 })).toContain("a.lua:2: MOST hides a constant");
  });
});

describe("a module", () => {
  test("has each part once, before what needs it, and no comments", () => {
    const made = moduleOf({
      "add-run":
        '-- Adds.\n--- @include "parts/b"\n--- @include "parts/c"\n\nreturn b() + c() -- both\n',
      "parts/b": '--- @include "c"\nlocal function b() return c() end\n',
      "parts/c": "-- Says 1.\nlocal function c()\n\n  return 1\nend\n",
    });
    expect(made).toContain("const C_PART = `local function c()\n  return 1\nend\n`;");
    expect(made).toContain("const B_PART = `local function b() return c() end\n`;");
    expect(made).toContain("export const ADD_RUN = `${C_PART}${B_PART}return b() + c()\n`;");
  });

  test("has the values of constants where they stand for themselves, and nowhere else", () => {
    const made = moduleOf(
      {
        a: "--- @constant MOST\n--- @constant WHO\n--- @constant LAGS\nlocal MOST_OF = { MOST = MOST, x = 'MOST' }\nreturn { MOST_OF.MOST, WHO, LAGS }\n",
      },
      { MOST: 0.5, WHO: "it's", LAGS: { a: 1, b: 2 } },
    );
    expect(made).toContain("local MOST_OF = { MOST = 0.5, x = 'MOST' }");
    expect(made).toContain("return { MOST_OF.MOST, 'it\\\\'s', { a = 1, b = 2 } }");
  });

  test("keeps what is special in a template as it is in Lua", async () => {
    const made = moduleOf({ a: "return '\\n`${x}\\\\' .. '-- no comment'\n" });
    const { A } = (await import(`data:text/javascript,${encodeURIComponent(made)}`)) as {
      readonly A: string;
    };
    expect(A).toBe("return '\\n`${x}\\\\' .. '-- no comment'\n");
  });

  test("means the same without comments", () => {
    const text = `local a = 1 -- one
--[[ long
comment ]] local b = '--' .. "--[[x]]" -- two
return a, --[[ between ]] b`;
    const meaning = (lua: string) => parse(lua, { luaVersion: "5.1", comments: false });
    expect(bare(text)).not.toContain("one");
    expect(meaning(bare(text))).toEqual(meaning(text));
  });
});
