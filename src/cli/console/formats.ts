/** How data is printed. `text` is for people and may change. */
export const FORMATS = ["text", "json", "yaml"] as const;
export type Format = (typeof FORMATS)[number];
