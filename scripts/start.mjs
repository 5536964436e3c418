// `npm start`: API and workers in one process. Arguments go to `tutti serve`.
import { setup } from "./setup.mjs";
import { runNode } from "./steps.mjs";

await setup();
process.exitCode = await runNode("dist/src/cli/main.js", ["serve", ...process.argv.slice(2)]);
