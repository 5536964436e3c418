/** A time as people and programs read it: ISO 8601 with milliseconds, in UTC. Milliseconds since 1970. */
export const iso = (ms: number): string => new Date(ms).toISOString();

/** The same of a time that may not be known. */
export const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));
