import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";

import { assert, asyncProperty, uint8Array } from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";

import { parseCatalogue, ToolRegistry } from "../../../../config/index.ts";
import { bindTools } from "../../../../processors/index.ts";
import { contextOf, thrownBy } from "./contract.ts";

let answer: { headers: Record<string, string>; body: Uint8Array; status?: number };
let asked = "";
const server = createServer((request, response) => {
  asked = String(request.headers["accept-encoding"]);
  response.writeHead(answer.status ?? 200, answer.headers).end(answer.body);
});
let url = "";
beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function call(binding: object): Promise<unknown> {
  const text = stringify({
    tutti: 1,
    allow: { commands: [process.execPath], privateHosts: ["127.0.0.1"] },
    tools: [{ id: "t", name: "t", category: "foundation", capabilities: ["x"], binding }],
  });
  const tools = bindTools({ registry: new ToolRegistry(parseCatalogue(text, "t.yaml")) });
  try {
    return await tools.call("t", {}, contextOf());
  } finally {
    await tools.close();
  }
}

const fetched = (
  body: Uint8Array,
  headers: Record<string, string> = {},
  more: object = {},
): Promise<unknown> => {
  answer = { headers, body };
  return call({ type: "http", url, ...more });
};

/** A command that prints these bytes. */
const printed = (bytes: Uint8Array, more: object = {}): Promise<unknown> =>
  call({
    type: "command",
    command: process.execPath,
    args: [
      "-e",
      `process.stdout.write(Buffer.from("${Buffer.from(bytes).toString("hex")}","hex"))`,
    ],
    ...more,
  });

const json = Buffer.from(JSON.stringify({ word: "café €" }));
const JSON_TYPE = "application/json";

describe("encodings of HTTP answers", () => {
  test.each([
    ["gzip", gzipSync(json)],
    ["x-gzip", gzipSync(json)],
    ["GZIP", gzipSync(json)],
    ["deflate", deflateSync(json)],
    ["deflate", deflateRawSync(json)],
    ["br", brotliCompressSync(json)],
    ["identity", json],
    ["gzip, br", brotliCompressSync(gzipSync(json))],
    ["deflate, identity, gzip", gzipSync(deflateSync(json))],
  ])("%s is decoded", async (coding, body) => {
    const headers = { "content-type": JSON_TYPE, "content-encoding": coding };
    expect(await fetched(body, headers)).toEqual({ word: "café €" });
  });

  test("what cannot be decoded is never asked for", async () => {
    await fetched(json, { "content-type": JSON_TYPE });
    expect(asked).toMatch(/^gzip, deflate, br(, zstd)?$/);
    expect(asked.includes("zstd")).toBe("zstdDecompress" in (await import("node:zlib")));
  });

  test.each([
    ["an unknown encoding", "lzma", json, '"lzma"'],
    ["too many", Array.from({ length: 6 }, () => "gzip").join(","), json, "6 times"],
    ["a broken stream", "gzip", json, "cannot be decoded"],
    ["half a stream", "br", brotliCompressSync(json).subarray(0, 8), "cannot be decoded"],
  ])("%s is refused", async (_, coding, body, message) => {
    const thrown = await thrownBy(fetched(body, { "content-encoding": coding }));
    expect(thrown).toMatchObject({
      code: "tool_output_invalid",
      message: expect.stringContaining(message),
    });
  });

  test.each([
    ["gzip", gzipSync(Buffer.alloc(2_000_000))],
    ["deflate", deflateSync(Buffer.alloc(2_000_000))],
    ["br", brotliCompressSync(Buffer.alloc(2_000_000))],
    ["gzip, gzip", gzipSync(gzipSync(Buffer.alloc(2_000_000)))],
  ])("a bomb in %s goes off at the cap", async (coding, body) => {
    for (const output of ["body", "base64"])
      expect(
        await thrownBy(
          fetched(body, { "content-encoding": coding }, { maxResponseBytes: 100_000, output }),
        ),
      ).toMatchObject({ code: "tool_output_invalid", message: expect.stringContaining("100000") });
  });

  test("the body of an error is decoded for people", async () => {
    const headers = { "content-encoding": "gzip", "content-type": "text/plain" };
    answer = { status: 400, headers, body: gzipSync("why") };
    expect(await thrownBy(call({ type: "http", url }))).toMatchObject({ details: { body: "why" } });
    answer = { status: 400, headers, body: gzipSync(Buffer.alloc(20_000_000)) };
    expect(await thrownBy(call({ type: "http", url }))).toMatchObject({
      code: "tool_failed",
      details: { status: 400 },
    });
  });
});

