import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";

import { parseCatalogue, ToolRegistry } from "../../../../../config/index.ts";
import { bindTools, type BoundTools } from "../../../../../processors/index.ts";
import { McpServer } from "../../../../../processors/tools/bindings/mcp/server.ts";
import { eventually } from "../../../../support/waiting/eventually.ts";
import { bindingContract, codeOf, contextOf, thrownBy, TOKEN } from "../contract.ts";

const NODE = process.execPath;
const FIXTURE = fileURLToPath(
  new URL("../../../../support/servers/mcp-server.mjs", import.meta.url),
);
const require = createRequire(import.meta.url);
const binOf = (name: string): string =>
  join(dirname(require.resolve(`${name}/package.json`)), "dist/index.js");

const folder = mkdtempSync(join(tmpdir(), "tutti-mcp-"));
afterAll(() => rmSync(folder, { recursive: true }));

const TEXT_INPUT = {
  type: "object",
  additionalProperties: false,
  properties: { text: { type: "string" } },
};

/** Tools of one server, by id; the part after the dot is the name at the server. */
function toolsOf(server: object, ids: string[], input: object = TEXT_INPUT): BoundTools {
  const tools = ids.map((id) => ({
    id,
    name: id,
    category: "foundation",
    capabilities: ["x"],
    input,
    binding: { type: "mcp", server: "s" },
  }));
  const text = stringify({
    tutti: 1,
    allow: { commands: [NODE, "no-such-server"], privateHosts: ["127.0.0.1"] },
    servers: { s: server },
    tools,
  });
  const registry = new ToolRegistry(parseCatalogue(text, "t.yaml"));
  return bindTools({ registry, secret: (name) => (name === "TOKEN" ? TOKEN : "") });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Calls of `slow` that a fixture has begun and not ended; they end with their process, too. */
function runningIn(log: string): number {
  const lines = readFileSync(log, "utf8").trim().split("\n");
  const alive = lines
    .map((line) => line.split(" "))
    .filter(([, pid]) => isAlive(Number(pid ?? -1)));
  const count = (word: string) => alive.filter(([what]) => what === word).length;
  return count("start") - count("end");
}

function processesWith(mark: string): string[] {
  return execFileSync("ps", ["-A", "-o", "pid=,stat=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(mark) && !/^\s*\d+\s+Z/.test(line));
}

const CONTRACT_TOOLS = ["t.echo", "t.slow", "t.fail", "t.big"];
const echoed = (output: unknown) => (output as { text: string }).text;
const correlationId = (output: unknown) => (output as { correlationId: string }).correlationId;

const stdioLog = join(folder, "stdio.log");
writeFileSync(stdioLog, "");
const stdioServer = {
  transport: "stdio",
  command: NODE,
  args: [FIXTURE, "stdio", stdioLog],
  env: { TOKEN: "${{ secrets.TOKEN }}" },
};

const stdioTools = () => toolsOf(stdioServer, CONTRACT_TOOLS);

bindingContract({
  name: "mcp over stdio",
  failure: { code: "tool_failed", message: /^refused: no$/ },
  start: () => {
    const tools = stdioTools();
    return Promise.resolve({
      tools,
      another: stdioTools,
      echoed,
      correlationId,
      running: () => runningIn(stdioLog),
      secret: async () => ({
        output: await tools.call("t.echo", { text: "" }, contextOf()),
        // The server's environment; what comes back is redacted.
        seen: readFileSync(
          `/proc/${processesWith(stdioLog)[0]?.trim().split(" ")[0]}/environ`,
          "utf8",
        ),
      }),
      stop: () => tools.close(),
    });
  },
});

async function startHttpServer(log: string) {
  writeFileSync(log, "");
  const child = spawn(NODE, [FIXTURE, "http", log], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { child, url: `http://127.0.0.1:${Number(line.toString())}/mcp` };
}

const httpLog = join(folder, "http.log");
bindingContract({
  name: "mcp over http",
  failure: { code: "tool_failed", message: /^refused: no$/ },
  start: async () => {
    const { child, url } = await startHttpServer(httpLog);
    const server = {
      transport: "http",
      url,
      headers: { authorization: "Bearer ${{ secrets.TOKEN }}" },
    };
    const another = () => toolsOf(server, CONTRACT_TOOLS);
    const tools = another();
    return {
      tools,
      another,
      echoed,
      correlationId,
      running: () => runningIn(httpLog),
      secret: async () => ({
        output: await tools.call("t.echo", { text: "" }, contextOf()),
        seen: `Bearer ${TOKEN}`,
      }),
      stop: async () => {
        await tools.close();
        child.kill("SIGKILL");
      },
    };
  },
});

describe("servers", () => {
  test("what a result becomes: structured content, text, content", async () => {
    const tools = toolsOf(stdioServer, ["t.words", "t.mixed", "t.environment"]);
    expect(await tools.call("t.words", {}, contextOf())).toEqual({ text: "one\ntwo" });
    expect(await tools.call("t.mixed", {}, contextOf())).toMatchObject({
      content: [{ type: "text" }, { type: "image" }],
    });
    expect(await tools.call("t.environment", {}, contextOf())).toEqual({
      text: "HOME LANG PATH TOKEN TUTTI_CALL",
    });
    await tools.close();
  });

  test.each(["12345678901234567890", "-9007199254740993", "1e400"])(
    "an answer with the number %s is refused with its place, and the server lives on",
    async (number) => {
      const tools = toolsOf(stdioServer, ["t.echo"]);
      const echo = (text: string) => tools.call("t.echo", { text }, contextOf());
      const [thrown, well] = await Promise.all([thrownBy(echo(`#raw:${number}#`)), echo("well")]);
      expect(thrown).toMatchObject({
        code: "tool_output_invalid",
        message: expect.stringMatching(/line 1, column \d+/),
      });
      expect(echoed(well)).toBe("well");
      expect(await echo("#raw:9007199254740992#")).toMatchObject({ text: 9007199254740992 });
      await tools.close();
    },
  );

  test("an answer whose bytes are no text is refused", async () => {
    const tools = toolsOf(stdioServer, ["t.echo"]);
    expect(await thrownBy(tools.call("t.echo", { text: "#café#" }, contextOf()))).toMatchObject({
      code: "tool_output_invalid",
      message: expect.stringContaining("no UTF-8"),
    });
    await tools.close();
  });

  test("an answer of 15 MB over stdio is read while other work goes on", async () => {
    const tools = toolsOf(stdioServer, ["t.long", "t.words"]);
    await tools.call("t.words", {}, contextOf());
    let turns = 0;
    let going = true;
    const count = (): void => {
      turns++;
      if (going) setImmediate(count);
    };
    count();
    const output = await tools.call("t.long", {}, contextOf());
    going = false;
    expect(echoed(output)).toHaveLength(15_000_000);
    expect(turns).toBeGreaterThan(20);
    await tools.close();
  });

  test("a message beyond the cap ends the call before it is whole", async () => {
    const tools = toolsOf(stdioServer, ["t.endless", "t.words"]);
    const call = codeOf(tools.call("t.endless", {}, contextOf(), { timeoutMs: 300_000 }));
    expect(await call).toBe("tool_output_invalid");
    expect(await tools.call("t.words", {}, contextOf())).toEqual({ text: "one\ntwo" });
    await tools.close();
  });

  test("a stdio server that dies fails the call at once, and the next call starts it anew", async () => {
    const tools = toolsOf(stdioServer, ["t.die", "t.words"]);
    expect(await codeOf(tools.call("t.die", {}, contextOf()))).toBe("tool_unavailable");
    expect(await tools.call("t.words", {}, contextOf())).toEqual({ text: "one\ntwo" });
    await tools.close();
  });

  test("an http server that dies in mid call fails it long before its deadline", async () => {
    const log = join(folder, "dying.log");
    const { child, url } = await startHttpServer(log);
    const tools = toolsOf({ transport: "http", url }, ["t.slow"]);
    const call = codeOf(tools.call("t.slow", { text: "" }, contextOf(), { timeoutMs: 60_000 }));
    await eventually(() => expect(runningIn(log)).toBe(1));
    child.kill("SIGKILL");
    expect(await call).toBe("tool_unavailable");
    expect(await codeOf(tools.call("t.slow", { text: "" }, contextOf())), "nobody there").toBe(
      "tool_unavailable",
    );
    await tools.close();
  });

  test("a server that accepts and never answers does not outlive the deadline", async () => {
    const hung = createServer(() => undefined);
    await new Promise<void>((resolve) => {
      hung.listen(0, "127.0.0.1", resolve);
    });
    const { port } = hung.address() as AddressInfo;
    const tools = toolsOf({ transport: "http", url: `http://127.0.0.1:${port}/mcp` }, ["t.slow"]);
    const call = tools.call("t.slow", { text: "" }, contextOf(), { timeoutMs: 200 });
    expect(await codeOf(call)).toBe("tool_timeout");
    await tools.close();
    hung.closeAllConnections();
    hung.close();
  });

  test("a handshake has a cap of its own", async () => {
    const mark = `--tutti-mute-${process.pid}`;
    const server = new McpServer({
      spec: {
        transport: "stdio",
        command: NODE,
        args: ["-e", "setInterval(() => {}, 1000)", "--", mark],
        env: {},
      },
      allow: { commands: [NODE], hosts: [], privateHosts: [] },
      base: { PATH: "", HOME: "", LANG: "" },
      secret: () => "",
      handshakeTimeoutMs: 200,
    });
    const { signal } = new AbortController();
    const call = server.call({ tool: "x", input: {}, signal, correlationId: "c" });
    expect(await thrownBy(call)).toMatchObject({
      code: "tool_unavailable",
      message: expect.stringContaining("did not shake hands within 200 ms"),
    });
    await server.close();
    expect(processesWith(mark)).toEqual([]);
  });

  test("a call that the server refuses does not end the others", async () => {
    const log = join(folder, "tripped.log");
    const { child, url } = await startHttpServer(log);
    // Stands between: a busy moment for one call, the real server for all others.
    const front = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks);
        if (body.includes("trip")) return response.writeHead(503).end();
        const { method, headers } = request;
        const onward = httpRequest(url, { method, headers }, (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(response);
        });
        response.on("close", () => onward.destroy());
        return onward.on("error", () => response.destroy()).end(body);
      });
    });
    front.listen(0, "127.0.0.1");
    await once(front, "listening");
    const { port } = front.address() as AddressInfo;
    const tools = toolsOf(
      { transport: "http", url: `http://127.0.0.1:${port}/mcp` },
      CONTRACT_TOOLS,
    );
    const cancel = new AbortController();
    const slow = thrownBy(tools.call("t.slow", { text: "" }, contextOf(cancel.signal)));
    await eventually(() => expect(runningIn(log)).toBe(1));
    expect(await codeOf(tools.call("t.echo", { text: "trip" }, contextOf()))).toBe(
      "tool_unavailable",
    );
    expect(echoed(await tools.call("t.echo", { text: "on" }, contextOf()))).toBe("on");
    expect(runningIn(log), "the first call is still running").toBe(1);
    const reason = new Error("enough");
    cancel.abort(reason);
    expect(await slow).toBe(reason);
    await tools.close();
    front.closeAllConnections();
    front.close();
    child.kill("SIGKILL");
  });

  test("a server that cannot start is unavailable", async () => {
    const missing = toolsOf({ transport: "stdio", command: "no-such-server" }, ["t.x"]);
    expect(await codeOf(missing.call("t.x", {}, contextOf()))).toBe("tool_unavailable");
    const dying = toolsOf({ transport: "stdio", command: NODE, args: ["-e", "process.exit(1)"] }, [
      "t.x",
    ]);
    expect(await codeOf(dying.call("t.x", {}, contextOf()))).toBe("tool_unavailable");
  });

  test("an http server at a private address needs to be named", async () => {
    const text = stringify({
      tutti: 1,
      allow: { hosts: ["localhost"] },
      servers: { s: { transport: "http", url: "http://localhost:9999/mcp" } },
      tools: [
        {
          id: "t.x",
          name: "x",
          category: "foundation",
          capabilities: ["x"],
          binding: { type: "mcp", server: "s" },
        },
      ],
    });
    const tools = bindTools({ registry: new ToolRegistry(parseCatalogue(text, "t.yaml")) });
    expect(await codeOf(tools.call("t.x", {}, contextOf()))).toBe("tool_denied");
  });
});

