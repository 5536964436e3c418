/** A permit as its process knows it. */
interface Holding {
  readonly tool: string;
  /** When it was asked for, or handed on, by this process' clock; it was given after that. Milliseconds. */
  readonly askedMs: number;
  /** It went from one call to the next without the gate. */
  readonly handed?: true;
}

/**
 * The permits that a process knows of, to compare with those that the gate has in its name. The answer of
 * the gate may get lost on its way while the process lives: then the gate counts a permit that nobody will
 * ever give back.
 */
export class Holdings {
  readonly #known = new Map<string, Holding>();
  /** Permits in this process' name that it did not know when it last compared. */
  #strangers: ReadonlySet<string> = new Set();

  add(permit: string, tool: string, askedMs: number): void {
    this.#known.set(permit, { tool, askedMs });
  }

  /** It stays for another call, from now on. */
  handOn(permit: string, nowMs: number): void {
    const known = this.#known.get(permit);
    if (known !== undefined) this.#known.set(permit, { ...known, askedMs: nowMs, handed: true });
  }

  get(permit: string): Holding | undefined {
    return this.#known.get(permit);
  }

  /** It is about to be given back: from now on it is not known. */
  drop(permit: string): void {
    this.#known.delete(permit);
  }

  /**
   * The permits that were not known before and are not known now. Once is not enough: what was being given
   * back when the gate was asked is there and not known, and gone the next time.
   */
  leaked(inItsName: readonly string[]): readonly string[] {
    const strangers = inItsName.filter((permit) => !this.#known.has(permit));
    const leaked = strangers.filter((permit) => this.#strangers.has(permit));
    this.#strangers = new Set(strangers.filter((permit) => !this.#strangers.has(permit)));
    return leaked;
  }

  /** Whether something has to be looked at again. */
  get doubtful(): boolean {
    return this.#strangers.size > 0;
  }
}
