import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";

import { parseCatalogue, ToolRegistry } from "../../../../../config/index.ts";
import { bindTools, type BoundTools } from "../../../../../processors/index.ts";
import { contextOf, thrownBy } from "../contract.ts";

const JSON_TYPE = { "content-type": "application/json" };
const EVENTS = { "content-type": "text/event-stream" };
/** Longer than a test may take: an answer in time was no answer of the deadline. */
const NEVER_MS = 300_000;

const result = (id: number, value: string): string =>
  `{"jsonrpc":"2.0","id":${id},"result":{"content":[],"structuredContent":{"a":${value}}}}`;

/** How the server answers a call of the tool with this name. */
const WAYS: Record<string, (id: number, response: ServerResponse) => void> = {
  well: (id, response) => response.writeHead(200, JSON_TYPE).end(result(id, "1")),
  events: (id, response) => {
    response
      .writeHead(200, EVENTS)
      .write(': hello\r\n\r\nevent: message\r\nid: 1\r\ndata: {"jsonrpc":');
    // An event of several lines, in two pieces.
    response.end(
      `"2.0",\r\ndata: "id":${id},"result":{"content":[],"structuredContent":{"a":1}}}\r\n\r\n`,
    );
  },
  big: (id, response) => {
    const body = gzipSync(result(id, `"${"x".repeat(40_000_000)}"`), { level: 1 });
    response.writeHead(200, { ...JSON_TYPE, "content-encoding": "gzip" }).end(body);
  },
  big_events: (id, response) => {
    const body = gzipSync(`data: ${result(id, `"${"x".repeat(40_000_000)}"`)}\n\n`, { level: 1 });
    response.writeHead(200, { ...EVENTS, "content-encoding": "gzip" }).end(body);
  },
  endless: (_id, response) => {
    response.writeHead(200, EVENTS);
    const more = (): void =>
      void (response.destroyed || response.write("x".repeat(1_000_000), more));
    more();
  },
  number: (id, response) =>
    response.writeHead(200, JSON_TYPE).end(result(id, "12345678901234567890")),
  number_events: (id, response) =>
    response.writeHead(200, EVENTS).end(`id: 1\ndata: ${result(id, "12345678901234567890")}\n\n`),
  no_text: (id, response) =>
    response.writeHead(200, JSON_TYPE).end(Buffer.from(result(id, '"caf\xe9"'), "latin1")),
  no_text_events: (id, response) =>
    response
      .writeHead(200, EVENTS)
      .end(Buffer.from(`data: ${result(id, '"caf\xe9"')}\n\n`, "latin1")),
  killed: (_id, response) => {
    response.writeHead(200, EVENTS).write(": here\n\n", () => response.destroy());
  },
  killed_primed: (_id, response) => {
    response.writeHead(200, EVENTS).write("id: 7\ndata: \n\n", () => response.destroy());
  },
  ended: (_id, response) => void response.writeHead(200, EVENTS).end(": bye\n\n"),
  silent: (_id, response) => void response.destroy(),
  limited: (_id, response) => response.writeHead(429, { "retry-after": "7" }).end("not now"),
};

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Nobody takes up a broken stream here.
  if (request.method !== "POST") return void response.writeHead(405).end();
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const message = JSON.parse(Buffer.concat(chunks).toString()) as {
    readonly id?: number;
    readonly method: string;
    readonly params?: { readonly name?: string; readonly protocolVersion?: string };
  };
  const { id, method, params } = message;
  if (id === undefined) return void response.writeHead(202).end();
  if (method === "tools/call") return WAYS[params?.name ?? ""]?.(id, response);
  const reply =
    method === "initialize"
      ? {
          result: {
            protocolVersion: params?.protocolVersion,
            capabilities: { tools: {} },
            serverInfo: { name: "s", version: "1" },
          },
        }
      : { error: { code: -32601, message: "unknown method" } };
  response.writeHead(200, JSON_TYPE).end(JSON.stringify({ jsonrpc: "2.0", id, ...reply }));
}

const server = createServer((request, response) => void answer(request, response));
let tools: BoundTools;
beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  const text = stringify({
    tutti: 1,
    allow: { privateHosts: ["127.0.0.1"] },
    servers: { s: { transport: "http", url } },
    tools: Object.keys(WAYS).map((name) => ({
      id: `s.${name}`,
      name,
      category: "foundation",
      capabilities: ["x"],
      binding: { type: "mcp", server: "s" },
    })),
  });
  tools = bindTools({ registry: new ToolRegistry(parseCatalogue(text, "t.yaml")) });
});
afterAll(async () => {
  await tools.close();
  server.closeAllConnections();
  server.close();
});

const call = (name: string) => tools.call(`s.${name}`, {}, contextOf(), { timeoutMs: NEVER_MS });

describe("an answer of an MCP server over HTTP", { timeout: 60_000 }, () => {
  test.each(["well", "events"])("that is well comes back: %s", async (name) => {
    expect(await call(name)).toEqual({ a: 1 });
  });

  test.each([
    ["big", "sent more than"],
    ["big_events", "sent more than"],
    ["endless", "sent more than"],
    ["number", "holds exactly"],
    ["number_events", "holds exactly"],
    ["no_text", "no UTF-8"],
    ["no_text_events", "no UTF-8"],
  ])("is refused at once and alone: %s", async (name, message) => {
    const [thrown, well] = await Promise.all([thrownBy(call(name)), call("well")]);
    expect(thrown).toMatchObject({
      code: "tool_output_invalid",
      message: expect.stringContaining(message),
    });
    expect(well).toEqual({ a: 1 });
  });

  test.each(["killed", "killed_primed", "ended", "silent"])(
    "whose connection is lost is not waited for: %s",
    async (name) => {
      expect(await thrownBy(call(name))).toMatchObject({ code: "tool_unavailable" });
      expect(await call("well"), "and the next call has a new session").toEqual({ a: 1 });
    },
  );

  test("a pause that the server asks for is told", async () => {
    expect(await thrownBy(call("limited"))).toMatchObject({
      code: "tool_unavailable",
      details: { status: 429, retryAfterMs: 7_000 },
    });
  });
});