describe("charsets of HTTP answers", () => {
  const bytes = (...values: number[]) => Uint8Array.from(values);
  test.each([
    ["text/plain; charset=iso-8859-1", bytes(0x63, 0xe9), "cé"],
    ['text/plain; charset="Windows-1252"', bytes(0x80, 0x93, 0xe9), "€“é"],
    ["text/plain; format=flowed; charset=utf-16", bytes(0xff, 0xfe, 0x41, 0), "A"],
    ["text/plain; charset=utf-16", bytes(0xfe, 0xff, 0, 0x41), "A"],
    ["text/plain; charset=utf-16le", bytes(0x41, 0), "A"],
    ["text/plain;charset=Shift_JIS", bytes(0x82, 0xa0), "あ"],
    ["text/plain; charset=utf-8", bytes(0xef, 0xbb, 0xbf, 0x41), "A"],
    ["application/json; charset=latin1", bytes(0x22, 0xe9, 0x22), "é"],
    ["text/plain", bytes(0xef, 0xbb, 0xbf, 0x41), "A"],
  ])("%s", async (type, body, text) => {
    expect(await fetched(body, { "content-type": type })).toBe(text);
  });

  test.each([
    ["text/plain; charset=klingon", bytes(0x41), '"klingon"'],
    ["text/plain; charset=utf-8", bytes(0xe9), "no utf-8 text"],
    ["text/plain", bytes(0xff, 0xfe, 0), "no utf-8 text"],
    ["text/plain; charset=utf-16le", bytes(0x41), "no utf-16le text"],
    ["text/plain; charset=shift_jis", bytes(0x82), "no shift_jis text"],
  ])("%s is refused when it is not", async (type, body, message) => {
    expect(await thrownBy(fetched(body, { "content-type": type }))).toMatchObject({
      code: "tool_output_invalid",
      message: expect.stringContaining(message),
    });
  });
});

describe("what a command prints", () => {
  test.each([
    ["gzip", gzipSync("x")],
    ["ISO-8859-1", Buffer.from("caf\xe9", "latin1")],
    ["half a character", Buffer.from([0x68, 0xc3, 0x28])],
    ["half of a pair", Buffer.from([0xed, 0xa0, 0x80])],
  ])("%s is refused as text, lines and JSON, and kept as base64", async (_, bytes) => {
    for (const parse of ["text", "lines", "json"])
      expect(await thrownBy(printed(bytes, { parse }))).toMatchObject({
        code: "tool_output_invalid",
      });
    expect(await printed(bytes, { output: "base64" })).toEqual({
      encoding: "base64",
      data: bytes.toString("base64"),
      bytes: bytes.length,
    });
  });

  test("a byte-order mark is left out", async () => {
    expect(await printed(Buffer.from("\ufeffa\n"))).toBe("a");
    expect(await printed(Buffer.from('\ufeff{"a":1}'), { parse: "json" })).toEqual({ a: 1 });
  });

  test("a sign for what could not be decoded that was printed as such is text", async () => {
    expect(await printed(Buffer.from("a\ufffd"))).toBe("a\ufffd");
  });
});

test("any bytes come back from HTTP as they were", async () => {
  await assert(
    asyncProperty(uint8Array({ maxLength: 300 }), async (bytes) => {
      const type = { "content-type": "image/png" };
      const got = await fetched(bytes, type, { output: "base64" });
      expect(got).toEqual({
        encoding: "base64",
        data: Buffer.from(bytes).toString("base64"),
        bytes: bytes.length,
        mediaType: "image/png",
      });
    }),
    { numRuns: 30, seed: 5 },
  );
});
