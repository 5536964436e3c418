import { placeName } from "../../../config/index.ts";
import type { Located } from "../document/shape.ts";
import { Draft, isObject, type Fields, type Path } from "./draft.ts";
import { ECOSYSTEM, readEcosystem } from "./ecosystem.ts";
import { patternWords, readBranches, readSequential } from "./patterns.ts";
import { readPhases } from "./phases.ts";
import type { Words } from "./words.ts";

/** How a document may be written. All but `native` are rewritten. */
type Form = "native" | "snake_case" | "sequential" | "branches" | "phases";

/** A document in the native form, and how to speak of it in the words of the original. */
export interface Normalized {
  readonly form: Form;
  /** Not checked yet. Undefined when the document mixes forms. */
  readonly document: unknown;
  /** What is wrong with the original, in its own places. */
  readonly issues: readonly Located[];
  /** A problem of the native document, told of the place in the original that it comes from. */
  readonly toOriginal: (issue: Located) => Located;
}

interface Reader {
  readonly words: Words;
  /** Adds the steps to the draft; returns what the form says of the document otherwise, in native words. */
  readonly read: (draft: Draft, data: Fields) => Fields;
}

const READERS: Readonly<Record<Exclude<Form, "native">, Reader>> = {
  snake_case: { words: ECOSYSTEM, read: readEcosystem },
  sequential: { words: patternWords("steps"), read: readSequential },
  branches: { words: patternWords("branches"), read: readBranches },
  phases: { words: patternWords("phases"), read: readPhases },
};

/** Words by which a form is known, at the top of a document. `steps` belongs to three of them. */
const MARKS: readonly (readonly [string, Form])[] = [
  ["tutti", "native"],
  ["workflow_id", "snake_case"],
  ["execution_mode", "snake_case"],
  ["optimization_target", "snake_case"],
  ["expected_duration", "snake_case"],
  ["resource_requirements", "snake_case"],
  ["success_criteria", "snake_case"],
  ["rollback_strategy", "snake_case"],
  ["branches", "branches"],
  ["phases", "phases"],
];

/**
 * Rewrites a document of any form as a native one (`tutti: 1`). A native document is returned as it
 * is, and so is what has no form that is known: the checks that follow say what is missing.
 */
export function normalize(data: unknown): Normalized {
  if (!isObject(data)) return untouched(data);
  const marks = MARKS.filter(([word]) => Object.hasOwn(data, word));
  const [first] = marks;
  const other = marks.find(([, form]) => form !== first?.[1]) ?? stepsBeside(first, data);
  if (first !== undefined && other !== undefined) return mixed(first, other);
  const form = first?.[1] ?? formOfSteps(data["steps"]);
  return form === "native" ? untouched(data) : rewrite(form, data);
}

function untouched(data: unknown): Normalized {
  return { form: "native", document: data, issues: [], toOriginal: (issue) => issue };
}

type Mark = (typeof MARKS)[number];

/** Branches and phases hold their steps; others beside them belong to another form. */
function stepsBeside(mark: Mark | undefined, data: Fields): Mark | undefined {
  const holdsSteps = mark?.[1] === "branches" || mark?.[1] === "phases";
  return holdsSteps && Object.hasOwn(data, "steps")
    ? ["steps", formOfSteps(data["steps"])]
    : undefined;
}

function mixed([word, form]: Mark, [otherWord, otherForm]: Mark): Normalized {
  const message = `the document mixes forms: "${word}" belongs to the ${form} form, "${otherWord}" to the ${otherForm} form`;
  const issue: Located = { code: "document_invalid", path: [otherWord], at: "key", message };
  return { ...untouched(undefined), form, issues: [issue] };
}

/** The form of a document that only has steps: by the words of its steps. */
function formOfSteps(steps: unknown): Form {
  if (!Array.isArray(steps)) return "native";
  const objects = steps.filter(isObject);
  if (objects.some((step) => "step_id" in step || "tool_id" in step)) return "snake_case";
  if (objects.some((step) => "service" in step)) return "sequential";
  // Native steps have ids. Steps that are nothing but calls can only be meant one after another.
  return objects.length > 0 && objects.every((step) => "tool" in step && !("id" in step))
    ? "sequential"
    : "native";
}

function rewrite(form: Exclude<Form, "native">, data: Fields): Normalized {
  const { words, read } = READERS[form];
  const draft = new Draft();
  const said = read(draft, data);
  const own = (native: string): unknown => {
    const word = words[native];
    return said[native] ?? (word === undefined ? undefined : data[word]);
  };
  const output = own("output");
  const all: Fields = {
    tutti: 1,
    id: own("id"),
    name: own("name"),
    description: own("description"),
    inputs: own("inputs"),
    mode: said["mode"],
    target: said["target"],
    onError: said["onError"],
    groups: said["groups"],
    steps: draft.nativeSteps(),
    output: output === undefined ? undefined : draft.rewrite(output, ["output"], draft.stepIds()),
    success: said["success"],
  };
  const document = Object.fromEntries(
    Object.entries(all).filter(([, value]) => value !== undefined),
  );
  const place = (path: Path) => originOf(path, draft, words);
  return { form, document, issues: draft.issues, toOriginal: (issue) => moved(issue, place) };
}

/** Where in the original a place of the native document comes from. */
function originOf(path: Path, draft: Draft, words: Words): Path {
  const [first = "", position, field, ...rest] = path;
  const step =
    first === "steps" && typeof position === "number" ? draft.steps[position] : undefined;
  if (step === undefined) {
    const word = words[first];
    return word === undefined ? [] : [word, ...path.slice(1)];
  }
  const word = field === undefined ? undefined : step.words[field];
  // What was made by the form, such as `needs`, comes from the step as a whole.
  if (word === undefined) return step.at;
  return field === "retry" ? [...step.at, word] : [...step.at, word, ...rest];
}

/** The same problem in another place; its message names its place first. */
function moved(issue: Located, place: (path: Path) => Path): Located {
  const path = place(issue.path);
  const [before, after] = [placeName(issue.path), placeName(path)];
  const at = issue.path.length === 0 ? -1 : wordIndex(issue.message, before);
  const put =
    at < 0
      ? issue.message
      : issue.message.slice(0, at) + after + issue.message.slice(at + before.length);
  const message =
    issue.code === "duplicate_step"
      ? put.replace(/which is steps\[(\d+)\] too$/, (_, index: string) => {
          return `which is ${placeName(place(["steps", Number(index)]))} too`;
        })
      : // The other forms have only steps that call tools.
        put.replace(/ to be given, or one of .*$/, " to be given (a string)");
  return { ...issue, path, message };
}

/** Where `word` stands in `text` as a word of its own. */
function wordIndex(text: string, word: string): number {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const around = `${text[at - 1] ?? " "}${text[at + word.length] ?? " "}`;
    if (!/[\w.[\]]/.test(around)) return at;
  }
  return -1;
}
