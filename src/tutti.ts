import type { Queue } from "bullmq";
import type { Redis } from "ioredis";

import {
  DEFAULT_PREFIX,
  loadCatalogue,
  MAX_RUNNING_RUNS,
  type Json,
  type ToolRegistry,
} from "../config/index.ts";
import {
  Backpressure,
  DeadLetters,
  openImpatient,
  openPatient,
  RunEvents,
  type DutyView,
  type Submitted,
  type WorkerInfo,
} from "../queues/client.ts";
import {
  CONTROL_QUEUES,
  Creations,
  Durability,
  DutyStates,
  FlowTemplates,
  Keys,
  type RunState,
} from "../queues/index.ts";
import { deadlinesOf, type Deadlines } from "./deadlines.ts";
import type { GateDoor } from "./gate/limits/door.ts";
import { openGate, type GateDoors } from "./gate/open.ts";
import type { WhyQuestion } from "./gate/why/answer.ts";
import type { Why } from "./gate/why/why.ts";
import type { OptimizerDoor } from "./optimizer/service/door.ts";
import { openOptimizer } from "./optimizer/service/open.ts";
import type { RunAnalysis } from "./runs/analysis/analyze.ts";
import {
  openControl,
  type Decision,
  type Resumed,
  type RunControl,
} from "./runs/control/control.ts";
import type { ByForm, DecisionForm, PauseForm, ResumeForm } from "./runs/control/forms.ts";
import { type StartOptions, type SubmitOptions } from "./runs/control/run-options.ts";
import { RunStarter } from "./runs/control/run-starter.ts";
import { openDeadLetters, type DeadLetterDoor } from "./runs/dead-letters/dead-letters.ts";
import { openReader, RunReader } from "./runs/run-reader.ts";
import type { RunSummary, RunView } from "./runs/view/run-view.ts";
import type { RunEvent } from "./runs/view/watch.ts";
import { untilItEnds, watchRun } from "./runs/watching.ts";
import { openDoors } from "./starting/doors.ts";
import { neededTools } from "./starting/needed-tools.ts";
import type { ScheduleDoor } from "./starting/schedules.ts";
import type { EventDoor, TriggerDoor } from "./starting/triggers.ts";
import type { Workflows } from "./starting/workflows.ts";
import { openStores, type Stores } from "./stores.ts";
import type { TuttiOptions } from "./tutti-options.ts";
import type { Plan } from "./workflow/plan/plan.ts";
import { treeOf } from "./workflow/plan/tree.ts";
import { prepare } from "./workflow/prepare.ts";

/** What is written to see whether Redis takes it is gone after this time. Milliseconds. */
const PROBE_MS = 10_000;
/** Lanes that Bull Board shows; each costs it calls. */
const MAX_SHOWN_LANES = 100;

/**
 * The client of other services: submits workflows and follows their runs. It starts no worker.
 *
 * ```ts
 * const tutti = new Tutti({ redisUrl: "redis://127.0.0.1:6379" });
 * const { runId } = await tutti.submit(document, { input: { path: "." } });
 * const run = await tutti.result(runId);
 * ```
 */
export class Tutti implements AsyncDisposable {
  /** The tools that workflows are checked against. */
  readonly registry: ToolRegistry;
  /** Workflows that can be started by their id. */
  readonly workflows: Workflows;
  /** Workflows that start at planned times. */
  readonly schedules: ScheduleDoor;
  /** Workflows that start when an event is emitted. */
  readonly triggers: TriggerDoor;
  /** What happened outside. */
  readonly events: EventDoor;
  /** Steps that failed after their last attempt. */
  readonly deadLetters: DeadLetterDoor;
  /** What decides which calls start. */
  readonly gate: GateDoor;
  /** What the scheduled optimizer sees. */
  readonly optimizer: OptimizerDoor;
  readonly #why: GateDoors["why"];
  readonly #control: RunControl;
  readonly #deadlines: Deadlines;
  readonly #starter: RunStarter;
  readonly #stores: Stores;
  readonly #durability: Durability;
  readonly #subscriber: Redis;
  readonly #reader: RunReader;
  readonly #events: RunEvents;

