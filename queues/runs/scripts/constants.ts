/** Jobs that whoever admitted a run has not added after this time are added by somebody else. Milliseconds. */
export const ADDING_MS = 3_000;

/** How far the kinds of runs to look after are from each other in their index: more than any time in milliseconds. */
export const KIND_SPAN = 10_000_000_000_000;
/** For so long it is known which call of a sender came last. A connection that is away longer finds a run as it stands. Milliseconds. */
export const SENT_MS = 60_000;
