import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";

import { parseCatalogue, ToolRegistry, type Json } from "../../../../config/index.ts";
import { bindTools, type BoundTools } from "../../../../processors/index.ts";
import { isPublicAddress } from "../../../../processors/tools/bindings/http/guarded-agent.ts";
import { bindingContract, codeOf, contextOf, thrownBy } from "./contract.ts";

let hits = 0;
let slow = 0;
let authorization = "";

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  hits++;
  const url = new URL(request.url ?? "/", "http://test");
  const json = (status: number, value: unknown, headers = {}) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(value));
  };
  const [, route = "", rest = ""] = url.pathname.split("/");
  switch (route) {
    case "echo":
      return json(200, {
        sent: JSON.parse((await bodyOf(request)) || "null"),
        correlationId: request.headers["x-correlation-id"],
        path: request.url,
      });
    case "secret":
      ({ authorization = "" } = request.headers);
      return json(200, { got: authorization });
    case "slow":
      slow++;
      response.on("close", () => slow--);
      // The head is sent, so that the body is what does not come.
      response.writeHead(200).write("x");
      return undefined;
    case "big":
      response.writeHead(200, { "content-type": "text/plain" });
      response.end("x".repeat(200_000));
      return undefined;
    case "status":
      return json(Number(rest), { why: "because" }, { "retry-after": "2", location: "/echo" });
    case "broken":
      response.writeHead(200, { "content-type": "application/json" });
      response.end("{");
      return undefined;
    case "binary":
      response.end(Buffer.from([0xff, 0xfe, 0x00]));
      return undefined;
    case "empty":
      response.writeHead(204).end();
      return undefined;
    case "reset":
      request.socket.destroy();
      return undefined;
    default:
      return json(404, {});
  }
}

