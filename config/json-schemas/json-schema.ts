import * as z from "zod";

/** A JSON Schema (draft-07, 2019-09 or 2020-12), kept as the plain object that was written. */
export const jsonSchema = z.record(z.string(), z.unknown());

export type JsonSchema = z.output<typeof jsonSchema>;
