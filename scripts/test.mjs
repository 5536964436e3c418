// `npm test`: everything that has to hold before a change is merged, also in a fresh clone.
import { setup } from "./setup.mjs";
import { runNpm } from "./steps.mjs";

await setup();
process.exitCode = await runNpm(["run", "--silent", "check"]);
