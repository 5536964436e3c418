/**
 * What the ledger's script (scripts/ledger.lua) is asked for, as it travels: JSON, so that what is not said is left out
 * and is nil in Lua. Both sides read fields by these names.
 */
export type LedgerOperation = Begin | Commit | Retry | Park | Undo | Read | Moving | End | Learn;

/** Which start of which step speaks. */
interface Speaker {
  /** The step, or an item of it, or what undoes it. */
  readonly slot: string;
  readonly start: number;
  readonly epoch: number;
}

interface Begin extends Speaker {
  readonly op: "begin";
  readonly once?: true;
  readonly group?: string;
  /** It takes one of the run's places. */
  readonly calls?: true;
  readonly holder?: string;
  /** Fields of the record to read. */
  readonly fields: readonly string[];
}

export interface Commit extends Speaker {
  readonly op: "commit";
  /** Of the outcome. */
  readonly letter: string;
  readonly attempts: number;
  readonly detail?: string;
  readonly output?: string;
  readonly aborts?: readonly AbortEntry[];
  /** Take hold with the third of their kind. */
  readonly systemic?: readonly AbortEntry[];
  readonly call?: EndedCall;
  readonly undoable?: true;
  readonly dead?: true;
  readonly links?: LinksOut;
  /** The run ends with the step; so many of a tenant may be at work. */
  readonly ends?: number;
}

interface Retry extends Speaker {
  readonly op: "retry";
  readonly group?: string;
  readonly attempts: number;
  readonly detail: string;
  readonly call?: EndedCall;
  /** It undoes what the run did: an abort does not stop it. */
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
  /** Only when it is this one's. */
  readonly holder?: string;
}

interface Read {
  readonly op: "read";
  readonly fields: readonly string[];
}

/** Who waits for a step by links: see scripts/parts/links.lua. */
export interface LinksOut {
  /** The key of the step's job. */
  readonly job: string;
  /** What BullMQ shows of how it ended. */
  readonly told: string;
  readonly to: readonly LinkedJob[];
}

/** A job that a link leads to. */
interface LinkedJob {
  /** How the keys of its queue begin. */
  readonly queue: string;
  readonly job: string;
  /** It starts with the first of its dependencies that completes. */
  readonly any?: true;
}

export interface Moving {
  readonly op: "move";
  /** One of BullMQ's scripts, with what it takes. */
  readonly script: Move;
  readonly keys: readonly string[];
  readonly args: readonly unknown[];
  /** Who will call the tool of the job that is taken: its step begins, if it is known what that reads. */
  readonly holder?: string;
  /** Another job is taken only if this permit may be handed on to it. */
  readonly handed?: HandedPermit;
  /** Of the deployment, with a holder or a permit that is handed on. */
  readonly prefix?: string;
}

/** A permit that stays for the next job of its queue, as long as nobody has begun to wait for what it holds. */
export interface HandedPermit {
  readonly queue: string;
  readonly machine: string;
}

/** What a step reads when it begins; its key is the definition. */
interface Learn {
  readonly op: "learn";
  readonly slot: string;
  /** As JSON: what {@link Begin} says that is the same for every run. */
  readonly begin: string;
}

/** The end of a step and of its job; only the first where something else has to be done between them. */
interface End {
  readonly op: "end";
  readonly commit: Commit;
  readonly move: Moving;
}

/** BullMQ's scripts by which a worker takes a job and ends it. */
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
