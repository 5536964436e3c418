import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";

import { expect, test } from "vitest";

import { openPatient } from "../../../queues/client.ts";

/** Speaks enough of the protocol: SET is answered with the words that are left, then with OK. */
async function refusing(words: string[]) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("data", (data) => {
      for (const [, command = ""] of data.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
        const word = command.toUpperCase() === "SET" ? words.shift() : undefined;
        socket.write(word === undefined ? "+OK\r\n" : `-${word} for a reason\r\n`);
      }
    });
    socket.on("error", () => {});
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

test("a worker's connection sends what is refused until it is taken, and tells each reason once", async () => {
  using server = await refusing(["OOM", "MISCONF", "OOM", "MISCONF", "OOM"]);
  const refused: string[] = [];
  const over: [readonly string[], number][] = [];
  const redis = openPatient(server.url, {
    refused: (trouble) => refused.push(trouble),
    over: (troubles, times) => over.push([troubles, times]),
  });
  try {
    expect(await redis.set("a", "1")).toBe("OK");
    expect(refused).toEqual(["OOM", "MISCONF"]);
    expect(over).toEqual([[["OOM", "MISCONF"], 5]]);
  } finally {
    redis.disconnect();
  }
});

test("what is no trouble of Redis is an error at once", async () => {
  using server = await refusing(["WRONGTYPE"]);
  const redis = openPatient(server.url);
  try {
    await expect(redis.set("a", "1")).rejects.toThrow("WRONGTYPE");
  } finally {
    redis.disconnect();
  }
});