describe("known servers", () => {
  test("server-everything: one process for all its tools, gone after close", async () => {
    const mark = `--tutti-${process.pid}`;
    const bin = binOf("@modelcontextprotocol/server-everything");
    const tools = toolsOf(
      { transport: "stdio", command: NODE, args: [bin, "stdio", mark] },
      ["e.get-sum", "e.echo", "e.no-such-tool"],
      { type: "object" },
    );
    const [sum, echo] = await Promise.all([
      tools.call("e.get-sum", { a: 2, b: 40 }, contextOf()),
      tools.call("e.echo", { message: "hi" }, contextOf()),
    ]);
    expect(JSON.stringify(sum)).toContain("42");
    expect(echo).toEqual({ text: "Echo: hi" });
    expect(processesWith(mark)).toHaveLength(1);
    expect(await codeOf(tools.call("e.no-such-tool", {}, contextOf()))).toBe("tool_failed");
    await tools.close();
    expect(processesWith(mark)).toEqual([]);
  });

  test("server-everything over http, which speaks the older protocol", async () => {
    const free = createServer().listen(0, "127.0.0.1");
    await once(free, "listening");
    const { port } = free.address() as AddressInfo;
    free.close();
    const bin = binOf("@modelcontextprotocol/server-everything");
    const child = spawn(NODE, [bin, "streamableHttp"], {
      env: { PORT: String(port) },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    await eventually(() => expect(said).toContain("listening"));
    const server = { transport: "http", url: `http://127.0.0.1:${port}/mcp` };
    const tools = toolsOf(server, ["e.get-sum"], { type: "object" });
    const sum = await tools.call("e.get-sum", { a: 2, b: 40 }, contextOf());
    expect(JSON.stringify(sum)).toContain("42");
    await tools.close();
    child.kill("SIGKILL");
  });

  test("server-filesystem reads inside its root and refuses the rest", async () => {
    writeFileSync(join(folder, "a.txt"), "inside");
    const bin = binOf("@modelcontextprotocol/server-filesystem");
    const tools = toolsOf(
      { transport: "stdio", command: NODE, args: [bin, folder] },
      ["fs.read_text_file"],
      { type: "object" },
    );
    const read = (path: string) => tools.call("fs.read_text_file", { path }, contextOf());
    expect(JSON.stringify(await read(join(folder, "a.txt")))).toContain("inside");
    expect(await thrownBy(read("/etc/passwd"))).toMatchObject({ code: "tool_failed" });
    await tools.close();
  });
});

describe("a server whose declaration names args of the call", () => {
  const mark = join(folder, "by-args.log");
  const server = { ...stdioServer, args: [FIXTURE, "stdio", `${mark}-\${{ args.text }}`] };

  test("runs once for each value, and makes room for others", async () => {
    const tools = toolsOf(server, ["t.echo"]);
    const echo = (text: string) => tools.call("t.echo", { text }, contextOf());
    expect(await Promise.all(["a", "b", "a"].map(echo))).toMatchObject([
      { text: "a" },
      { text: "b" },
      { text: "a" },
    ]);
    expect(processesWith(mark)).toHaveLength(2);
    for (const text of "cdefghij") await echo(text);
    await eventually(() => expect(processesWith(mark)).toHaveLength(8));
    expect(processesWith(`${mark}-a`)).toEqual([]);
    await tools.close();
    expect(processesWith(mark)).toEqual([]);
  });

  test("one that has to make room finishes its calls first", async () => {
    writeFileSync(`${mark}-slow`, "");
    const tools = toolsOf(server, ["t.slow", "t.echo"]);
    const cancel = new AbortController();
    const slow = thrownBy(tools.call("t.slow", { text: "slow" }, contextOf(cancel.signal)));
    await eventually(() => expect(runningIn(`${mark}-slow`)).toBe(1));
    for (const text of "abcdefgh") await tools.call("t.echo", { text }, contextOf());
    expect(runningIn(`${mark}-slow`)).toBe(1);
    cancel.abort("enough");
    expect(await slow).toBe("enough");
    await eventually(() => expect(processesWith(`${mark}-slow`)).toEqual([]));
    await tools.close();
  });

  test("an input without it is refused", async () => {
    const tools = toolsOf(server, ["t.echo"]);
    expect(await codeOf(tools.call("t.echo", {}, contextOf()))).toBe("reference_missing");
    await tools.close();
  });
});
