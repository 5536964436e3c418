import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";

import { expect, onTestFinished, test } from "vitest";

test("the door of docker-compose.yml passes requests to the loopback port", async () => {
  const api = createServer((request, response) => response.end(`hello ${request.url}`));
  onTestFinished(() => void api.close());
  await once(api.listen(0, "127.0.0.1"), "listening");
  const inside = (api.address() as AddressInfo).port;

  const door = spawn(process.execPath, ["scripts/forward.mjs", "0", `${inside}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void door.kill("SIGKILL"));
  const [line] = (await once(createInterface(door.stdout), "line")) as [string];
  const { port } = JSON.parse(line) as AddressInfo;

  const answer = await fetch(`http://127.0.0.1:${port}/run`, { headers: { connection: "close" } });
  expect(await answer.text()).toBe("hello /run");
  door.kill("SIGTERM");
  expect(await once(door, "exit")).toEqual([0, null]);
});