const server = createServer((request, response) => void answer(request, response));
let port = 0;
beforeAll(async () => {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const TEXT_INPUT = {
  type: "object",
  additionalProperties: false,
  properties: { text: { type: "string" } },
};

function toolsOf(bindings: Record<string, object>, allow?: object): BoundTools {
  const tools = Object.entries(bindings).map(([id, binding]) => ({
    id,
    name: id,
    category: "foundation",
    capabilities: ["x"],
    input: TEXT_INPUT,
    binding: { type: "http", ...binding },
  }));
  const allowed = allow ?? { privateHosts: [`127.0.0.1:${port}`] };
  const text = stringify({ tutti: 1, allow: allowed, tools });
  return bindTools({ registry: new ToolRegistry(parseCatalogue(text, "t.yaml")) });
}

const base = () => `http://127.0.0.1:${port}`;
const another = () =>
  toolsOf({
    "t.echo": { method: "POST", url: `${base()}/echo`, body: { text: "${{ args.text }}" } },
    "t.slow": { url: `${base()}/slow` },
    "t.fail": { url: `${base()}/status/400` },
    "t.big": { url: `${base()}/big`, maxResponseBytes: 100_000 },
    "t.secret": {
      url: `${base()}/secret`,
      headers: { Authorization: "Bearer ${{ secrets.TOKEN }}" },
    },
  });

bindingContract({
  name: "http",
  failure: { code: "tool_failed", message: /answered 400$/ },
  start: () => {
    const tools = another();
    return Promise.resolve({
      tools,
      another,
      echoed: (output) => (output as { sent: { text: string } }).sent.text,
      correlationId: (output) => (output as { correlationId: string }).correlationId,
      running: () => slow,
      secret: async () => {
        const output = await tools.call("t.secret", {}, contextOf());
        return { output, seen: authorization };
      },
      stop: () => tools.close(),
    });
  },
});

describe("what an answer means", () => {
  test.each([
    [301, "tool_failed"],
    [404, "tool_failed"],
    [408, "step_execution_failed"],
    [429, "tool_unavailable"],
    [500, "step_execution_failed"],
    [503, "tool_unavailable"],
  ])("%i is %s", async (status, code) => {
    const tools = toolsOf({ t: { url: `${base()}/status/${status}` } });
    expect(await thrownBy(tools.call("t", {}, contextOf()))).toMatchObject({
      code,
      details: { status, body: '{"why":"because"}', retryAfterMs: 2_000 },
    });
  });

  test("bodies: JSON, text, nothing, the whole response", async () => {
    const tools = toolsOf({
      empty: { url: `${base()}/empty` },
      broken: { url: `${base()}/broken` },
      binary: { url: `${base()}/binary` },
      text: { url: `${base()}/big` },
      head: { method: "HEAD", url: `${base()}/big` },
      whole: { url: `${base()}/echo`, output: "response" },
    });
    const call = (id: string) => tools.call(id, {}, contextOf());
    expect(await call("empty")).toBeNull();
    expect(await codeOf(call("broken"))).toBe("tool_output_invalid");
    expect(await codeOf(call("binary"))).toBe("tool_output_invalid");
    expect(await call("text")).toBe("x".repeat(200_000));
    expect(await call("head")).toBeNull();
    expect(await call("whole")).toMatchObject({
      status: 200,
      headers: { "content-type": "application/json" },
      body: { correlationId: "c-42" },
    });
  });

  test("connections that fail may be tried again", async () => {
    const tools = toolsOf({ reset: { url: `${base()}/reset` } });
    expect(await codeOf(tools.call("reset", {}, contextOf()))).toBe("tool_unavailable");
    const nobody = toolsOf({ t: { url: "http://127.0.0.1:1/" } }, { privateHosts: ["127.0.0.1"] });
    expect(await thrownBy(nobody.call("t", {}, contextOf()))).toMatchObject({
      code: "tool_unavailable",
      details: { reason: "ECONNREFUSED" },
    });
  });
});

describe("where a call may go", () => {
  test("a value inside the address stays in its place", async () => {
    const tools = toolsOf({ t: { url: `${base()}/echo/\${{ args.text }}/x` } });
    const pathOf = async (text: string): Promise<Json> =>
      ((await tools.call("t", { text }, contextOf())) as { path: string }).path;
    expect(await pathOf("a/../../b?c=d#e")).toBe("/echo/a%2F..%2F..%2Fb%3Fc%3Dd%23e/x");
    expect(await pathOf("ü &")).toBe("/echo/%C3%BC%20%26/x");
    expect(await codeOf(pathOf(".."))).toBe("input_invalid");
    expect(await codeOf(pathOf("."))).toBe("input_invalid");
  });

  test("hosts that are not allowed are refused, however they are written", async () => {
    const tools = toolsOf({ t: { url: "${{ args.text }}" } }, { hosts: ["*"] });
    const call = (text: string) => codeOf(tools.call("t", { text }, contextOf()));
    const before = hits;
    for (const host of [
      "127.0.0.1",
      "localhost",
      "127.1",
      "0x7f000001",
      "2130706433",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "0.0.0.0",
      "[::]",
      "169.254.169.254",
      "10.0.0.1",
    ])
      expect([host, await call(`http://${host}:${port}/echo`)]).toEqual([host, "tool_denied"]);
    expect(await call("file:///etc/passwd")).toBe("tool_denied");
    expect(await call("no address")).toBe("input_invalid");
    expect(hits, "nothing arrived").toBe(before);
  });

  test("a name that leads to a private address is refused when connecting, unless it is named", async () => {
    const url = `http://localhost:${port}/echo`;
    const guarded = toolsOf({ t: { url } }, { hosts: ["localhost"] });
    const before = hits;
    expect(await codeOf(guarded.call("t", {}, contextOf()))).toBe("tool_denied");
    expect(hits).toBe(before);
    const named = toolsOf({ t: { url } }, { privateHosts: ["localhost"] });
    expect(await named.call("t", {}, contextOf())).toMatchObject({ correlationId: "c-42" });
  });

  test("redirects are not followed", async () => {
    const before = hits;
    const tools = toolsOf({ t: { url: `${base()}/status/302` } });
    expect(await thrownBy(tools.call("t", {}, contextOf()))).toMatchObject({
      message: expect.stringContaining("redirects are not followed"),
    });
    expect(hits).toBe(before + 1);
  });

  test("headers cannot be split", async () => {
    const tools = toolsOf({ t: { url: `${base()}/echo`, headers: { "x-a": "${{ args.text }}" } } });
    const call = tools.call("t", { text: "a\r\nx-evil: 1" }, contextOf());
    expect(await codeOf(call)).toBe("input_invalid");
  });
});

describe("isPublicAddress", () => {
  test.each(["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "172.32.0.1"])(
    "%s is",
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  test.each([
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12::1",
    "::ffff:127.0.0.1",
    "::ffff:a00:1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "255.255.255.255",
    "192.88.99.1",
    "::ffff:0:7f00:1",
    "::ffff:0:808:808",
    "2001:20::1",
    "3fff::1",
    "5f00::1",
    "ff02::1",
    "nonsense",
    "",
  ])("%s is not", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test("an IPv4 address is judged alike in its IPv6 form", () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(isPublicAddress(`::ffff:${address}`)).toBe(isPublicAddress(address));
      }),
    );
  });
});
