import type { Why } from "../../gate/why/why.ts";
import { sayOnce } from "../../gate/why/words.ts";

/** The sentence, and below that of a run those of its steps, as far as they say more. */
export function whyText({ runId, step, sentence, steps = [] }: Why): string {
  const about = steps.map((one) => ({ subject: one.step ?? "", sentence: one.sentence }));
  const prefix = step === undefined && runId !== undefined ? `run ${runId} ` : "";
  const own = sentence.startsWith(prefix) ? sentence.slice(prefix.length) : sentence;
  const more = about.filter(({ subject, sentence: said }) => {
    // What keeps the whole run is said of it already.
    const rest = said.startsWith(`${subject} `) ? said.slice(subject.length + 1) : said;
    return (
      !(rest === own && own.startsWith("waits ")) && !sentence.includes(said.replace(/\.$/, ""))
    );
  });
  const kept = sayOnce(more).filter((said) => !sentence.includes(said.replace(/\.$/, "")));
  return [sentence, ...kept.map((said) => `  ${said}`)].join("\n");
}
