import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import * as z from "zod";

const manifestSchema = z.object({ name: z.literal("tutti"), version: z.string() });

/**
 * The nearest package.json above this file that is ours: the same one from the sources and from
 * compiled code, which may lie beside a package.json that only says what kind of modules it holds.
 */
function findPackage(): { readonly root: string; readonly version: string } {
  for (let folder = new URL("../", import.meta.url); ; folder = new URL("../", folder)) {
    const file = new URL("package.json", folder);
    if (existsSync(file)) {
      const manifest = manifestSchema.safeParse(JSON.parse(readFileSync(file, "utf8")));
      if (manifest.success) return { root: fileURLToPath(folder), version: manifest.data.version };
    }
    if (folder.pathname === "/") throw new Error("expected to be part of the package tutti");
  }
}

const found = findPackage();

/** Where this package lies. Ends with a slash. */
export const PACKAGE_ROOT = found.root;

/** Version of this package. */
export const VERSION = found.version;
