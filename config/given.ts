/** A type whose fields may be missing but never undefined. */
type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/**
 * The fields of an object that are not undefined. With `exactOptionalPropertyTypes`, an undefined field differs from a
 * missing one. Forms, hashes and records distinguish them too.
 */
export function given<T extends object>(fields: T): Given<T> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what goes by entries has lost its type
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Given<T>;
}
