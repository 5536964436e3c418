import { nearest } from "../../../config/index.ts";

/** What a form calls the words of the native document: native word -> word of the form. */
export type Words = Readonly<Record<string, string>>;

/** What the same thing is called elsewhere -> the native word. For suggestions only. */
const SYNONYMS: Words = {
  workflow_id: "id",
  step_id: "id",
  title: "name",
  tool_id: "tool",
  parameters: "with",
  params: "with",
  input: "with",
  inputs: "with",
  timeout: "timeoutMs",
  retry_count: "retry",
  retries: "retry",
  parallel_group: "group",
  execution_mode: "mode",
  optimization_target: "target",
  success_criteria: "success",
  rollback_strategy: "onError",
};

/** The word of this form that an unknown one probably stands for. */
export function meantWord(
  given: string,
  words: Words,
  known: readonly string[],
): string | undefined {
  const native = Object.hasOwn(SYNONYMS, given) ? SYNONYMS[given]! : given;
  const same = Object.hasOwn(words, native) ? words[native] : undefined;
  return same !== undefined && same !== given ? same : nearest(given, known);
}
