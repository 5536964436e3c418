import { array, assert, asyncProperty, constantFrom, nat, property, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";

import { LineBuffer } from "../../../../../processors/tools/bindings/mcp/line-buffer.ts";
import { faultOf, readMessage } from "../../../../../processors/tools/bindings/mcp/message.ts";

describe("lines of a stream", () => {
  test("are the same however the stream is cut", () => {
    assert(
      property(uint8Array({ maxLength: 200 }), array(nat(20), { minLength: 1 }), (bytes, cuts) => {
        const wanted = Buffer.from(bytes).toString("latin1").split("\n");
        const buffer = new LineBuffer(1_000);
        const lines: string[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const end = at + 1 + (cuts[turn % cuts.length] ?? 0);
          const added = buffer.add(Buffer.from(bytes.subarray(at, end)));
          expect(added.overflow).toBe(false);
          lines.push(...added.lines.map((line) => line.toString("latin1")));
          at = end;
        }
        expect(lines).toEqual(wanted.slice(0, -1));
      }),
      { seed: 3 },
    );
  });

  test("a line beyond the cap is told at once, those before it are there", () => {
    const buffer = new LineBuffer(3);
    expect(buffer.add(Buffer.from("ab\nabc\nab"))).toMatchObject({ overflow: false });
    expect(buffer.add(Buffer.from("c\nabcd"))).toEqual({
      lines: [Buffer.from("abc")],
      overflow: true,
    });
  });
});

describe("a message", () => {
  test("that is long is the same, whatever characters stand at the seams", async () => {
    const character = constantFrom("a", "é", "€", "😀", "\ufffd");
    await assert(
      asyncProperty(nat(8), character, async (shift, one) => {
        const text = "x".repeat(shift) + one.repeat(700_000);
        const message = { jsonrpc: "2.0", id: 1, result: { text } };
        expect(await readMessage(Buffer.from(JSON.stringify(message)))).toEqual(message);
      }),
      { numRuns: 10, seed: 3 },
    );
  });

  test.each([
    [
      "bytes that are no text",
      Buffer.from('{"jsonrpc":"2.0","result":{"a":"caf\xe9"},"id":"x"}', "latin1"),
    ],
    [
      "a number that would be changed",
      Buffer.from('{"jsonrpc":"2.0","result":{"a":12345678901234567890},"id":"x"}'),
    ],
  ])("with %s fails the request it answers", async (_, bytes) => {
    const answer = await readMessage(bytes);
    expect(answer).toMatchObject({ id: "x", error: { data: { code: "tool_output_invalid" } } });
    expect(faultOf(answer), "only what the SDK threw is a fault").toBeUndefined();
  });

  test.each([
    "no JSON",
    "[]",
    '{"jsonrpc":"2.0"}',
    '{"jsonrpc":"2.0","method":"x","params":{"a":1e999}}',
  ])("%s is none", async (text) => {
    await expect(readMessage(Buffer.from(text))).rejects.toBeInstanceOf(Error);
  });
});
