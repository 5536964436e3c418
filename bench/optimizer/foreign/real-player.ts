// A foreign course on the real stack, in a process of its own. argv: its orders as JSON; says what became of it.
import { setTimeout as pause } from "node:timers/promises";

import { seeded } from "../../../src/optimizer/simulation/random.ts";
import { deploy } from "../world/deployment.ts";
import { Stage } from "../world/stage.ts";
import { chain, workTool } from "../world/workload.ts";
import type { RealOrders } from "./real.ts";
import { stagesOf, type Played, type Span } from "./service.ts";

/** How often the cap is looked at, and runs are started. Milliseconds. */
const LOOK_MS = 1_000;
/** How many times as many runs are there as calls that may run at once and end until then: the queue is never empty. */
const AHEAD = 3;

async function play({ redisUrl, course, learning }: RealOrders): Promise<Played> {
  const { declaredLimit, seed, phases } = course;
  const ask = workTool("ask", [0, 0, 0, 0], phases[0]!.baseMs / 1_000, true);
  const beganAt = new Map<object, number>();
  const firstBegunS: (number | null)[] = phases.map(() => null);
  const lastLeftS: (number | null)[] = phases.map(() => null);
  let [phase, ended, phaseMs] = [0, 0, 0];
  const startMs = performance.now();
  const nowS = (): number => (performance.now() - startMs) / 1_000;
  const isOldLeft = (): boolean => [...beganAt.values()].some((atMs) => atMs < phaseMs);
  const stage = await Stage.open({
    tools: [ask],
    machines: 1,
    random: seeded(seed),
    concurrency: new Map([[0, declaredLimit]]),
    onCalled: () => {
      const call = {};
      beganAt.set(call, performance.now());
      firstBegunS[phase] ??= nowS();
      return () => {
        beganAt.delete(call);
        ended++;
        if (!isOldLeft()) lastLeftS[phase] ??= nowS();
      };
    },
  });
  const tutti = await deploy(stage, redisUrl, `{foreign-${seed}-${learning}}`, 1, [chain("w", 0)], {
    learning,
    optimizer: false,
  });
  const spans: Span[] = [];
  let started = 0;
  const starts: Promise<unknown>[] = [];
  const stages = stagesOf(phases);
  const endS = phases.reduce((sum, { seconds }) => sum + seconds, 0);
  const offsetS = nowS();
  const atS = (): number => nowS() - offsetS;
  for (let at = -1; atS() < endS;) {
    const next = stages.findLastIndex(({ fromS }) => fromS <= atS());
    if (next !== at) {
      at = next;
      const { capacity, phase: now } = stages[at]!;
      if (now !== phase) {
        phase = now;
        phaseMs = performance.now();
        if (beganAt.size === 0) lastLeftS[phase] = nowS();
      }
      const { exponent, baseMs, jitter } = phases[now]!;
      stage.times.set(ask.id, { seconds: baseMs / 1_000, spread: jitter });
      stage.machines.setKnee(ask.id, capacity, exponent);
    }
    const { baseMs: callMs } = phases[phase]!;
    const ahead = AHEAD * declaredLimit * (1 + LOOK_MS / callMs);
    for (; started - ended < ahead; started++) starts.push(tutti.start("w"));
    const [fromS, before] = [atS(), ended];
    const { tools } = await tutti.gate.show();
    await pause(LOOK_MS);
    spans.push({
      fromS,
      toS: atS(),
      capacity: stages[at]!.capacity,
      phase,
      cap: Math.min(declaredLimit, tools[0]?.knee ?? declaredLimit),
      done: ended - before,
    });
  }
  const shifted = (times: readonly (number | null)[]): (number | null)[] =>
    times.map((one) => (one === null ? null : Math.max(0, one - offsetS)));
  return { spans, firstBegunS: shifted(firstBegunS), lastLeftS: shifted(lastLeftS) };
}

const played = await play(JSON.parse(process.argv[2]!) as RealOrders);
process.send!(played, () => process.exit(0));
