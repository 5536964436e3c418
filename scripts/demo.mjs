// `npm run demo`: from a fresh clone to a finished run. Arguments go to `tutti demo`.
import { setup } from "./setup.mjs";
import { runNode, say, seconds } from "./steps.mjs";

const started = performance.now();
await setup();
const ready = performance.now();
process.exitCode = await runNode("dist/src/cli/main.js", ["demo", ...process.argv.slice(2)]);
say(`${seconds(started)} in all, ${seconds(ready)} of it after install and build`);
