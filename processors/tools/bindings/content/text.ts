import { TextDecoder } from "node:util";

import { TuttiError } from "../../../../config/index.ts";

/** What windows-1252 has from 0x80 to 0x9f. Node's own decoder takes them for ISO-8859-1. */
const WINDOWS_1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";
const FIRST_CONTROL = 0x80;

/** The charset that a media type names, in lower case. */
export function charsetOf(contentType: unknown): string | undefined {
  const match = /;\s*charset\s*=\s*(?:"([^"]*)"|([^;,\s"]+))/i.exec(String(contentType));
  return (match?.[1] ?? match?.[2])?.trim().toLowerCase();
}

function decoderFor(charset: string, bytes: Uint8Array, who: string): TextDecoder {
  // A byte-order mark says which of the two it is; without one it is the little end, as browsers take it.
  const isBigEnd = charset === "utf-16" && bytes[0] === 0xfe && bytes[1] === 0xff;
  try {
    return new TextDecoder(isBigEnd ? "utf-16be" : charset, { fatal: true });
  } catch (thrown) {
    const details = { charset };
    const message = `${who} answered in the charset ${JSON.stringify(charset)}, which is not known`;
    throw new TuttiError("tool_output_invalid", message, { details, cause: thrown });
  }
}

/**
 * Bytes as text, without their byte-order mark.
 *
 * @param who Sent them, for the error.
 * @throws TuttiError `tool_output_invalid` when they are none in this charset, or it is not known.
 */
export function textOf(bytes: Uint8Array, who: string, charset = "utf-8"): string {
  const decoder = decoderFor(charset, bytes, who);
  if (decoder.encoding === "windows-1252")
    return Buffer.from(bytes)
      .toString("latin1")
      .replaceAll(
        /[\u0080-\u009f]/g,
        (one) => WINDOWS_1252[one.charCodeAt(0) - FIRST_CONTROL] ?? one,
      );
  try {
    return decoder.decode(bytes);
  } catch (thrown) {
    const message = `${who} answered with bytes that are no ${charset} text; \`output: base64\` would keep them`;
    throw new TuttiError("tool_output_invalid", message, { details: { charset }, cause: thrown });
  }
}

/** Bytes as a value that any step can take. */
export function base64Value(bytes: Uint8Array): {
  readonly encoding: "base64";
  readonly data: string;
  readonly bytes: number;
} {
  return { encoding: "base64", data: Buffer.from(bytes).toString("base64"), bytes: bytes.length };
}
