/** Entries of the audit that are kept. */
export const AUDIT_MAX = 10_000;
