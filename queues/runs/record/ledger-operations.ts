/**
 * The operations of the ledger's script (scripts/ledger.lua) as sent: JSON, so an absent field is nil in Lua. Both
 * sides read the fields by these names.
 */
export type LedgerOperation = Begin | Commit | Retry | Park | Undo | Read | Moving | End | Learn;

/** Which start of which step makes the request. */
interface Speaker {
  /** The step, one of its items, or the compensation of either. */
  readonly slot: string;
  readonly start: number;
  readonly epoch: number;
}

interface Begin extends Speaker {
  readonly op: "begin";
  readonly once?: true;
  readonly group?: string;
  /** It needs one of the run's places for calls. */
  readonly calls?: true;
  readonly holder?: string;
  /** Fields of the record to read. */
  readonly fields: readonly string[];
}

export interface Commit extends Speaker {
  readonly op: "commit";
  /** The letter of the outcome. */
  readonly letter: string;
  readonly attempts: number;
  readonly detail?: string;
  readonly output?: string;
  readonly aborts?: readonly AbortEntry[];
  /** Take effect with the third of their kind. */
  readonly systemic?: readonly AbortEntry[];
  readonly call?: EndedCall;
  readonly undoable?: true;
  readonly dead?: true;
  readonly links?: LinksOut;
  /** The run ends with this step. The number is how many runs of a tenant may be at work. */
  readonly ends?: number;
}

interface Retry extends Speaker {
  readonly op: "retry";
  readonly group?: string;
  readonly attempts: number;
  readonly detail: string;
  readonly call?: EndedCall;
  /** It undoes what the run did, so an abort does not stop it. */
  readonly undoes?: true;
}

interface Park extends Speaker {
  readonly op: "park";
  readonly detail: string;
}

interface Undo {
  readonly op: "undo";
  readonly slot: string;
  readonly start: number;
  /** Only if this one holds the step. */
  readonly holder?: string;
}

interface Read {
  readonly op: "read";
  readonly fields: readonly string[];
}

/** Jobs that wait for a step by links: see scripts/parts/links.lua. */
export interface LinksOut {
  /** The key of the step's job. */
  readonly job: string;
  /** How it ended, as BullMQ shows it. */
  readonly told: string;
  readonly to: readonly LinkedJob[];
}

/** A job that a link leads to. */
interface LinkedJob {
  /** The key prefix of its queue. */
  readonly queue: string;
  readonly job: string;
  /** It starts with the first of its dependencies that completes. */
  readonly any?: true;
}

export interface Moving {
  readonly op: "move";
  /** One of BullMQ's scripts, with its keys and arguments. */
  readonly script: Move;
  readonly keys: readonly string[];
  readonly args: readonly unknown[];
  /** Who will call the tool of the job that is taken. Its step begins too, if it is known what the step reads. */
  readonly holder?: string;
  /** Take another job only if this permit may be handed on to it. */
  readonly handed?: HandedPermit;
  /** The deployment's prefix; given with a holder or a permit that is handed on. */
  readonly prefix?: string;
}

/** A permit that passes to the next job of its queue, as long as nobody has begun to wait for what it holds. */
export interface HandedPermit {
  readonly queue: string;
  readonly machine: string;
}

/** What a step reads when it begins. The operation's key is the definition. */
interface Learn {
  readonly op: "learn";
  readonly slot: string;
  /** The part of {@link Begin} that is the same for every run, as JSON. */
  readonly begin: string;
}

/** The end of a step and of its job. Only the step ends if something must be done between them. */
interface End {
  readonly op: "end";
  readonly commit: Commit;
  readonly move: Moving;
}

/** BullMQ's scripts with which a worker takes and ends jobs. */
export type Move = "moveToActive" | "moveToFinished";

export interface AbortEntry {
  readonly field: string;
  /** As JSON. */
  readonly abort: string;
}

export interface EndedCall {
  readonly tool: string;
  readonly ms: number;
  readonly failed?: true;
}
