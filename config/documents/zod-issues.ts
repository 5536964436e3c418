/* oxlint-disable no-underscore-dangle, typescript/no-unsafe-type-assertion -- `_zod` is the place where zod shows a schema to tools */
import * as z from "zod";

import type { ErrorCode } from "../error-codes.ts";
import type { Issue } from "../errors.ts";
import { given } from "../given.ts";
import { nearest } from "../nearest.ts";
import { clip, expectation, placeName, shownValue, valueAt, type Path } from "./wording.ts";
import type { SourceDocument } from "./yaml.ts";

type Problem = z.core.$ZodIssue;

const plainPath = (path: readonly PropertyKey[]): (string | number)[] =>
  path.map((segment) => (typeof segment === "symbol" ? String(segment) : segment));

/**
 * The problems of the form that the value was meant to have, if the other forms are of another type altogether.
 * Undefined if that is unclear.
 */
function meantForm(issue: Problem): Problem[] | undefined {
  if (issue.code !== "invalid_union") return undefined;
  const forms = issue.errors.filter((form) =>
    form.every(
      ({ code, path }) => (code !== "invalid_type" && code !== "custom") || path.length > 0,
    ),
  );
  if (forms.length !== 1) return undefined;
  return forms[0]?.map((one) => ({ ...one, path: [...issue.path, ...one.path] }));
}

/** What was checked, and against which schema. */
interface Checked {
  readonly schema: z.core.$ZodType;
  readonly data: unknown;
  /** The name of all the data. Default: the document. */
  readonly whole?: string;
}

/**
 * The problems that a zod schema found, in the words of all our messages: the place by its name, what is expected there,
 * what was given, and what was probably meant. With positions if the document's text is known. Each unknown key is an issue
 * at that key.
 */
export function issuesOf(
  error: { readonly issues: readonly Problem[] },
  code: ErrorCode,
  checked: Checked,
  document?: Pick<SourceDocument, "positionOf">,
): Issue[] {
  return error.issues.flatMap((issue): Issue[] => {
    const meant = meantForm(issue);
    if (meant !== undefined) return issuesOf({ issues: meant }, code, checked, document);
    const place = plainPath(issue.path);
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => {
        const path = [...place, key];
        const position = document?.positionOf(path, "key");
        const suggestion = nearest(key, keysAt(checked, place));
        const message = `unknown key "${clip(key)}" in ${placeName(place, checked.whole)}`;
        return { code, message, path, ...given({ suggestion }), ...(position && { position }) };
      });
    const path = issue.code === "invalid_key" ? place.slice(0, -1) : place;
    const position = document?.positionOf(place, issue.code === "invalid_key" ? "key" : undefined);
    const said = describe(issue, place, valueAt(checked.data, place), checked);
    return [
      {
        code,
        ...said,
        path: issue.code === "invalid_key" ? path : place,
        ...(position && { position }),
      },
    ];
  });
}

function describe(
  issue: Problem,
  path: Path,
  value: unknown,
  checked: Checked,
): Pick<Issue, "message" | "suggestion"> {
  const place = placeName(path, checked.whole);
  if (issue.code === "invalid_key") {
    const rule = issue.issues[0] === undefined ? "another name" : expectation(issue.issues[0]);
    return {
      message: `expected the name ${JSON.stringify(path.at(-1))} in ${placeName(path.slice(0, -1), checked.whole)} to be ${rule}`,
    };
  }
  if (issue.code === "invalid_union" && issue.discriminator !== undefined) {
    const options = optionsOf(checked, path.slice(0, -1), issue.discriminator);
    return oneOf(place, options, value);
  }
  if (issue.code === "custom" && !/^expected an? /.test(issue.message))
    return { message: path.length === 0 ? issue.message : `${place}: ${issue.message}` };
  if (value === undefined)
    return { message: `expected ${place} to be given (${expectation(issue)})` };
  if (issue.code === "invalid_value" && typeof value === "string")
    return oneOf(place, issue.values.map(String), value);
  const rule = issue.message === "Invalid input" ? "of another form" : expectation(issue);
  return { message: `expected ${place} to be ${rule}, got: ${shownValue(value)}` };
}

function oneOf(
  place: string,
  options: readonly string[],
  value: unknown,
): Pick<Issue, "message" | "suggestion"> {
  const rule = options.length === 1 ? options[0] : `one of ${options.join(", ")}`;
  if (value === undefined) return { message: `expected ${place} to be given (${rule})` };
  const suggestion = typeof value === "string" ? nearest(value, options) : undefined;
  return {
    message: `expected ${place} to be ${rule}, got: ${shownValue(value)}`,
    ...given({ suggestion }),
  };
}

/** A schema without what makes it optional or gives it a default. */
function bare(schema: z.core.$ZodType): z.core.$ZodType {
  const {
    innerType,
    in: input,
    getter,
  } = schema._zod.def as {
    readonly innerType?: z.core.$ZodType;
    readonly in?: z.core.$ZodType;
    readonly getter?: () => z.core.$ZodType;
  };
  const inside = innerType ?? input ?? getter?.();
  return inside === undefined ? schema : bare(inside);
}

/** The forms that the value at a path may have; of a union told by a field those that the field names. */
function formsAt({ schema, data }: Checked, path: Path): z.core.$ZodType[] {
  const forms = branches(bare(schema), data);
  const [first, ...rest] = path;
  if (first === undefined) return forms;
  const value = valueAt(data, [first]);
  return forms.flatMap((form) => {
    const inside = memberOf(form, first);
    return inside === undefined ? [] : formsAt({ schema: inside, data: value }, rest);
  });
}

function branches(schema: z.core.$ZodType, data: unknown): z.core.$ZodType[] {
  if (!(schema instanceof z.core.$ZodUnion)) return [schema];
  const options = schema._zod.def.options.map(bare);
  const discriminator =
    schema instanceof z.core.$ZodDiscriminatedUnion ? schema._zod.def.discriminator : undefined;
  const told =
    discriminator === undefined
      ? []
      : options.filter((option) =>
          valuesOf(option, discriminator).includes(valueAt(data, [discriminator])),
        );
  return (told.length > 0 ? told : options).flatMap((option) => branches(option, data));
}

function memberOf(form: z.core.$ZodType, name: string | number): z.core.$ZodType | undefined {
  if (form instanceof z.core.$ZodObject) return form._zod.def.shape[String(name)];
  if (form instanceof z.core.$ZodArray) return form._zod.def.element;
  return form instanceof z.core.$ZodRecord ? form._zod.def.valueType : undefined;
}

/** The keys that an object at a path may have. */
function keysAt(checked: Checked, path: Path): readonly string[] {
  return formsAt(checked, path).flatMap((form) =>
    form instanceof z.core.$ZodObject ? Object.keys(form._zod.def.shape) : [],
  );
}

/** The values of a field that tell the forms at a path apart. */
function optionsOf(checked: Checked, path: Path, discriminator: string): readonly string[] {
  return formsAt(checked, path).flatMap((form) => valuesOf(form, discriminator).map(String));
}

function valuesOf(form: z.core.$ZodType, field: string): readonly unknown[] {
  const member = memberOf(form, field);
  return member === undefined ? [] : [...(bare(member)._zod.values ?? [])];
}