  constructor(options: TuttiOptions) {
    this.registry = options.registry ?? loadCatalogue();
    // What is wrong with the options is told before a connection is there that nobody would close.
    const keys = new Keys(options.prefix ?? DEFAULT_PREFIX);
    const redis = openImpatient(options.redisUrl);
    const stores = openStores(redis, keys);
    const { runs, values, items, queues, samples } = stores;
    this.#stores = stores;
    this.#durability = new Durability(redis, options.redisUrl, keys.kept, options);
    this.#subscriber = openPatient(options.redisUrl);
    const deadlines = deadlinesOf(redis, this.#durability, options.redisDeadlineMs);
    this.#deadlines = deadlines;
    this.#reader = openReader(new RunReader(runs, values, queues, samples), deadlines);
    this.#events = new RunEvents(this.#subscriber, keys);
    const parts = {
      ...stores,
      creations: new Creations(redis, keys, new FlowTemplates(stores.flows, treeOf)),
      treeOf,
      maxRunning: options.maxRunning ?? MAX_RUNNING_RUNS,
    };
    const doors = openDoors(stores, parts, this.registry, deadlines);
    this.workflows = doors.workflows;
    this.schedules = doors.schedules;
    this.triggers = doors.triggers;
    this.events = doors.events;
    const { gate, why } = openGate(stores, this.registry, deadlines);
    this.gate = gate;
    this.#why = why;
    this.optimizer = openOptimizer(stores, this.registry, deadlines);
    this.#starter = new RunStarter(parts, new Backpressure(queues, this.registry), deadlines);
    this.#control = openControl(parts, this.registry, deadlines);
    const letters = new DeadLetters(redis, keys);
    this.deadLetters = openDeadLetters({ run: parts, values, items, letters }, deadlines);
  }

  /**
   * Validates a workflow and puts it in order, without Redis. A plan can be submitted any number of times.
   *
   * @throws ValidationError with every problem.
   */
  prepare(document: string | object, options: { readonly file?: string } = {}): Plan {
    return prepare(document, this.registry, options);
  }

  /**
   * Submits a workflow: its text, its object or a prepared plan. Returns as soon as the run is recorded
   * and its jobs are added; once it is recorded it is accepted, and a worker adds jobs that could not be.
   *
   * @throws ValidationError when the document or the input is wrong; nothing is enqueued then.
   * @throws TuttiError `run_conflict` when the run id is taken by another workflow or input,
   * `payload_too_large`, `queue_full` when a tool of it has a full queue, `redis_unavailable` after 5 s.
   */
  async submit(workflow: string | object | Plan, options: SubmitOptions = {}): Promise<Submitted> {
    const plan = isPlan(workflow) ? workflow : this.prepare(workflow, options);
    return this.#starter.submit(plan, options);
  }

  /**
   * Starts a registered workflow. The run keeps the version it started with, and a repeated start is the
   * same run whatever version is current by then.
   *
   * @throws TuttiError `workflow_not_found`, `run_conflict` when the run id or key was used for another
   * workflow, version or input, `payload_too_large`, `queue_full`, `redis_unavailable`.
   * @throws ValidationError `input_invalid` with every problem of the input.
   */
  async start(
    workflowId: string,
    options: StartOptions = {},
  ): Promise<Submitted & { readonly hash: string }> {
    return this.#starter.start(workflowId, options);
  }

  /**
   * A run as it stands now. Outputs of steps are left out unless asked for.
   *
   * @throws TuttiError `run_not_found`.
   */
  async get(runId: string, options: { readonly outputs?: boolean } = {}): Promise<RunView> {
    return this.#reader.view(runId, options.outputs ?? false);
  }

  /**
   * Where the time of a run went: its critical path, waiting and running by step, and what would have made it shorter.
   *
   * @throws TuttiError `run_not_found`.
   */
  async analyze(runId: string): Promise<RunAnalysis> {
    return this.#reader.analysis(runId);
  }

  /** Runs, the newest first. Default limit: 50. */
  async list(
    options: { readonly limit?: number; readonly state?: RunState | undefined } = {},
  ): Promise<RunSummary[]> {
    const { limit = 50, state } = options;
    return this.#reader.list(limit, state);
  }

  /** What happens to a run, as it happens: a snapshot first, then every transition, until the run has ended. */
  watch(runId: string, options: { readonly signal?: AbortSignal } = {}): AsyncIterable<RunEvent> {
    return watchRun(this.#events, this.#reader, runId, options.signal);
  }

  /**
   * Waits for the end of a run.
   *
   * @throws TuttiError `timed_out` after `timeoutMs` (the run goes on), `run_not_found`.
   */
  async result(
    runId: string,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<RunView> {
    const watch = (signal: AbortSignal | undefined) =>
      watchRun(this.#events, this.#reader, runId, signal);
    await untilItEnds(watch, runId, options);
    return this.get(runId, { outputs: true });
  }

  /**
   * Stops a run. Returns its state now: `cancelling` while steps are still running somewhere.
   *
   * @throws TuttiError `run_not_found`.
   */
  cancel(
    runId: string,
    options: { readonly reason?: string | undefined } = {},
  ): Promise<{ state: RunState }> {
    return this.#control.cancel(runId, options.reason ?? "cancelled");
  }

  /**
   * Holds a run: no step of it begins any more, those that run go on, its time stands still and another
   * run gets its place. Harmless when it is held already.
   *
   * @throws TuttiError `run_not_found`, `state_conflict` when it has ended or is being stopped or undone.
   */
  pause(runId: string, options: PauseForm = {}): Promise<{ state: RunState }> {
    return this.#control.pause(runId, options);
  }

  /**
   * Lets a run go on: a paused one from where it stands, one that has ended from what failed. Then all
   * failed and cancelled steps run again, or those of `steps`, or those of `from` in whatever state, and
   * always all that depends on them; every other result is kept.
   *
   * @throws TuttiError `run_not_found`, `resume_refused` when it is at work, or was resumed by somebody
   * else meanwhile, or has nothing of the kind.
   * @throws ValidationError `request_invalid`, `input_invalid` with every problem of the options.
   */
  resume(runId: string, options: ResumeForm = {}): Promise<Resumed> {
    return this.#control.resume(runId, options);
  }

  /**
   * Approves a step that waits for it, or will: an early decision is kept. The first decision stands.
   *
   * @throws TuttiError `run_not_found`, `unknown_step`, `request_invalid` when the step waits for
   * something else, `decision_late` when it has ended or was rejected before, `payload_too_large`.
   */
  approve(runId: string, stepId: string, options: DecisionForm = {}): Promise<Decision> {
    return this.#control.decide(runId, stepId, "approved", options);
  }

  /** Rejects a step that waits for approval: it fails as `approval_rejected`. See {@link Tutti.approve}. */
  reject(runId: string, stepId: string, options: DecisionForm = {}): Promise<Decision> {
    return this.#control.decide(runId, stepId, "rejected", options);
  }

  /**
   * Hands an event to the steps of one run that wait for it, or will; `data` becomes their output. The
   * first one stands.
   *
   * @throws TuttiError `run_not_found`, `request_invalid` when no step of the run waits for this event,
   * `decision_late` when all that do have ended, `payload_too_large`.
   */
  signal(
    runId: string,
    event: string,
    data: Json = null,
    options: ByForm = {},
  ): Promise<{ steps: readonly string[] }> {
    return this.#control.signal(runId, event, data, options);
  }

  /**
   * Makes a run more or less urgent, from 1 to 10: its place among the runs that wait for their turn and
   * that of every step that has not begun. 10 is the most urgent.
   *
   * @throws TuttiError `run_not_found`, `request_invalid`.
   */
  setPriority(runId: string, priority: number): Promise<{ state: RunState; priority: number }> {
    return this.#control.setPriority(runId, priority);
  }

  /**
   * Why a run, a step (or an item as `<id>[i]`) or the next call of a tool does not start: the reasons, who
   * holds what is missing, until when, and all of it as one sentence. Asked of what decides; nothing of it
   * is stored.
   *
   * @throws TuttiError `run_not_found`, `unknown_step`, `tool_not_found`.
   */
  why(question: WhyQuestion): Promise<Why> {
    return this.#why(question);
  }

  /**
   * Ids of the tools that a run may call: those of its steps, what answers in their place, what undoes them, and
   * those of the registered workflows that it starts.
   *
   * @throws TuttiError `run_not_found`.
   */
  async toolsOf(runId: string): Promise<string[]> {
    const needed = async () =>
      neededTools(await this.#reader.definition(runId), this.#stores.registry);
    return this.#deadlines.soon(needed());
  }

  /** Worker processes that are alive. */
  async workers(): Promise<WorkerInfo[]> {
    return this.#deadlines.soon(this.#stores.presence.alive());
  }

  /**
   * Whether Redis answers, takes what is written and keeps it as `durability` says.
   *
   * @throws TuttiError `redis_unavailable`, with what it lacks.
   */
  async ping(): Promise<void> {
    await this.#deadlines.kept(() =>
      this.#stores.redis.set(this.#stores.keys.probe, "1", "PX", PROBE_MS),
    );
  }

  /** The background duties of the workers: how each went last, and how late it is. */
  async duties(): Promise<DutyView[]> {
    return this.#deadlines.soon(new DutyStates(this.#stores.redis, this.#stores.keys).all());
  }

  /** The queues of all tools and of the control jobs, for Bull Board. */
  get queues(): readonly Queue[] {
    return [...Object.values(CONTROL_QUEUES), ...this.registry.ids()].map((name) =>
      this.#stores.queues.get(name),
    );
  }

  /** The same, and the lanes of tools with limits per key that were used last, 100 at most. */
  async shownQueues(): Promise<readonly Queue[]> {
    const lanes = await this.#deadlines.soon(this.#stores.queues.lanes.all(MAX_SHOWN_LANES));
    return [...this.queues, ...lanes.map((lane) => this.#stores.queues.get(lane))];
  }

  async close(): Promise<void> {
    this.#durability.close();
    await this.#stores.flows.close();
    await this.#stores.queues.close();
    this.#stores.redis.disconnect();
    this.#subscriber.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function isPlan(workflow: string | object | Plan): workflow is Plan {
  return typeof workflow === "object" && "layout" in workflow && "definition" in workflow;
}
