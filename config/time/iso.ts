/** Formats milliseconds since 1970 as ISO 8601 with milliseconds, in UTC. */
export const iso = (ms: number): string => new Date(ms).toISOString();

/** The same for a time that may be unknown. */
export const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));
