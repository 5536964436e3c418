/** Commands that are the first word of others. */
export const GROUPS: Readonly<Record<string, string>> = {
  runs: "List, read and watch runs, stop them and let them go on, decide.",
  "dead-letters": "Steps that failed after their last attempt.",
  workflows: "Register workflows, so that they can be started by their id.",
  schedules: "Start registered workflows at planned times; needs a worker that is alive.",
  triggers: "Start registered workflows when events are emitted.",
  events: "Say that something happened.",
  tools: "List, describe and call tools.",
  gate: "Look at what decides which calls start, and change its limits.",
  optimize: "Look at what the scheduled optimizer sees and changes, and take it back.",
  import: "Turn other formats into workflows.",
};
