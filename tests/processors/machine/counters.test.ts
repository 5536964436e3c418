import { assert, property, string } from "fast-check";
import { describe, expect, it } from "vitest";

import { cgroupFolders, parseAmount, parseField } from "../../../processors/machine/cgroup.ts";
import {
  cpuShare,
  cpuTimes,
  parseCpuMax,
  parseProcStat,
} from "../../../processors/machine/cpu-usage.ts";
import { cgroupMemoryShare, parseMeminfo } from "../../../processors/machine/memory-usage.ts";
import { parsePressure } from "../../../processors/machine/pressure.ts";
import { bytesPerS, parseDiskstats, parseNetDev } from "../../../processors/machine/throughput.ts";

const STAT = `cpu  1334224 100 201040 794322 1498 7 13586 1160 0 0
cpu0 665832 0 99763 399795 404 0 6512 584 0 0
intr 19176114 0 0
`;
const MEMINFO = `MemTotal:       24684084 kB
MemFree:        24393840 kB
MemAvailable:   18513063 kB
Buffers:            5768 kB
`;
const NET = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 24323234956 25754897    0    0    0     0          0         0 24323234956 25754897    0    0    0     0       0          0
veth12a@if3: 5 1    0    0    0     0          0         0 5 1    0    0    0     0       0          0
  eth0: 386435008   11263    0    0    0     0          0         0  1270936    8037    0    0    0     0       0          0
  wlan0:1000 1 0 0 0 0 0 0 64 1 0 0 0 0 0 0
`;
const DISKS = `   7       0 loop0 9 0 9 0 9 0 9 0 0 0 0 0 0 0 0 0 0
 254       0 vda 113530 18806 4416754 62642 248142 464894 33985960 155965 0 89504 273208 281134 238 29809048 37996 58462 16603
 254       1 vda1 100 0 4000 1 1 1 4000 1 0 1 1
 259       0 nvme0n1 10 0 100 1 1 1 200 1 0 1 1
 259       1 nvme0n1p1 10 0 100 1 1 1 200 1 0 1 1
 253       0 dm-0 10 0 100 1 1 1 200 1 0 1 1
`;
const PRESSURE = `some avg10=0.29 avg60=0.29 avg300=3.29 total=5732345801
full avg10=0.00 avg60=0.00 avg300=0.00 total=0
`;

describe("the files of the kernel", () => {
  it("name the control groups around a process, innermost first", () => {
    expect(cgroupFolders("0::/user.slice/app.service\n")).toEqual([
      "/sys/fs/cgroup/user.slice/app.service",
      "/sys/fs/cgroup/user.slice",
      "/sys/fs/cgroup",
    ]);
    expect(cgroupFolders("0::/\n")).toEqual(["/sys/fs/cgroup"]);
    // Version 1 beside an empty version 2, as on older systems.
    expect(cgroupFolders("4:memory:/a\n1:cpu:/a\n0::/\n")).toEqual(["/sys/fs/cgroup"]);
    expect(cgroupFolders("4:memory:/a\n1:cpu:/a\n")).toEqual([]);
    expect(cgroupFolders("0::/../../other\n")).toEqual([]);
  });

  it("say how many cores a group may use", () => {
    expect(parseCpuMax("150000 100000\n")).toBe(1.5);
    expect(parseCpuMax("max 100000\n")).toBeNull();
    expect(parseCpuMax("0 0\n")).toBeNull();
  });

  it("say what processors did", () => {
    const used = 1_334_224 + 100 + 201_040 + 7 + 13_586 + 1_160;
    expect(parseProcStat(STAT)).toEqual({ used, total: used + 794_322 + 1_498 });
    expect(parseProcStat("cpu0 1 2 3 4\n")).toBeNull();
    expect(parseProcStat("cpu  1 2 3\n")).toBeNull();
    const times = { user: 10, nice: 1, sys: 5, idle: 80, irq: 4 };
    expect(cpuTimes([{ model: "", speed: 0, times }])).toEqual({ used: 20, total: 100 });
    expect(cpuTimes([])).toBeNull();
  });

  it("say what memory is used", () => {
    expect(parseMeminfo(MEMINFO)).toBeCloseTo(0.25, 6);
    expect(parseMeminfo("MemTotal: 100 kB\n")).toBeNull();
    const files = { max: "1000\n", current: "700\n", machineBytes: 4_000 };
    const stat = "anon 300\ninactive_file 200\nactive_file 100\n";
    expect(cgroupMemoryShare({ ...files, stat })).toBe(0.5);
    expect(cgroupMemoryShare({ ...files, stat: "" })).toBe(0.7);
    expect(cgroupMemoryShare({ ...files, stat, max: "max\n" })).toBeNull();
    // A limit above what the machine has is none.
    expect(cgroupMemoryShare({ ...files, stat, machineBytes: 500 })).toBe(1);
  });

  it("say how long work waited", () => {
    expect(parsePressure(PRESSURE)).toBe(5_732_345_801);
    expect(parsePressure("full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n")).toBeNull();
  });

  it("count each byte of the network and the disks once", () => {
    expect(parseNetDev(NET)).toEqual({ received: 386_436_008, sent: 1_271_000 });
    expect(parseDiskstats(DISKS)).toBe((4_416_754 + 33_985_960 + 300) * 512);
  });

  it("are null when they say something else, and never an exception", () => {
    const parsers = [
      parseAmount,
      parseCpuMax,
      parseProcStat,
      parseMeminfo,
      parsePressure,
      parseNetDev,
      parseDiskstats,
      (text: string) => parseField(text, "usage_usec"),
      (text: string) =>
        cgroupMemoryShare({ max: text, current: text, stat: text, machineBytes: 1 }),
    ];
    for (const parse of parsers) {
      for (const text of ["", "\n", "max", "nonsense 12x", "<html>", "cpu x y z", "some avg10="])
        expect(parse(text)).toBeNull();
      assert(
        property(string({ unit: "binary", maxLength: 80 }), (text) => {
          expect(() => [parse(text), cgroupFolders(text)]).not.toThrow();
        }),
        { numRuns: 200 },
      );
      // Real files that were cut off anywhere.
      for (const text of [STAT, MEMINFO, NET, DISKS, PRESSURE])
        for (let end = 0; end < text.length; end += 7)
          expect(() => parse(text.slice(0, end))).not.toThrow();
    }
  });
});

describe("two readings", () => {
  const counter = (usedMs: number, totalMs?: number, source = "a") => ({
    source,
    usedMs,
    cores: 2,
    ...(totalMs === undefined ? {} : { totalMs }),
  });

  it("give the share of the time that there was", () => {
    expect(cpuShare(counter(100, 1_000), counter(600, 2_000), 500)).toBe(0.5);
    expect(cpuShare(counter(100), counter(1_100), 1_000)).toBe(0.5);
  });

  it("give nothing when they cannot be compared", () => {
    expect(cpuShare(null, counter(1), 1)).toBeNull();
    expect(cpuShare(counter(1), null, 1)).toBeNull();
    expect(cpuShare(counter(1), counter(2, undefined, "b"), 1)).toBeNull();
    expect(cpuShare(counter(2), counter(1), 1)).toBeNull();
    expect(cpuShare(counter(1, 5), counter(2, 5), 1)).toBeNull();
    expect(bytesPerS(1_000, 3_000, 500)).toBe(4_000);
    expect(bytesPerS(null, 1, 1)).toBeNull();
    expect(bytesPerS(1, null, 1)).toBeNull();
    expect(bytesPerS(2, 1, 1)).toBeNull();
    expect(bytesPerS(1, 2, 0)).toBeNull();
  });
});
