/** Something wrong with a script, where it stands. */
export interface Problem {
  /** Path from the project's root. */
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** `file:line: message`, which editors and terminals make a link of. */
export const told = ({ file, line, message }: Problem): string => `${file}:${line}: ${message}`;
