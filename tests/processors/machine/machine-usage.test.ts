import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { MachineUsage } from "../../../processors/machine/machine-usage.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "tutti-usage-"));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}

const net = (received: number, sent: number) =>
  `  eth0: ${received} 1 0 0 0 0 0 0 ${sent} 1 0 0 0 0 0 0\n`;
const disk = (read: number, written: number) =>
  `   8       0 sda 1 0 ${read} 1 1 1 ${written} 1 0 1 1\n`;
const pressure = (totalUs: number) => `some avg10=1.00 avg60=1.00 avg300=1.00 total=${totalUs}\n`;
const linux = (options = {}) => new MachineUsage({ root, platform: "linux", ...options });

describe("the use of a machine", () => {
  it("is that of the whole machine where nothing limits the process", async () => {
    await write({
      "proc/self/cgroup": "0::/\n",
      "proc/stat": "cpu  100 0 0 900 0 0 0 0 0 0\n",
      "proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 600 kB\n",
      "proc/pressure/cpu": pressure(1_000_000),
      "proc/pressure/io": pressure(0),
      "proc/net/dev": net(0, 0),
      "proc/diskstats": disk(0, 0),
    });
    const usage = linux({ capacityBytesPerS: { network: 1_000_000, storage: 2_048_000 } });
    expect(await usage.read(10_000)).toBeNull();
    expect(await usage.read(10_000)).toBeNull();
    await write({
      "proc/stat": "cpu  800 0 0 1200 0 0 0 0 0 0\n",
      "proc/pressure/cpu": pressure(2_000_000),
      "proc/pressure/io": pressure(2_500_000),
      "proc/net/dev": net(500_000, 2_500_000),
      "proc/diskstats": disk(4_000, 6_000),
    });
    expect(await usage.read(15_000)).toMatchObject({
      windowMs: 5_000,
      usage: { cpu: 0.7, memory: 0.4, network: 0.5, storage: 0.5 },
      pressure: { cpu: 0.2, memory: null, network: null, storage: 0.5 },
      bytesPerS: { network: 500_000, storage: 1_024_000 },
    });
  });

  it("is that of the tightest control group around the process", async () => {
    const group = "sys/fs/cgroup/pod/box";
    await write({
      "proc/self/cgroup": "0::/pod/box\n",
      "proc/stat": "cpu  100 0 0 900 0 0 0 0 0 0\n",
      "proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 600 kB\n",
      "proc/pressure/cpu": pressure(0),
      [`${group}/cpu.max`]: "max 100000\n",
      [`${group}/memory.max`]: "max\n",
      "sys/fs/cgroup/pod/cpu.max": "50000 100000\n",
      "sys/fs/cgroup/pod/cpu.stat": "usage_usec 1000000\nuser_usec 1\n",
      "sys/fs/cgroup/pod/cpu.pressure": pressure(100_000),
      "sys/fs/cgroup/pod/memory.max": "1000000\n",
      "sys/fs/cgroup/pod/memory.current": "900000\n",
      "sys/fs/cgroup/pod/memory.stat": "anon 1\ninactive_file 100000\n",
    });
    const usage = linux();
    await usage.read(0);
    await write({
      "sys/fs/cgroup/pod/cpu.stat": "usage_usec 2000000\nuser_usec 1\n",
      "sys/fs/cgroup/pod/cpu.pressure": pressure(1_100_000),
    });
    // One second of processor time in four, of half a core: half of what there is.
    expect(await usage.read(4_000)).toMatchObject({
      usage: { cpu: 0.5, memory: 0.8, network: null, storage: null },
      pressure: { cpu: 0.25 },
    });
  });

  it("takes a quota of more cores than there are for none", async () => {
    await write({
      "proc/self/cgroup": "0::/\n",
      "proc/stat": "cpu  0 0 0 0 0 0 0 0 0 0\n",
      "sys/fs/cgroup/cpu.max": `${(availableParallelism() + 1) * 100_000} 100000\n`,
      "sys/fs/cgroup/cpu.stat": "usage_usec 0\n",
    });
    const usage = linux();
    await usage.read(0);
    await write({ "proc/stat": "cpu  25 0 0 75 0 0 0 0 0 0\n" });
    expect((await usage.read(1_000))?.usage.cpu).toBe(0.25);
  });

  it("is unknown where no file says it", async () => {
    const usage = linux({ capacityBytesPerS: { network: 1 } });
    await usage.read(0);
    const nothing = { cpu: null, memory: null, network: null, storage: null };
    expect(await usage.read(5_000)).toMatchObject({
      usage: nothing,
      pressure: nothing,
      bytesPerS: { network: null, storage: null },
    });
  });

  it("is processor and memory on other systems", async () => {
    const usage = new MachineUsage({ platform: "darwin" });
    await usage.read(0);
    burn();
    const reading = await usage.read(5_000);
    expect(reading?.usage.cpu).toBeGreaterThan(0);
    expect(reading?.usage.cpu).toBeLessThanOrEqual(1);
    expect(reading?.usage.memory).toBeGreaterThan(0);
    expect(reading?.usage.memory).toBeLessThanOrEqual(1);
    expect(reading).toMatchObject({ usage: { network: null }, pressure: { cpu: null } });
  });

  it("can be read of this very machine", async () => {
    const usage = new MachineUsage();
    const startMs = performance.now();
    await usage.read(startMs);
    const from = process.cpuUsage();
    burn();
    const used = process.cpuUsage(from);
    const endMs = performance.now();
    const reading = await usage.read(endMs);
    const shares = Object.values({ ...reading?.usage, own: reading?.ownCpu });
    expect(shares.filter((share) => share !== null).length).toBeGreaterThanOrEqual(2);
    for (const share of shares)
      if (share !== null) {
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThanOrEqual(1.5);
      }
    // What the loop used, spread over all cores, however long the machine took for it.
    const usedMs = (used.user + used.system) / 1_000;
    const share = usedMs / (endMs - startMs) / availableParallelism();
    expect(reading?.ownCpu).toBeGreaterThan(share / 2);
  });
});

/** Uses processor time, 200 ms of it whatever else runs. */
function burn(): void {
  const from = process.cpuUsage();
  while (process.cpuUsage(from).user + process.cpuUsage(from).system < 200_000);
}
