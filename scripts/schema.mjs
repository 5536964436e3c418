// Writes schema/workflow.json, which editors read, from the zod schema that checks documents.
// usage: npm run schema
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { workflowJsonSchema } from "../src/workflow/document/schema.ts";
import { root } from "./root.mjs";

mkdirSync(join(root, "schema"), { recursive: true });
writeFileSync(
  join(root, "schema/workflow.json"),
  `${JSON.stringify(workflowJsonSchema(), null, 2)}\n`,
);
