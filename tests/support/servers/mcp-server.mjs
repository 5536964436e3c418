// A small MCP server for tests: `node mcp-server.mjs stdio|http <log file>`.
// Over HTTP it prints its port. Calls of `slow` are logged as they start and end.
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import { Readable } from "node:stream";

import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";

const [, , transport, log] = process.argv;
const text = (value) => ({ content: [{ type: "text", text: value }] });

function server() {
  const one = new McpServer({ name: "test", version: "1" });
  one.registerTool("echo", { inputSchema: z.object({ text: z.string() }) }, (args, context) => {
    const { _meta: meta } = context.mcpReq;
    return {
      ...text(args.text.replace("#raw:", "")),
      structuredContent: {
        text: args.text,
        correlationId: meta?.["tutti/correlation-id"],
        // What the server was started with; over HTTP the request's header.
        token: process.env.TOKEN ?? context.http?.req?.headers.get("authorization"),
      },
    };
  });
  one.registerTool("fail", { inputSchema: z.object({ text: z.string() }) }, (args) => ({
    ...text(`refused: ${args.text}`),
    isError: true,
  }));
  one.registerTool("words", { inputSchema: z.object({}) }, () => ({
    content: [
      { type: "text", text: "one" },
      { type: "text", text: "two" },
    ],
  }));
  one.registerTool("mixed", { inputSchema: z.object({}) }, () => ({
    content: [
      { type: "text", text: "one" },
      { type: "image", data: "aGk=", mimeType: "image/png" },
    ],
  }));
  one.registerTool("big", { inputSchema: z.object({ text: z.string() }) }, () =>
    text("x".repeat(17_000_000)),
  );
  one.registerTool("long", { inputSchema: z.object({}) }, () => text("x".repeat(15_000_000)));
  // A message that never ends.
  one.registerTool("endless", { inputSchema: z.object({}) }, () => {
    const more = () => process.stdout.write("x".repeat(1_000_000), more);
    more();
    return new Promise(() => {});
  });
  one.registerTool("die", { inputSchema: z.object({}) }, () => process.exit(3));
  one.registerTool("environment", { inputSchema: z.object({}) }, () =>
    text(Object.keys(process.env).toSorted().join(" ")),
  );
  one.registerTool("slow", { inputSchema: z.object({ text: z.string() }) }, (_, context) => {
    appendFileSync(log, `start ${process.pid}\n`);
    return new Promise((_resolve, reject) => {
      context.mcpReq.signal.addEventListener("abort", () => {
        appendFileSync(log, `end ${process.pid}\n`);
        reject(new Error("aborted"));
      });
    });
  });
  return one;
}

if (transport === "stdio") {
  // Answers as servers in other languages write them: JSON.stringify would write neither of them.
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (chunk, ...more) => {
    const said = String(chunk);
    if (said.includes("#caf\u00e9#")) return write(Buffer.from(said, "latin1"), ...more);
    return write(said.replaceAll(/"#raw:([^#"]*)#"/g, "$1"), ...more);
  };
  serveStdio(server);
} else {
  const handler = createMcpHandler(server);
  const answerOne = async (request, response) => {
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    const hasBody = request.method !== "GET" && request.method !== "HEAD";
    const answer = await handler.fetch(
      new Request(`http://127.0.0.1${request.url}`, {
        method: request.method,
        headers: request.headers,
        ...(hasBody && { body: Readable.toWeb(request), duplex: "half" }),
        signal: gone.signal,
      }),
    );
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    if (answer.body)
      Readable.fromWeb(answer.body)
        .on("error", () => response.destroy())
        .pipe(response);
    else response.end();
  };
  createServer((request, response) => void answerOne(request, response)).listen(
    0,
    "127.0.0.1",
    function listening() {
      process.stdout.write(`${this.address().port}\n`);
    },
  );
}
