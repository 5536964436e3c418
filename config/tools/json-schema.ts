import { z } from "zod";

/** A JSON Schema (2020-12), kept as the plain object it was written as. */
export const jsonSchema = z.record(z.string(), z.unknown());

export type JsonSchema = z.output<typeof jsonSchema>;
