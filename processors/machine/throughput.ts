/** Interfaces whose bytes pass through another one too, or never leave the machine. */
const VIRTUAL = /^(?:lo|veth|docker|br-|virbr|cni|flannel|cali|ifb|dummy|tun|tap)/;
/** Devices that live in memory, or on others that are counted themselves. */
const LAYERED = /^(?:loop|ram|zram|dm-|md|sr|fd)\d/;
const SECTOR_BYTES = 512;

/** Bytes over all real interfaces since the start, by direction, from `/proc/net/dev`. */
export function parseNetDev(text: string): { received: number; sent: number } | null {
  const lines = [...text.matchAll(/^ *([^\s:]+): *(\d+(?: +\d+){15})\s*$/gm)];
  if (lines.length === 0) return null;
  let [received, sent] = [0, 0];
  for (const [, name = "", numbers = ""] of lines) {
    if (VIRTUAL.test(name)) continue;
    const counts = numbers.split(/ +/).map(Number);
    received += counts[0] ?? 0;
    sent += counts[8] ?? 0;
  }
  return { received, sent };
}

/** Bytes read and written on all disks since the start, from `/proc/diskstats`. */
export function parseDiskstats(text: string): number | null {
  const lines = [...text.matchAll(/^ *\d+ +\d+ (\S+) (\d+(?: \d+){10,})\s*$/gm)];
  if (lines.length === 0) return null;
  const names = lines.map(([, name = ""]) => name);
  let sectors = 0;
  for (const [, name = "", numbers = ""] of lines) {
    if (LAYERED.test(name) || names.some((disk) => isPartOf(name, disk))) continue;
    const counts = numbers.split(" ").map(Number);
    sectors += (counts[2] ?? 0) + (counts[6] ?? 0);
  }
  return sectors * SECTOR_BYTES;
}

/** `sda1` is part of `sda`; of a disk whose name ends in a digit the parts are named `nvme0n1p1`. */
function isPartOf(name: string, disk: string): boolean {
  if (name === disk || !name.startsWith(disk)) return false;
  const rest = name.slice(disk.length);
  return /\d$/.test(disk) ? /^p\d+$/.test(rest) : /^\d+$/.test(rest);
}

/** Bytes per second between two counts; null when one is missing or a counter began anew. */
export function bytesPerS(
  before: number | null,
  after: number | null,
  windowMs: number,
): number | null {
  if (before === null || after === null || after < before || !(windowMs > 0)) return null;
  return ((after - before) * 1_000) / windowMs;
}
