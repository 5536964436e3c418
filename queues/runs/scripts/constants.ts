/** If whoever admitted a run has not added its jobs after this time, somebody else adds them. Milliseconds. */
export const ADDING_MS = 3_000;

/** Distance between the kinds of runs in the index of runs to look after. Larger than any time in milliseconds. */
export const KIND_SPAN = 10_000_000_000_000;
/**
 * How long the number of a sender's last call is kept. A connection that is away longer finds the run as it stands.
 * Milliseconds.
 */
export const SENT_MS = 60_000;
