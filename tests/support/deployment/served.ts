import { request as rawRequest } from "node:http";

import { expect } from "vitest";

import { loadCatalogue, toolSpec } from "../../../config/index.ts";
import { type RunningServer, startServer } from "../../../src/server/index.ts";
import { Tutti } from "../../../src/tutti.ts";
import { startWorker } from "../../../src/worker.ts";
import { test as base } from "../runner/redis.ts";

/** The shipped catalogue and a tool whose binding names a secret. */
export const registry = loadCatalogue();
registry.register({
  spec: toolSpec.parse({
    id: "web.fetch",
    name: "Fetch",
    category: "communication",
    capabilities: ["fetch"],
    binding: {
      type: "http",
      url: "http://x.test/",
      headers: { authorization: "Bearer ${{ secrets.X }}" },
    },
  }),
  allow: { commands: [], hosts: ["x.test"], privateHosts: [] },
});

/** The server of the test that is running. */
export let server: RunningServer;
/** Errors that nobody threw on purpose. */
export const reported: unknown[] = [];
export const report = (thrown: unknown): void => {
  reported.push(thrown);
};

interface Fixtures {
  tutti: Tutti;
  /** Starts the worker that runs wait for. */
  work: () => Promise<void>;
  /** How many watch a run. */
  watchers: (runId: string) => Promise<number>;
}

/** `test` with a server on a namespace of its own. */
export const test = base.extend<Fixtures>({
  tutti: [
    async ({ redisUrl, prefix }, use) => {
      const tutti = new Tutti({ redisUrl, prefix, registry });
      reported.length = 0;
      server = await startServer({
        tutti,
        registry,
        config: { host: "127.0.0.1", port: 0 },
        reportError: report,
      });
      await use(tutti);
      await server.close();
      await tutti.close();
    },
    { auto: true },
  ],
  work: async ({ redisUrl, prefix }, use) => {
    const workers: AsyncDisposable[] = [];
    await use(async () => {
      workers.push(await startWorker({ redisUrl, prefix, tools: ["core.echo"] }));
    });
    await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
  },
  watchers: async ({ redis, prefix }, use) => {
    await use(async (runId) => {
      const [, count] = await redis.pubsub("NUMSUB", `${prefix}.events:${runId}`);
      return Number(count);
    });
  },
});

export const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${server.url}${path}`, { headers });
export const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${server.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

/** The problem of a response, after checking what all problems have in common. */
export const problemOf = async (response: Response) => {
  expect(response.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
  const problem = (await response.json()) as Record<string, unknown>;
  expect(problem).toMatchObject({
    type: "about:blank",
    status: response.status,
    correlationId: response.headers.get("x-correlation-id"),
  });
  return problem;
};

/** fetch() sets Host and Origin itself; an attacker's browser or a proxy may send others. */
export const raw = (headers: Record<string, string>, method = "GET", path = "/health") =>
  new Promise<{ status: number; body: string }>((resolve, reject) => {
    const request = rawRequest(`${server.url}${path}`, { method, headers }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.on("error", reject).end();
  });
