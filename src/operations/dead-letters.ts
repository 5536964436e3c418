import * as z from "zod";

import { pageForm, pauseForm, replayAllForm, tenantForm } from "../runs/control/forms.ts";
import type { Replayed } from "../runs/dead-letters/letters.ts";
import { countOrNone, wrongUse } from "./command/values.ts";
import { flag, otherwise, parsed, word, whole, type Given } from "./command/words.ts";
import { limitUpTo, runId, stepId } from "./fields.ts";
import { callOf, command, operation } from "./operation.ts";
import { table } from "./text/table.ts";

const LETTER_ERRORS = ["run_not_found", "dead_letter_not_found"] as const;

const tenant = word("--tenant <name>", "only those of this tenant");
const step = "its id; <id>[i] for an item of a forEach";

const list = operation({
  name: "dead_letters.list",
  summary: "List steps that failed after their last attempt, newest first.",
  scope: "read",
  input: pageForm.extend({
    limit: limitUpTo(1_000).optional().describe("How many at most. Default: 50."),
    offset: z.coerce
      .number()
      .int()
      .min(0)
      .optional()
      .describe("How many to leave out. Default: 0."),
  }),
  run: ({ tutti }, page) => tutti.deadLetters.list(page),
  http: { method: "get", path: "/v1/dead-letters" },
  command: {
    words: "dead-letters list",
    given: {
      limit: otherwise(whole("--limit <count>", "how many to show"), 20),
      offset: otherwise(parsed("--offset <count>", "how many to leave out", countOrNone), 0),
      tenant,
    },
    input: (given) => given,
  },
  printed: {
    text({ letters, total }) {
      const rows = letters.map((one) => [
        one.runId,
        one.step,
        one.workflowId,
        one.failedAt,
        String(one.attempts),
        one.error === null ? "" : `${one.error.code}: ${one.error.message}`,
      ]);
      const head = ["RUN", "STEP", "WORKFLOW", "FAILED", "ATTEMPTS", "WHY"];
      return `${table(head, rows)}\n${rows.length} of ${total}`;
    },
  },
});

const groups = operation({
  name: "dead_letters.groups",
  summary: "Show what is alike among the newest thousand of them, the largest group first.",
  scope: "read",
  input: tenantForm,
  run: ({ tutti }, of) => tutti.deadLetters.groups(of),
  http: { method: "get", path: "/v1/dead-letters/groups", bodyOf: (found) => ({ groups: found }) },
  command: { words: "dead-letters groups", given: { tenant }, input: (given) => given },
  printed: {
    text: (found) =>
      table(
        ["COUNT", "RUNS", "TOOL", "LAST", "EXAMPLE", "WHY"],
        found.map(({ count, runs, tool, lastAt, code, message, example }) => [
          String(count),
          String(runs),
          tool,
          lastAt,
          `${example.runId} ${example.step}`,
          `${code}: ${message}`,
        ]),
      ),
  },
});

const show = operation({
  name: "dead_letters.get",
  summary: "Show one of them with its input.",
  scope: "read",
  errors: LETTER_ERRORS,
  input: z.strictObject({ id: runId, step: stepId }),
  run: ({ tutti }, { id, step: of }) => tutti.deadLetters.show(id, of),
  http: { method: "get", path: "/v1/dead-letters/:id/:step" },
  command: {
    words: "dead-letters show",
    given: { id: word("<run-id>"), step: word("<step>", step) },
    input: (given) => given,
  },
});

const replayAll = operation({
  name: "dead_letters.replay_all",
  summary: "Do all of them again that are there now, each run once.",
  scope: "steer",
  input: replayAllForm,
  run: ({ tutti }, whose) => tutti.deadLetters.replayAll(whose),
  http: {
    method: "post",
    path: "/v1/dead-letters/replay",
    status: 202,
    bodyOf: (replayed) => ({ replayed }),
  },
  printed: {
    text: (replayed) => replayed.map(replayedText).join("\n"),
    hasFailed: (replayed) => replayed.some((run) => run.refused !== undefined),
  },
});

const replay = operation({
  name: "dead_letters.replay",
  summary: "Do one of them again, with all that depends on it.",
  scope: "steer",
  errors: [...LETTER_ERRORS, "resume_refused"],
  input: pauseForm.extend({ id: runId, step: stepId }),
  run: ({ tutti }, { id, step: of, ...by }) => tutti.deadLetters.replay(id, of, by),
  http: { method: "post", path: "/v1/dead-letters/:id/:step/replay", status: 202 },
  printed: { data: (replayed) => [replayed], text: replayedText },
});

const discardAll = operation({
  name: "dead_letters.discard_all",
  summary: "Forget all of them that are there now; their runs stay.",
  scope: "steer",
  input: tenantForm,
  run: ({ tutti }, of) => tutti.deadLetters.discardAll(of),
  http: { method: "delete", path: "/v1/dead-letters" },
  printed: { text: ({ discarded }) => `${discarded} discarded` },
});

const discard = operation({
  name: "dead_letters.discard",
  summary: "Forget one of them; its run stays.",
  scope: "steer",
  errors: LETTER_ERRORS,
  input: z.strictObject({ id: runId, step: stepId }),
  async run({ tutti }, { id, step: of }) {
    await tutti.deadLetters.discard(id, of);
    return { runId: id, step: of, discarded: true };
  },
  http: { method: "delete", path: "/v1/dead-letters/:id/:step" },
  printed: { data: () => ({ discarded: 1 }), text: () => "1 discarded" },
});

export const deadLetterOperations = [list, groups, show, replayAll, replay, discardAll, discard];

const oneOrAll = {
  id: word("[run-id]"),
  step: word("[step]", step),
  all: flag("--all", "all that are there now, instead of one"),
  tenant: word("--tenant <name>", "with --all: only those of this tenant"),
};

/** What a command is about; null when it is all of them. */
function oneOf({ id, step: of, all, tenant: whose }: Given<typeof oneOrAll>) {
  if (all === true && id === undefined) return null;
  if (all === true) throw wrongUse("expected a run and a step, or --all, got: both");
  if (id === undefined || of === undefined) throw wrongUse("expected a run and a step, or --all");
  if (whose !== undefined) throw wrongUse("expected --tenant only beside --all");
  return { id, step: of };
}

export const deadLetterCommands = [
  command({
    words: "dead-letters replay",
    summary: "Do one again with all that depends on it, or all of them; each run once.",
    help: "Exit code 1 when some are refused, because their run is still open.",
    given: oneOrAll,
    operations: [replay, replayAll],
    call(given, { actor }) {
      const one = oneOf(given);
      return one === null
        ? callOf(replayAll, { actor, tenant: given.tenant })
        : callOf(replay, { ...one, actor });
    },
  }),
  command({
    words: "dead-letters discard",
    summary: "Forget one, or all of them; their runs stay as they are.",
    given: oneOrAll,
    operations: [discard, discardAll],
    call(given) {
      const one = oneOf(given);
      return one === null ? callOf(discardAll, { tenant: given.tenant }) : callOf(discard, one);
    },
  }),
];

function replayedText({ runId: id, letters, steps, refused }: Replayed): string {
  return refused === undefined
    ? `${id} again: ${steps.join(", ")}`
    : `${id} refused: ${letters.join(", ")}: ${refused.message}`;
}
