/** A type whose fields may be left out, and are never undefined. */
type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/**
 * The fields of an object that are not undefined. With `exactOptionalPropertyTypes` a field that is undefined and one that
 * is not there are two things, and forms, hashes and records tell them apart as well.
 */
export function given<T extends object>(fields: T): Given<T> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what goes by entries has lost its type
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Given<T>;
}
