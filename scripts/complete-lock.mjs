// Adds to package-lock.json the optional packages of other platforms that npm left out, which it
// does when the registry it asked does not have them. `npm ci` refuses a lock file with such gaps.
// Run after every change of the dependencies: node scripts/complete-lock.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { root } from "./root.mjs";

const SYSTEMS = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const PROCESSORS = ["arm64", "arm", "ia32", "ppc64", "riscv64", "s390x", "x64"];

/** Where Node would find the package, from the parent's folder upwards. */
function isLocked(packages, parent, name) {
  const folders = parent.split("/node_modules/");
  return [...folders, ""].some((_, up) => {
    const folder = folders.slice(0, folders.length - up).join("/node_modules/");
    return `${folder}${folder === "" ? "" : "/"}node_modules/${name}` in packages;
  });
}

/** The names of such packages say what they are for: `binding-linux-arm64-musl`. */
function entryOf(name, version, parent) {
  const words = name.split("/").at(-1).split("-");
  const os = SYSTEMS.find((one) => words.includes(one));
  const cpu = PROCESSORS.find((one) => words.includes(one));
  if (!/^\d+\.\d+\.\d+$/.test(version) || os === undefined || cpu === undefined) return undefined;
  const abi = words.at(-1);
  const libc = abi.startsWith("musl") ? ["musl"] : ["glibc"];
  return {
    version,
    cpu: [cpu],
    ...(parent.dev === true && { dev: true }),
    ...(os === "linux" && /^(gnu|musl)/.test(abi) && { libc }),
    optional: true,
    os: [os],
  };
}

const path = join(root, "package-lock.json");
const lock = JSON.parse(readFileSync(path, "utf8"));
const added = {};
for (const [folder, parent] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    if (isLocked(lock.packages, folder, name)) continue;
    const entry = entryOf(name, version, parent);
    if (entry === undefined) process.stderr.write(`left out: ${name} ${version}\n`);
    else added[`node_modules/${name}`] = entry;
  }
}
lock.packages = Object.fromEntries(
  Object.entries({ ...lock.packages, ...added }).toSorted(([a], [b]) => a.localeCompare(b, "en")),
);
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
process.stderr.write(`${Object.keys(added).length} packages added\n`);
