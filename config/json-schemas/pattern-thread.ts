import { Worker } from "node:worker_threads";

import { meter } from "./meter.ts";

/** Longest time for a thread to start. Milliseconds. */
const START_MS = 2_000;
/** Heap of the thread, which needs little more than a text and a pattern. Megabytes. */
const MAX_HEAP_MB = 64;

const STARTING = 0;
const IDLE = 1;
const ASKED = 2;
const NO = 3;
const YES = 4;

/** The program of the thread. It is a text because compiled code and tested code are different files. */
const PROGRAM = `
const { workerData, parentPort } = require("node:worker_threads");
const state = new Int32Array(workerData);
const answer = (value) => { Atomics.store(state, 0, value); Atomics.notify(state, 0); };
parentPort.on("message", ({ source, flags, text }) => answer(new RegExp(source, flags).test(text) ? ${YES} : ${NO}));
answer(${IDLE});
`;

interface Running {
  readonly worker: Worker;
  readonly state: Int32Array;
}

/**
 * Tests patterns that may run forever. They run in a thread of their own, which is ended if they do. The caller waits
 * for the answer as long as its check's budget lasts.
 */
export class PatternThread {
  #running: Running | undefined;

  /** Starts the thread in advance. */
  prepare(): void {
    this.#start();
  }

  /** @throws LimitExceeded */
  test(source: string, flags: string, text: string): boolean {
    const { worker, state } = this.#start();
    // The start does not count as the pattern's work.
    Atomics.wait(state, 0, STARTING, START_MS);
    Atomics.store(state, 0, ASKED);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
    worker.postMessage({ source, flags, text });
    const from = performance.now();
    Atomics.wait(state, 0, ASKED, Math.max(0, meter.patternMs));
    const answer = Atomics.load(state, 0);
    if (answer === ASKED) {
      void worker.terminate();
      this.#forget(worker);
      this.prepare();
    }
    meter.spendPatternMs(answer === ASKED ? meter.patternMs : performance.now() - from);
    return answer === YES;
  }

  #start(): Running {
    if (this.#running !== undefined) return this.#running;
    const shared = new SharedArrayBuffer(4);
    const worker = new Worker(PROGRAM, {
      eval: true,
      workerData: shared,
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    worker.unref();
    // It was ended or is out of memory. The next pattern gets another thread.
    worker.once("error", () => this.#forget(worker));
    worker.once("exit", () => this.#forget(worker));
    this.#running = { worker, state: new Int32Array(shared) };
    return this.#running;
  }

  #forget(worker: Worker): void {
    if (this.#running?.worker === worker) this.#running = undefined;
  }
}
