import { configureGlobal } from "fast-check";

/** The cases of all tests that make them at random. */
export const SEED = Number(process.env["TEST_SEED"] ?? 20_261_121);

/**
 * The same cases in every run, so that a change is judged by what it changes. `TEST_SEED` looks
 * elsewhere; a failure prints its seed.
 */
configureGlobal({ seed: SEED });
