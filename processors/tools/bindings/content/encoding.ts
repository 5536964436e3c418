import { promisify } from "node:util";
import zlib from "node:zlib";

import { messageOf, TuttiError } from "../../../../config/index.ts";

/** More are no longer an answer but an attack. */
const MAX_CODINGS = 5;

type Options = { readonly maxOutputLength: number };
type Decode = (bytes: Buffer, options: Options) => Promise<Buffer>;

const gunzip: Decode = promisify(zlib.gunzip);
const inflate: Decode = promisify(zlib.inflate);
const inflateRaw: Decode = promisify(zlib.inflateRaw);
const brotli: Decode = promisify(zlib.brotliDecompress);

/** `deflate` means zlib's format, but some send the bare stream. */
function deflate(bytes: Buffer, options: Options): Promise<Buffer> {
  const [first = 0, second = 0] = bytes;
  const hasHeader = (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0;
  return (hasHeader ? inflate : inflateRaw)(bytes, options);
}

/** Node has it from 22.15 on. */
function zstdOf(from: object): Decode | undefined {
  const decode: unknown = Reflect.get(from, "zstdDecompress");
  if (typeof decode !== "function") return undefined;
  return (bytes, options) =>
    new Promise((resolve, reject) => {
      Reflect.apply(decode, from, [
        bytes,
        options,
        (error: Error | null, plain: Buffer) => (error ? reject(error) : resolve(plain)),
      ]);
    });
}

const zstd = zstdOf(zlib);

const DECODERS: ReadonlyMap<string, Decode> = new Map([
  ["gzip", gunzip],
  ["x-gzip", gunzip],
  ["deflate", deflate],
  ["br", brotli],
  ...(zstd ? [["zstd", zstd] as const] : []),
]);

/** The codings that can be decoded here, as a request asks for them. */
export const ACCEPT_ENCODING = ["gzip", "deflate", "br", ...(zstd ? ["zstd"] : [])].join(", ");

const invalid = (message: string, details: object, cause?: unknown): TuttiError =>
  new TuttiError("tool_output_invalid", message, { details: { ...details }, cause });

function codingsOf(header: unknown, host: string): Decode[] {
  const names = [header]
    .flat()
    .flatMap((one) => (typeof one === "string" ? one.split(",") : []))
    .map((one) => one.trim().toLowerCase())
    .filter((one) => one !== "" && one !== "identity");
  if (names.length > MAX_CODINGS)
    throw invalid(`${host} encoded its answer ${names.length} times`, { contentEncoding: names });
  return names.map((name) => {
    const decode = DECODERS.get(name);
    if (decode) return decode;
    const message = `${host} answered in the encoding ${JSON.stringify(name)}, which cannot be decoded here`;
    throw invalid(message, { contentEncoding: name });
  });
}

/**
 * Undoes the codings of a `content-encoding` header, last one first.
 *
 * @param maxBytes Of each result; what would become longer is not decoded to its end.
 * @throws TuttiError `tool_output_invalid`.
 */
export async function decodeContent(
  bytes: Buffer,
  header: unknown,
  maxBytes: number,
  host: string,
): Promise<Buffer> {
  // An answer without a body (204, or to HEAD) may name what it would have been encoded in.
  if (bytes.length === 0) return bytes;
  let plain = bytes;
  for (const decode of codingsOf(header, host).toReversed())
    try {
      plain = await decode(plain, { maxOutputLength: maxBytes });
    } catch (thrown) {
      if (thrown instanceof Error && "code" in thrown && thrown.code === "ERR_BUFFER_TOO_LARGE")
        throw invalid(`${host} sent more than ${maxBytes} bytes`, { host }, thrown);
      throw invalid(
        `the answer of ${host} cannot be decoded: ${messageOf(thrown)}`,
        { host },
        thrown,
      );
    }
  return plain;
}
