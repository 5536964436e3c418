import { toolOfQueue, type Gate } from "../../queues/index.ts";
import { closedMessage, isLane, TroubleNames, type OpenTools } from "../../queues/worker.ts";

/**
 * What a process knows without asking: which tools take nothing and are in no trouble. Their jobs pass
 * without a call to the gate. Kept up to date by messages; read anew after the connection was away.
 */
export class Openness {
  readonly #gate: Gate;
  #open: OpenTools = { tools: new Map(), troubles: new TroubleNames(), level: 0 };
  /** What was heard since the reading began that is underway. */
  #late: string[] | undefined;
  /** Tools whose last call failed: their next success is worth telling. */
  readonly #watched = new Set<string>();

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  isOpen(queue: string): boolean {
    const { tools, troubles, level } = this.#open;
    const tool = toolOfQueue(queue);
    const limits = tools.get(tool);
    return (
      limits !== undefined &&
      // Its lanes have limits of their own.
      !(limits.perKey !== undefined && isLane(queue)) &&
      limits.importance <= 2 - level &&
      !troubles.concern(tool, limits.upstream)
    );
  }

  /**
   * The service behind a tool has just asked to be left alone. The gate will say so to everybody, but the job that
   * goes back to its queue meanwhile must not be taken again before that is heard.
   */
  close(tool: string): void {
    this.hear(closedMessage(this.#open.tools.get(tool)?.upstream ?? tool), () => {});
  }

  isWatched(tool: string): boolean {
    return this.#watched.has(tool);
  }

  watch(tool: string, failed: boolean): void {
    if (failed) this.#watched.add(tool);
    else this.#watched.delete(tool);
  }

  /** What the gate tells everybody; `refresh`: something else than a trouble has changed. */
  hear(message: string, refresh: () => void): void {
    this.#late?.push(message);
    if (!this.#open.troubles.hear(message)) refresh();
  }

  async read(): Promise<void> {
    const late: string[] = [];
    this.#late = late;
    const open = await this.#gate.openTools();
    // Messages and answers come over two connections: an answer may be older than what was heard before it.
    for (const message of late) open.troubles.hear(message);
    this.#open = open;
    if (this.#late === late) this.#late = undefined;
  }
}
