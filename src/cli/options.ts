import { InvalidArgumentError } from "commander";

/** `id` or `id@hash`, as commands name a registered workflow. */
export function versionOf(text: string): { readonly id: string; readonly hash?: string } {
  const at = text.indexOf("@");
  return at < 0 ? { id: text } : { id: text.slice(0, at), hash: text.slice(at + 1) };
}

/** Commander parser for options that may be repeated. */
export function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** Commander parser for counts and times. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidArgumentError("expected a whole number above 0.");
  }
  return value;
}
