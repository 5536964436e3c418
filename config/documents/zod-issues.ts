import type { z } from "zod";

import type { ErrorCode } from "../error-codes.ts";
import type { Issue } from "../errors.ts";
import type { SourceDocument } from "./yaml.ts";

const plainPath = (path: readonly PropertyKey[]): (string | number)[] =>
  path.map((segment) => (typeof segment === "symbol" ? String(segment) : segment));

/**
 * The problems of the form that the value was meant to have, if the other forms are of another type altogether.
 * Undefined if that is unclear.
 */
function meantForm(issue: z.core.$ZodIssue): z.core.$ZodIssue[] | undefined {
  if (issue.code !== "invalid_union") return undefined;
  const forms = issue.errors.filter((form) =>
    form.every(({ code, path }) => code !== "invalid_type" || path.length > 0),
  );
  if (forms.length !== 1) return undefined;
  return forms[0]?.map((one) => ({ ...one, path: [...issue.path, ...one.path] }));
}

/**
 * The problems that a zod schema found, as issues with this code; with positions if the document's text is known. Each
 * unknown key is an issue at that key.
 */
export function issuesOf(
  error: { readonly issues: readonly z.core.$ZodIssue[] },
  code: ErrorCode,
  document?: Pick<SourceDocument, "positionOf">,
): Issue[] {
  return error.issues.flatMap((issue): Issue[] => {
    const meant = meantForm(issue);
    if (meant !== undefined) return issuesOf({ issues: meant }, code, document);
    const at = plainPath(issue.path);
    if (issue.code !== "unrecognized_keys") {
      const position = document?.positionOf(at);
      return [{ code, message: issue.message, path: at, ...(position && { position }) }];
    }
    return issue.keys.map((key) => {
      const path = [...at, key];
      const position = document?.positionOf(path, "key");
      return { code, message: `unknown key "${key}"`, path, ...(position && { position }) };
    });
  });
}
