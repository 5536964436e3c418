import {
  inspectJsonInSlices,
  isTuttiError,
  messageOf,
  TuttiError,
} from "../../../../config/index.ts";
import { unreadable } from "./message.ts";

const EVENT_STREAM = /^\s*text\/event-stream\b/i;
const JSON_TYPE = /^\s*application\/json\b/i;

export interface AnswerGuard {
  readonly server: string;
  readonly maxMessageBytes: number;
  /** Told once, before the body ends with the same error. */
  readonly refuse: (fault: TuttiError) => void;
}

/** Throws when a message in JSON must not be used as it is. What is no JSON at all is the SDK's to tell. */
async function checkMessage(bytes: Buffer): Promise<void> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw unreadable("it is no UTF-8 text");
  }
  const { problem } = await inspectJsonInSlices(text, "tool_output_invalid").catch(() => ({
    problem: undefined,
  }));
  if (problem !== undefined) throw unreadable(problem);
}

const LINE_FEED = 10;
const RETURN = 13;
const DATA = /^data:/;

/** Bytes of one message: the body, or the data of one event of a stream. */
class Message {
  private parts: Buffer[] = [];
  private bytes = 0;
  private readonly guard: AnswerGuard;

  constructor(guard: AnswerGuard) {
    this.guard = guard;
  }

  add(part: Buffer): void {
    this.bytes += part.length;
    const { server, maxMessageBytes } = this.guard;
    if (this.bytes > maxMessageBytes)
      throw new TuttiError(
        "tool_output_invalid",
        `${server} sent more than ${maxMessageBytes} bytes`,
      );
    this.parts.push(part);
  }

  take(): Buffer {
    const whole = Buffer.concat(this.parts);
    this.parts = [];
    this.bytes = 0;
    return whole;
  }
}

/** Where in a chunk lines end that have nothing in them: there an event is whole. `\r\n` counts as one end. */
function* endsOfEvents(chunk: Buffer, state: { wasEnd: boolean }): Generator<number> {
  for (let at = 0; at < chunk.length;) {
    const feed = chunk.indexOf(LINE_FEED, at);
    if (feed === -1) {
      if (chunk.length > at && !(chunk.length - at === 1 && chunk[at] === RETURN))
        state.wasEnd = false;
      return;
    }
    const isEmpty = feed === at || (feed === at + 1 && chunk[at] === RETURN);
    if (isEmpty && state.wasEnd) yield feed + 1;
    state.wasEnd = true;
    at = feed + 1;
  }
}

/** The data of an event, its lines joined as the format says. */
function dataOf(event: Buffer): Buffer {
  const lines = event.toString("latin1").split(/\r\n|\n|\r/);
  const data = lines.filter((line) => DATA.test(line)).map((line) => line.replace(/^data: ?/, ""));
  return Buffer.from(data.join("\n"), "latin1");
}

function checkEvents(guard: AnswerGuard): TransformStream<Uint8Array, Uint8Array> {
  const message = new Message(guard);
  const state = { wasEnd: true };
  return new TransformStream({
    async transform(bytes, controller) {
      const chunk = Buffer.from(bytes);
      let from = 0;
      for (const end of endsOfEvents(chunk, state)) {
        message.add(chunk.subarray(from, end));
        from = end;
        const data = dataOf(message.take());
        if (data.length > 0) await checkMessage(data);
      }
      message.add(chunk.subarray(from));
      controller.enqueue(bytes);
    },
  });
}

function checkBody(guard: AnswerGuard, isJson: boolean): TransformStream<Uint8Array, Uint8Array> {
  const message = new Message(guard);
  return new TransformStream({
    transform(bytes) {
      message.add(Buffer.from(bytes));
    },
    async flush(controller) {
      const whole = message.take();
      if (isJson && whole.length > 0) await checkMessage(whole);
      controller.enqueue(whole);
    },
  });
}

/** Ends a stream with what a check has found, and tells it. */
function telling(
  stream: ReadableStream<Uint8Array>,
  check: TransformStream<Uint8Array, Uint8Array>,
  guard: AnswerGuard,
): ReadableStream<Uint8Array> {
  const reader = stream.pipeThrough(check).getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (thrown) {
        if (isTuttiError(thrown)) guard.refuse(thrown);
        controller.error(thrown);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/**
 * The answer of an MCP server with a body that ends in an error when a message in it is longer than allowed, counted
 * after it was decompressed, or would be changed by reading it.
 */
export function guardAnswer(answer: Response, guard: AnswerGuard): Response {
  const { body, status, statusText, headers } = answer;
  if (body === null) return answer;
  const type = headers.get("content-type") ?? "";
  const check = EVENT_STREAM.test(type)
    ? checkEvents(guard)
    : checkBody(guard, JSON_TYPE.test(type) && answer.ok);
  return new Response(telling(body, check, guard), { status, statusText, headers });
}

/** What ended the stream that an answer was awaited from. */
export function lostAnswer(cause?: unknown): TuttiError {
  const why = cause === undefined ? "" : `: ${messageOf(cause)}`;
  return new TuttiError("tool_unavailable", `the connection ended before the answer came${why}`);
}
