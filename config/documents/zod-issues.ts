import type { z } from "zod";

import type { ErrorCode } from "../error-codes.ts";
import type { Issue } from "../errors.ts";
import type { SourceDocument } from "./yaml.ts";

const plainPath = (path: readonly PropertyKey[]): (string | number)[] =>
  path.map((segment) => (typeof segment === "symbol" ? String(segment) : segment));

/**
 * The problems a zod schema found, as issues with this code; with positions when the document's
 * text is known. An unknown key is one issue each, at the key.
 */
export function issuesOf(
  error: z.core.$ZodError,
  code: ErrorCode,
  document?: Pick<SourceDocument, "positionOf">,
): Issue[] {
  return error.issues.flatMap((issue): Issue[] => {
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
