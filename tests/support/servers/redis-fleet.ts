import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Redis } from "ioredis";

import { eventually } from "../waiting/eventually.ts";
import { freePort, OwnRedis, type AppendFsync } from "./own-redis.ts";

/** How the sentinels call the master. */
const MASTER = "tutti-master";

/** A master, a replica and a sentinel that makes the replica the master when the master is gone. */
export async function sentinels({ keeps }: { readonly keeps?: AppendFsync } = {}) {
  const soon = ["--repl-diskless-sync-delay", "0"];
  const master = await OwnRedis.open({ keeps, args: soon });
  const replica = await OwnRedis.open({
    keeps,
    args: [...soon, "--replicaof", "127.0.0.1", String(master.port)],
  });
  const watcher = await OwnRedis.open({
    args: ["--sentinel"],
    config: [
      `sentinel monitor ${MASTER} 127.0.0.1 ${master.port} 1`,
      `sentinel down-after-milliseconds ${MASTER} 1000`,
      `sentinel failover-timeout ${MASTER} 2000`,
    ],
  });
  const admin = new Redis(replica.url, { maxRetriesPerRequest: null });
  await eventually(async () => {
    const info = await admin.info("replication");
    if (!/master_link_status:up/.test(info)) throw new Error("the replica is not in step");
  });
  // The sentinel hears of the replica from the master.
  const asked = new Redis(watcher.url, { maxRetriesPerRequest: null });
  await eventually(async () => {
    const replicas = (await asked.call("SENTINEL", "replicas", MASTER)) as unknown[];
    if (replicas.length !== 1) throw new Error("the sentinel knows of no replica");
  });
  return {
    url: `redis+sentinel://127.0.0.1:${watcher.port}/${MASTER}`,
    master,
    replica,
    admin,
    /** Resolves when the sentinel names the server at this port as the master. */
    named: (port: number) =>
      eventually(async () => {
        const [, of] = (await asked.call(
          "SENTINEL",
          "get-master-addr-by-name",
          MASTER,
        )) as string[];
        if (of !== String(port)) throw new Error(`the master is at ${of}`);
      }),
    async [Symbol.asyncDispose]() {
      admin.disconnect();
      asked.disconnect();
      for (const one of [watcher, replica, master]) await one[Symbol.asyncDispose]();
    },
  };
}

/** A cluster of two nodes, each with one half of the slots; `other` is the address of the one without our keys. */
export async function cluster() {
  const nodes = [
    await OwnRedis.open({ args: ["--cluster-enabled", "yes"] }),
    await OwnRedis.open({ args: ["--cluster-enabled", "yes"] }),
  ] as const;
  const admins = nodes.map((node) => new Redis(node.url, { maxRetriesPerRequest: null }));
  const [first, second] = [admins[0]!, admins[1]!];
  await first.call("CLUSTER", "ADDSLOTSRANGE", "0", "8191");
  await second.call("CLUSTER", "ADDSLOTSRANGE", "8192", "16383");
  await first.call("CLUSTER", "MEET", "127.0.0.1", String(nodes[1].port));
  await eventually(async () => {
    for (const admin of admins)
      if (!/cluster_state:ok/.test(String(await admin.call("CLUSTER", "INFO"))))
        throw new Error("the cluster is not formed");
  });
  return {
    url: `redis+cluster://127.0.0.1:${nodes[0].port}`,
    other: `redis+cluster://127.0.0.1:${nodes[1].port}`,
    nodes,
    admins,
    async [Symbol.asyncDispose]() {
      for (const admin of admins) admin.disconnect();
      for (const node of nodes) await node[Symbol.asyncDispose]();
    },
  };
}

/** Whether certificates can be made here. */
export const canEncrypt = (() => {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

/** A server that speaks only TLS, with a certificate of an authority of its own. */
export async function encrypted() {
  const folder = mkdtempSync(join(tmpdir(), "tutti-tls-"));
  const file = (name: string) => join(folder, name);
  const openssl = (line: string) => {
    // No part of these lines holds a space of its own.
    execFileSync("openssl", line.split(" "), { stdio: "ignore", cwd: folder });
  };
  openssl(
    "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tutti-ca -keyout ca.key -out ca.pem",
  );
  openssl("req -newkey rsa:2048 -nodes -subj /CN=redis.test -keyout server.key -out server.csr");
  openssl(
    "x509 -req -in server.csr -days 2 -CAcreateserial -CA ca.pem -CAkey ca.key -out server.pem",
  );
  const port = await freePort();
  const server = await OwnRedis.open({
    args: [
      ...`--tls-port ${port} --tls-auth-clients no`.split(" "),
      "--tls-cert-file",
      file("server.pem"),
      "--tls-key-file",
      file("server.key"),
      "--tls-ca-cert-file",
      file("ca.pem"),
    ],
  });
  return {
    plain: server.url,
    /** Without the authority nobody believes it. */
    unknown: `rediss://127.0.0.1:${port}?servername=redis.test`,
    url: `rediss://127.0.0.1:${port}?servername=redis.test&ca=${encodeURIComponent(file("ca.pem"))}`,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}
