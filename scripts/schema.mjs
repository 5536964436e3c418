// Writes schema/workflow.json and schema/catalogue.json, which editors read, from the zod schemas that check documents.
// usage: npm run schema
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { catalogueJsonSchema } from "../config/index.ts";
import { workflowJsonSchema } from "../src/workflow/document/schema.ts";
import { root } from "./root.mjs";

mkdirSync(join(root, "schema"), { recursive: true });
for (const [name, schema] of Object.entries({
  workflow: workflowJsonSchema(),
  catalogue: catalogueJsonSchema(),
}))
  writeFileSync(join(root, `schema/${name}.json`), `${JSON.stringify(schema, null, 2)}\n`);
