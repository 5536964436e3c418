/** A table of the docs that is made from the code. */
export interface Table {
  readonly file: string;
  /** Of the markers it stands between. */
  readonly name: string;
  readonly text: string;
}
export const TABLES: readonly Table[];
export function put(text: string, table: Table): string;
