import { array, assert, infiniteStream, nat, oneof, property, string } from "fast-check";
import { expect, test } from "vitest";

import { LineBuffer } from "../../../../../processors/tools/bindings/mcp/line-buffer.ts";

const MAX_BYTES = 200_000;

test("lines are those of the text, however it is cut into chunks", () => {
  const line = oneof(
    string(),
    nat(150_000).map((length) => "x".repeat(length)),
  );
  assert(
    property(array(line, { maxLength: 6 }), infiniteStream(nat(70_000)), (all, cuts) => {
      const text = all.map((one) => one.replaceAll("\n", " "));
      const bytes = Buffer.from(text.map((one) => `${one}\n`).join(""));
      const buffer = new LineBuffer(MAX_BYTES * 4);
      const seen: string[] = [];
      for (let from = 0; from < bytes.length;) {
        const to = from + 1 + (cuts.next().value ?? 0);
        for (const found of buffer.add(bytes.subarray(from, to)).lines) seen.push(found.toString());
        from = to;
      }
      expect(seen).toEqual(text);
    }),
  );
});

test("a line that becomes too long is told at once, and the next one begins anew", () => {
  const buffer = new LineBuffer(5);
  expect(buffer.add(Buffer.from("ab\n12345")).lines.map(String)).toEqual(["ab"]);
  expect(buffer.add(Buffer.from("6"))).toEqual({ lines: [], overflow: true });
  expect(buffer.add(Buffer.from("c\n")).lines.map(String)).toEqual(["c"]);
});
