/** Exit codes. Scripts depend on them. */
export const EXIT = {
  completed: 0,
  /** Any other end of a run, and errors of Tutti itself. */
  failed: 1,
  /** Wrong use, invalid input, something that does not exist. */
  refused: 2,
  /** Redis or the service cannot be reached. */
  unreachable: 3,
  interrupted: 130,
} as const;
