import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";
import { parse } from "yaml";
import * as z from "zod";

const service = z.strictObject({
  image: z.string(),
  build: z.literal(".").optional(),
  command: z.array(z.string()).optional(),
  restart: z.literal("unless-stopped"),
  init: z.boolean().optional(),
  stop_grace_period: z
    .string()
    .regex(/^\d+s$/)
    .optional(),
  networks: z.array(z.string()).optional(),
  network_mode: z
    .string()
    .regex(/^service:/)
    .optional(),
  ports: z.array(z.string()).optional(),
  volumes: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).optional(),
  depends_on: z
    .record(
      z.string(),
      z.strictObject({
        condition: z.enum(["service_started", "service_healthy"]),
        restart: z.boolean().optional(),
      }),
    )
    .optional(),
  healthcheck: z
    .strictObject({
      test: z.array(z.string()).min(2),
      interval: z.string(),
      timeout: z.string(),
      retries: z.int(),
      start_period: z.string().optional(),
    })
    .optional(),
});

const file = z.strictObject({
  name: z.string(),
  services: z.record(z.string(), service),
  networks: z.record(z.string(), z.strictObject({})),
  volumes: z.record(z.string(), z.strictObject({})),
});

const compose = file.parse(parse(readFileSync("docker-compose.yml", "utf8")));
const services = Object.entries(compose.services);

test("every service that another one needs exists", () => {
  const needed = services.flatMap(([, { depends_on = {}, network_mode }]) => [
    ...Object.keys(depends_on),
    ...(network_mode === undefined ? [] : [network_mode.replace("service:", "")]),
  ]);
  expect(new Set(needed)).toEqual(new Set(["app", "redis"]));
  expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(needed));
});

test("whoever's health is waited for has a health check", () => {
  const waitedFor = services.flatMap(([, { depends_on = {} }]) =>
    Object.entries(depends_on).flatMap(([name, { condition }]) =>
      condition === "service_healthy" ? [name] : [],
    ),
  );
  const checks = waitedFor.map((name) => compose.services[name]?.healthcheck?.test[0]);
  expect(checks).toEqual(waitedFor.map(() => "CMD"));
});

test("every volume and network that is used is declared, and the other way round", () => {
  const volumes = services.flatMap(([, one]) => one.volumes ?? []).map((one) => one.split(":")[0]);
  const networks = services.flatMap(([, one]) => one.networks ?? []);
  expect(new Set(volumes)).toEqual(new Set(Object.keys(compose.volumes)));
  expect(new Set(networks)).toEqual(new Set(Object.keys(compose.networks)));
});

test("ports are published on the host's loopback only, and arrive at the API by the door", () => {
  const ports = services.flatMap(([, one]) => one.ports ?? []);
  expect(ports).toEqual(["127.0.0.1:3000:3001"]);
  const { app, door } = compose.services;
  expect(door?.network_mode).toBe("service:app");
  expect(door?.command).toEqual(["node", "scripts/forward.mjs", "3001", "3000"]);
  expect(app?.environment?.["TUTTI_PORT"]).toBe("3000");
  expect(app?.ports).toEqual(ports);
});

test("Redis keeps its data and never drops a key", () => {
  const words = compose.services["redis"]?.command?.join(" ");
  expect(words).toContain("--appendonly yes");
  expect(words).toContain("--maxmemory-policy noeviction");
  expect(compose.services["redis"]?.volumes).toEqual(["redis-data:/data"]);
});

test("the image copies only files that the repository has", () => {
  const copied = [...readFileSync("Dockerfile", "utf8").matchAll(/\/app\/(\S+) /g)]
    .map(([, path = ""]) => path)
    .filter((path) => path !== "dist" && path !== "node_modules");
  expect(copied).toContain("scripts/forward.mjs");
  expect(copied.filter((path) => !existsSync(path))).toEqual([]);
});

/** Version 1 is unmaintained and knows an older form of the file. */
function hasCompose(): boolean {
  try {
    const version = execFileSync("docker-compose", ["version", "--short"], { encoding: "utf8" });
    return Number.parseInt(version.replace("v", ""), 10) >= 2;
  } catch {
    return false;
  }
}

test.skipIf(!hasCompose())("docker-compose accepts it", () => {
  const listed = execFileSync("docker-compose", ["config", "--services"], { encoding: "utf8" });
  expect(new Set(listed.trim().split("\n"))).toEqual(new Set(Object.keys(compose.services)));
});
