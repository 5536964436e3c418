// `npm run bench:NAME`: compiles the bench with the code it measures, as users run it, and runs it.
// Tools that translate TypeScript on the fly wrap functions of ours, and so would measure themselves.
import { cpSync } from "node:fs";
import { join } from "node:path";

import { root } from "./root.mjs";
import { runNode } from "./steps.mjs";

const out = join(root, "node_modules/.cache/tutti/bench");
const [name, ...args] = process.argv.slice(2);

process.exitCode = await runNode(join(root, "node_modules/typescript/bin/tsc"), [
  "-p",
  "tsconfig.bench.json",
]);
if (process.exitCode === 0) {
  cpSync(join(root, "config/catalogue"), join(out, "config/catalogue"), { recursive: true });
  cpSync(join(root, "package.json"), join(out, "package.json"));
  process.exitCode = await runNode(join(out, `bench/${name}.js`), args);
}
