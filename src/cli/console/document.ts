import { createReadStream } from "node:fs";
import { Readable } from "node:stream";

import {
  quoted,
  isJsonObject,
  type Json,
  type JsonObject,
  MAX_DOCUMENT_BYTES,
  messageOf,
  parseDocument,
  parseJson,
  TuttiError,
} from "../../../config/index.ts";
import { wrongUse } from "../../operations/command/values.ts";
import type { GivenInput } from "../../operations/command/words.ts";
import type { Cli } from "./cli.ts";

/** A file as it was read, with the name that messages call it by. */
export interface SourceFile {
  readonly text: string;
  readonly file: string;
}

/**
 * Reads a file that the command line names; `-` is standard input.
 *
 * @throws TuttiError `request_invalid` when it cannot be read, `document_too_large` beyond `maxBytes`.
 */
export async function readSource(
  cli: Cli,
  path: string,
  maxBytes: number = MAX_DOCUMENT_BYTES,
): Promise<SourceFile> {
  const file = path === "-" ? "<stdin>" : path;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    // Read in pieces: a path such as /dev/zero has no end.
    const source: AsyncIterable<string | Uint8Array> =
      path === "-" ? (cli.io.stdin ?? Readable.from([])) : createReadStream(path);
    for await (const chunk of source) {
      const piece = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
      chunks.push(piece);
      bytes += piece.length;
      if (bytes > maxBytes) break;
    }
  } catch (thrown) {
    throw wrongUse(`cannot read ${file}: ${messageOf(thrown)}`);
  }
  if (bytes > maxBytes) {
    throw new TuttiError(
      "document_too_large",
      `expected ${file} to have at most ${maxBytes} bytes`,
    );
  }
  return { text: Buffer.concat(chunks).toString("utf8"), file };
}

/**
 * Puts the input together: files first, then `--input-json`, then `key=value`; the later wins by key.
 * A value that is JSON is taken as JSON (`n=3` is a number), anything else is text.
 *
 * @throws TuttiError `request_invalid`.
 */
export async function readInput(cli: Cli, given: GivenInput): Promise<JsonObject> {
  const { input, inputJson } = given;
  const files = input.filter((one) => one.startsWith("@"));
  const sources = await Promise.all(files.map((one) => readSource(cli, one.slice(1))));
  const parts = sources.map(({ text, file }) => asObject(text, file));
  if (inputJson !== undefined) parts.push(asObject(inputJson, "--input-json"));
  const pairs = input.filter((one) => !one.startsWith("@")).map(asPair);
  return Object.fromEntries([...parts.flatMap((part) => Object.entries(part)), ...pairs]);
}

/** A value of the command line: `@file`, or JSON, or else text. */
export async function readValue(cli: Cli, text: string): Promise<Json> {
  if (!text.startsWith("@")) return asValue(text);
  const source = await readSource(cli, text.slice(1));
  return parseValue(source.text, source.file);
}

/**
 * Inputs of steps, each as `step=<JSON object>` or `step=@file`.
 *
 * @throws TuttiError `request_invalid`.
 */
export async function readEdits(
  cli: Cli,
  given: readonly string[],
): Promise<Record<string, JsonObject>> {
  const edits: [string, JsonObject][] = [];
  for (const one of given) {
    const at = one.indexOf("=");
    if (at < 1) throw wrongUse(`expected --with to be step=<json> or step=@file, got: ${one}`);
    const value = await readValue(cli, one.slice(at + 1));
    if (!isJsonObject(value))
      throw wrongUse(
        `expected --with ${one.slice(0, at)} to be an object, got: ${one.slice(at + 1)}`,
      );
    edits.push([one.slice(0, at), value]);
  }
  return Object.fromEntries(edits);
}

function asObject(text: string, name: string): JsonObject {
  const value = parseValue(text, name);
  if (!isJsonObject(value))
    throw wrongUse(`expected ${name} to be an object, got: ${quoted(value)}`);
  return value;
}

/** JSON or YAML, read as exactly as a document is. */
function parseValue(text: string, name: string): Json {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a document is JSON data
    return parseDocument(text, name, { refusedKeys: new Set() }).data as Json;
  } catch (thrown) {
    throw wrongUse(`expected ${name} to be JSON or YAML: ${messageOf(thrown)}`);
  }
}

function asPair(text: string): [string, JsonObject[string]] {
  const at = text.indexOf("=");
  if (at < 1) throw wrongUse(`expected --input to be key=value or @file, got: ${text}`);
  return [text.slice(0, at), asValue(text.slice(at + 1))];
}

function asValue(text: string): JsonObject[string] {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  // It is JSON, so it is not taken for a text when it cannot be kept as it is.
  return parseJson(text, "request_invalid");
}
