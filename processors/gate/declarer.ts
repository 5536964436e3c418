import type { Logger } from "pino";

import { unsettled, type Declaration, type Gate } from "../../queues/index.ts";
import { encodeDeclaration, type Caller } from "../../queues/worker.ts";

/** Says what the catalogue of this process declares, and tells where others say something else. */
export class Declarer {
  readonly #process: Caller & { readonly gate: Gate; readonly log: Logger };
  readonly #declared: () => Declaration;
  /** What was said last. */
  #said: Declaration | undefined;
  /** Disagreements that were told. */
  #told: ReadonlySet<string> = new Set();

  constructor(
    process: Caller & { readonly gate: Gate; readonly log: Logger },
    declared: Declaration | (() => Declaration),
  ) {
    this.#process = process;
    this.#declared = typeof declared === "function" ? declared : () => declared;
  }

  /** Says it, as to a gate that knows nothing of it. */
  async declare(): Promise<void> {
    const { gate } = this.#process;
    const declared = this.#declared();
    if (declared.forget === true) await gate.configure({ forget: true });
    const catalogues = await gate.declare(this.#process, encodeDeclaration(declared));
    this.#said = declared;
    if (catalogues > 1) await this.#tell();
  }

  /** Says it when it is another than before. */
  async declareChanges(): Promise<void> {
    if (this.#declared() !== this.#said) await this.declare();
  }

  async #tell(): Promise<void> {
    const { gate, log, process } = this.#process;
    const told = new Set<string>();
    for (const { of, name, differs, says, sentence } of unsettled(await gate.declarations())) {
      if (!says.some(({ workers }) => workers.includes(process))) continue;
      told.add(sentence);
      if (!this.#told.has(sentence)) log.warn({ [of]: name, differs, says }, sentence);
    }
    this.#told = told;
  }
}
