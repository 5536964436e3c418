import type { CallToolResult } from "@modelcontextprotocol/client";

import { TuttiError, type Json } from "../../../../config/index.ts";
import type { BoundTool } from "../../calling/binding.ts";
import type { McpServers } from "./servers.ts";

/** Of a failed tool's text in messages. Characters. */
const MAX_MESSAGE_CHARS = 500;

function asJson(value: unknown): Json {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the SDK parsed it from JSON
  return value as Json;
}

/** The value of a result: its structured content, else `{text}` when it is all text, else `{content}`. */
function resultValue(result: CallToolResult): Json {
  const { structuredContent, content } = result;
  if (structuredContent !== undefined) return asJson(structuredContent);
  const texts = content.flatMap((block) => (block.type === "text" ? [block.text] : []));
  if (texts.length === content.length) return { text: texts.join("\n") };
  return { content: asJson(content) };
}

/**
 * Binds a tool of an MCP server. The output is the result's structured content when there is some;
 * else `{text}` with all its text; else `{content}` with its content blocks. A result marked
 * `isError` is `tool_failed`. The correlation id travels in `_meta` as `tutti/correlation-id`.
 */
export function bindMcp(servers: McpServers, tool: string): BoundTool {
  return {
    async call(input, context) {
      const { signal, correlationId, redact } = context;
      const result = await servers.for(input).call({ tool, input, signal, correlationId });
      if (result.isError !== true) return resultValue(result);
      const text = result.content
        .map((block) => (block.type === "text" ? block.text : `[${block.type}]`))
        .join("\n");
      throw new TuttiError(
        "tool_failed",
        redact(text).slice(0, MAX_MESSAGE_CHARS) || `${tool} failed`,
        {
          details: { tool },
        },
      );
    },
    // The servers are shared; whoever made them closes them.
    close: () => Promise.resolve(),
  };
}
