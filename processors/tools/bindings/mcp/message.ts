import { isUtf8 } from "node:buffer";
import { setImmediate as nextTurn } from "node:timers/promises";

import {
  INTERNAL_ERROR,
  ProtocolError,
  parseJSONRPCMessage,
  type JSONRPCMessage,
} from "@modelcontextprotocol/client";

import {
  inspectJsonInSlices,
  isJsonObject,
  isTuttiError,
  TuttiError,
  type Json,
} from "../../../../config/index.ts";

/** Bytes that are decoded at once; a few milliseconds of work. */
const DECODED_BYTES = 1_048_576;

/**
 * The answer to a request that failed on our side. The SDK hands `data` on as it is, and no server can send an
 * instance of our error, so {@link faultOf} knows it again.
 */
export function faultAnswer(id: string | number, fault: TuttiError): JSONRPCMessage {
  const error = { code: INTERNAL_ERROR, message: fault.message, data: fault };
  return { jsonrpc: "2.0", id, error };
}

/** Why an answer must not be used: it was changed by being read, or cannot be. */
export function unreadable(problem: string): TuttiError {
  return new TuttiError("tool_output_invalid", `the answer cannot be taken as it is: ${problem}`);
}

/** What {@link faultAnswer} was made of, if the thrown error is such an answer. */
export function faultOf(thrown: unknown): TuttiError | undefined {
  return thrown instanceof ProtocolError && isTuttiError(thrown.data) ? thrown.data : undefined;
}

function idOf(message: Json): string | number | undefined {
  if (!isJsonObject(message) || "method" in message) return undefined;
  const { id } = message;
  return typeof id === "string" || typeof id === "number" ? id : undefined;
}

/**
 * Reads one message. An answer that would be changed by reading it (bytes that are no text, numbers that no number
 * holds) becomes an error for the request it answers.
 *
 * @throws Error when it is no message.
 */
export async function readMessage(bytes: Buffer): Promise<JSONRPCMessage> {
  const { text, isText } = await decode(bytes);
  const { value, problem } = await inspectJsonInSlices(text, "tool_output_invalid");
  if (isText && problem === undefined) {
    if (bytes.length > DECODED_BYTES) await nextTurn();
    return parseJSONRPCMessage(value);
  }
  const fault = unreadable(problem ?? "it is no UTF-8 text");
  const id = idOf(value);
  if (id === undefined) throw fault;
  return faultAnswer(id, fault);
}

async function decode(bytes: Buffer): Promise<{ text: string; isText: boolean }> {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    if (at > 0) await nextTurn();
    let end = Math.min(bytes.length, at + DECODED_BYTES);
    // A character is not cut; where there are more continuations than one has, it is no text anyway.
    for (let back = 0; back < 3 && ((bytes[end] ?? 0) & 0xc0) === 0x80; back++) end--;
    texts.push(bytes.toString("utf8", at, end));
    at = end;
  }
  // The sign for what cannot be decoded may also have been sent as such.
  const isText = !texts.some((text) => text.includes("\ufffd")) || isUtf8(bytes);
  return { text: texts.join("").replace(/^\ufeff/, ""), isText };
}
