/** `id` or `id@hash`, as commands name a registered workflow. */
export function versionOf(text: string): { readonly id: string; readonly hash?: string } {
  const at = text.indexOf("@");
  return at < 0 ? { id: text } : { id: text.slice(0, at), hash: text.slice(at + 1) };
}

/** Commander parser for options that may be repeated. */
export function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
