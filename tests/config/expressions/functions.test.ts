import { describe, expect, it } from "vitest";

import { compileTemplate, type Json } from "../../../config/index.ts";

const render = (source: string): Json =>
  compileTemplate(`\${{ ${source} }}`, "result").render({
    input: { text: "a,b,c", n: 5, half: 2.5, list: [1, 2], map: { a: 1 } },
    steps: {},
    run: {},
  });

/** Every function of CEL that expressions may call, by what the language's definition says of it. */
const ROWS: readonly (readonly [source: string, value: Json])[] = [
  // Sizes
  ["size('abc')", 3],
  ["size(b'abc')", 3],
  ["size([1, 2])", 2],
  ["size({'a': 1})", 1],
  ["'abc'.size()", 3],
  ["b'abc'.size()", 3],
  ["[1, 2].size()", 2],
  ["{'a': 1}.size()", 1],
  // Conversions
  ["dyn(1)", 1],
  ["type(1) == int", true],
  ["bool(true)", true],
  ["bool('true')", true],
  ["bool('f')", false],
  ["double(1.5)", 1.5],
  ["double(2)", 2],
  ["double(2u)", 2],
  ["double('1e2')", 100],
  ["double('inf') > 1e300", true],
  ["double('-Infinity') < -1e300", true],
  ["double('nan') == double('nan')", false],
  ["int(3)", 3],
  ["int(3u)", 3],
  ["int(3.9)", 3],
  ["int(-3.9)", -3],
  ["int('42')", 42],
  ["int(timestamp('1970-01-01T00:01:00Z'))", 60],
  ["uint(3u)", 3],
  ["uint(3)", 3],
  ["uint(3.9)", 3],
  ["uint('42')", 42],
  ["string('a')", "a"],
  ["string(true)", "true"],
  ["string(1)", "1"],
  ["string(1u)", "1"],
  ["string(1.5)", "1.5"],
  ["string(double('inf'))", "+Inf"],
  ["string(double('-inf'))", "-Inf"],
  ["string(timestamp('2026-01-01T00:00:00.5Z'))", "2026-01-01T00:00:00.500Z"],
  ["string(duration('1m'))", "60s"],
  ["string(b'abc')", "abc"],
  ["string(bytes(b'abc'))", "abc"],
  ["string(bytes('abc'))", "abc"],
  // Bytes
  ["b'abc'.string()", "abc"],
  ["b'{\"a\": 1}'.json().a", 1],
  ["b'abc'.hex()", "616263"],
  ["b'abc'.base64()", "YWJj"],
  ["b'abc'.at(1)", 98],
  // Texts
  ["'abc'.startsWith('ab')", true],
  ["'abc'.startsWith('b')", false],
  ["'abc'.endsWith('bc')", true],
  ["'abc'.endsWith('b')", false],
  ["'abc'.contains('b')", true],
  ["'abc'.contains('d')", false],
  ["'ABC'.lowerAscii()", "abc"],
  ["'abc'.upperAscii()", "ABC"],
  ["' a '.trim()", "a"],
  ["'abcabc'.indexOf('b')", 1],
  ["'abc'.indexOf('d')", -1],
  ["'abcabc'.indexOf('b', 2)", 4],
  ["'abcabc'.lastIndexOf('b')", 4],
  ["'abcabc'.lastIndexOf('b', 3)", 1],
  ["'abc'.substring(1)", "bc"],
  ["'abc'.substring(1, 2)", "b"],
  ["input.text.split(',')", ["a", "b", "c"]],
  ["input.text.split(',', 2)", ["a", "b,c"]],
  ["input.text.split(',', 0)", []],
  ["input.text.split(',', -1)", ["a", "b", "c"]],
  ["'abc'.split('', 2)", ["a", "bc"]],
  ["['a', 'b'].join()", "ab"],
  ["['a', 'b'].join('-')", "a-b"],
  // Times
  ["int(timestamp(60))", 60],
  ["timestamp(timestamp(60)) == timestamp(60)", true],
  ["duration(duration('1s')) == duration('1s')", true],
  ["timestamp('2026-03-29T01:30:15.250Z').getFullYear()", 2026],
  ["timestamp('2026-03-29T01:30:15.250Z').getMonth()", 2],
  ["timestamp('2026-03-29T01:30:15.250Z').getDate()", 29],
  ["timestamp('2026-03-29T01:30:15.250Z').getDayOfMonth()", 28],
  ["timestamp('2026-03-29T01:30:15.250Z').getDayOfWeek()", 0],
  ["timestamp('2026-03-29T01:30:15.250Z').getDayOfYear()", 87],
  ["timestamp('2026-03-29T01:30:15.250Z').getHours()", 1],
  ["timestamp('2026-03-29T01:30:15.250Z').getMinutes()", 30],
  ["timestamp('2026-03-29T01:30:15.250Z').getSeconds()", 15],
  ["timestamp('2026-03-29T01:30:15.250Z').getMilliseconds()", 250],
  ["timestamp('2026-03-29T01:30:15.250Z').getMilliseconds('Asia/Kolkata')", 250],
  ["timestamp('2026-03-29T01:30:15.250Z').getMinutes('Asia/Kolkata')", 0],
  ["timestamp('2026-01-01T00:00:00Z').getFullYear('America/New_York')", 2025],
  ["timestamp('2026-01-01T00:00:00Z').getMonth('-05:00')", 11],
  ["timestamp('0001-01-02T00:00:00Z').getFullYear('UTC')", 1],
  ["duration('90m').getHours()", 1],
  ["duration('90m').getMinutes()", 90],
  ["duration('90m').getSeconds()", 5_400],
  ["duration('1.5s').getMilliseconds()", 1_500],
  // Values that may be missing
  ["input.?n.hasValue()", true],
  ["input.?gone.hasValue()", false],
  ["input.?n.value()", 5],
  ["optional.of(1).value()", 1],
  ["optional.none().hasValue()", false],
  ["optional.none().orValue(7)", 7],
];

/** What has no value, and why. */
const FAULTS: readonly (readonly [source: string, says: string])[] = [
  ["bool('maybe')", "bool()"],
  ["double('1,5')", "double()"],
  ["int('1.5')", "int()"],
  ["int('99999999999999999999')", "overflow"],
  ["int(1e300)", "overflow"],
  ["uint(-1)", "uint()"],
  ["uint('99999999999999999999')", "uint()"],
  ["string(b'\\xff')", "UTF-8"],
  ["b'{'.json()", "json()"],
  ["b'abc'.at(3)", "out of range"],
  ["'abc'.indexOf('a', 4)", "out of range"],
  ["'abc'.lastIndexOf('a', -1)", "out of range"],
  ["'abc'.substring(4)", "out of range"],
  ["'abc'.substring(2, 1)", "out of range"],
  ["input.list.join()", "only strings"],
  ["timestamp('2026-02-30T00:00:00Z')", "there is no"],
  ["timestamp('tomorrow')", "RFC 3339"],
  ["timestamp(60).getHours('Mars/Base')", "no time zone"],
  ["duration('1 hour')", "Invalid duration"],
  ["optional.none().value()", "not present"],
  ["size(input.n)", "no matching overload"],
];

describe("the functions of expressions", () => {
  it.each(ROWS)("%s", (source, value) => {
    expect(render(source)).toEqual(value);
  });

  it.each(FAULTS)("%s has no value", (source, says) => {
    expect(() => render(source)).toThrow(says);
  });
});
