import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { randomFrom } from "../drawn/random.ts";
import { eventually } from "../waiting/eventually.ts";
import { FaultProxy } from "./fault-proxy.ts";

/** Answers every text with itself, and remembers what it heard. */
let server: Server;
let heard: string;
let proxy: FaultProxy;
let client: Socket;
let answers: string;
let ended: string | undefined;

const address = () => `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
const portOf = ({ url }: FaultProxy) => Number(new URL(url).port);

beforeEach(async () => {
  heard = "";
  answers = "";
  ended = undefined;
  server = createServer((socket) => {
    socket.on("error", () => {});
    socket.setEncoding("utf8").on("data", (text: string) => {
      heard += text;
      socket.write(text);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  proxy = await FaultProxy.open(address(), randomFrom(1));
  client = connect({ port: portOf(proxy), host: "127.0.0.1", allowHalfOpen: true });
  client.setEncoding("utf8").on("data", (text: string) => (answers += text));
  client.on("error", (error: NodeJS.ErrnoException) => (ended = error.code));
  client.on("end", () => (ended ??= "end"));
  client.write("a");
  await eventually(() => {
    if (answers !== "a") throw new Error("not connected yet");
  });
});

afterEach(async () => {
  client.destroy();
  await proxy[Symbol.asyncDispose]();
  server.close();
});

describe("the fault proxy", () => {
  test("passes on what comes as long as nobody asks for a fault", () => {
    expect({ heard, open: proxy.open, done: proxy.done }).toEqual({
      heard: "a",
      open: 1,
      done: { cut: 0, swallowed: 0, torn: 0, halfClosed: 0, stalled: 0 },
    });
  });

  test("cuts: the client is reset", async () => {
    proxy.cut();
    await eventually(() => expect(ended).toBe("ECONNRESET"));
    expect(proxy.done.cut).toBe(1);
    await eventually(() => expect(proxy.open).toBe(0));
  });

  test("swallows an answer: the server heard, the client does not know", async () => {
    proxy.swallow();
    client.write("b");
    await eventually(() => expect(ended).toBe("ECONNRESET"));
    expect({ heard, answers, swallowed: proxy.done.swallowed }).toEqual({
      heard: "ab",
      answers: "a",
      swallowed: 1,
    });
  });

  test("tears an answer: it arrives up to the first OK, and no further", async () => {
    proxy.tearAnswerTo((request) => request.includes("+OK"));
    client.write("b");
    await eventually(() => expect(answers).toBe("ab"));
    client.write("c+OK\r\nrest");
    await eventually(() => expect(ended).toBe("end"));
    expect({ heard, answers, torn: proxy.done.torn }).toEqual({
      heard: "abc+OK\r\nrest",
      answers: "abc+OK\r\n",
      torn: 1,
    });
  });

  test("closes one direction only", async () => {
    const other = connect({ port: portOf(proxy), host: "127.0.0.1" });
    other.on("error", () => {}).resume();
    await eventually(() => expect(proxy.open).toBe(2));
    proxy.halfClose();
    // The seed ends what the first client hears; it may still speak.
    await eventually(() => expect(ended).toBe("end"));
    client.write("c");
    await eventually(() => expect(heard).toBe("ac"));
    expect(proxy.done.halfClosed).toBe(2);
    other.destroy();
  });

  test("stalls: nothing passes for a while, and nothing is lost", async () => {
    const since = performance.now();
    proxy.stall(undefined, 200);
    client.write("d");
    await eventually(() => expect(answers).toBe("ad"));
    expect(performance.now() - since).toBeGreaterThan(190);
    expect({ stalled: proxy.done.stalled, ended }).toEqual({ stalled: 1, ended: undefined });
  });

  test("does the same for the same seed", async () => {
    const kinds = async () => {
      await using one = await FaultProxy.open(address(), randomFrom(7));
      const sockets = Array.from({ length: 8 }, () =>
        connect({ port: portOf(one), host: "127.0.0.1" }).on("error", () => {}),
      );
      await eventually(() => expect(one.open).toBe(8));
      for (let count = 0; count < 6; count++) one.fault();
      for (const socket of sockets) socket.destroy();
      return { ...one.done };
    };
    const first = await kinds();
    expect(await kinds()).toEqual(first);
    expect(first.cut + first.halfClosed + first.stalled).toBeGreaterThan(0);
  });
});
