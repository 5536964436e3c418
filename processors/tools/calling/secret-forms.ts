/** Encodings of shorter secrets occur by chance everywhere. Characters. */
const MIN_ENCODED_CHARS = 8;
/** Characters that an encoding takes together: of a secret in the middle of something only whole groups are known. */
const BASE64_GROUP = 3;

const HTML: Readonly<Record<string, readonly string[]>> = {
  "&": ["&amp;", "&#38;", "&#x26;"],
  "<": ["&lt;", "&#60;", "&#x3c;"],
  ">": ["&gt;", "&#62;", "&#x3e;"],
  '"': ["&quot;", "&#34;", "&#x22;"],
  "'": ["&apos;", "&#39;", "&#x27;"],
};

const jsonEscaped = (text: string): string => JSON.stringify(text).slice(1, -1);

/** As writers that leave nothing but ASCII have it. */
const asciiEscaped = (text: string): string => text.replaceAll(/[^ -~]/g, (one) => asciiCode(one));

function* jsonForms(value: string): Generator<string> {
  const once = jsonEscaped(value);
  // Some escape what need not be: slashes, and what could end a script.
  const slashes = once.replaceAll("/", String.raw`\/`);
  const scripts = once.replaceAll(/[<>&']/g, (one) => asciiCode(one));
  for (const form of [once, slashes, scripts]) {
    yield form;
    yield asciiEscaped(form);
    // JSON within JSON.
    yield jsonEscaped(form);
  }
}

const asciiCode = (one: string): string =>
  String.raw`\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`;

function* urlForms(value: string): Generator<string> {
  if (/\p{Surrogate}/u.test(value)) return;
  const component = encodeURIComponent(value);
  yield component;
  yield component.replaceAll("%20", "+");
  yield component.replaceAll(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16)}`);
  yield encodeURI(value);
  yield new URLSearchParams([["", value]]).toString().slice(1);
}

function* htmlForms(value: string): Generator<string> {
  for (const index of [0, 1, 2])
    yield value.replaceAll(/[&<>"']/g, (one) => HTML[one]?.[index] ?? one);
  yield value.replaceAll(/[&<>]/g, (one) => HTML[one]?.[0] ?? one);
}

/** Also in the middle of something else that was encoded, as in `user:password`. */
function* base64Forms(bytes: Buffer): Generator<string> {
  for (let before = 0; before < BASE64_GROUP; before++) {
    const skipped = (BASE64_GROUP - before) % BASE64_GROUP;
    const whole = bytes.length - skipped - ((bytes.length - skipped) % BASE64_GROUP);
    const part = bytes.subarray(skipped, skipped + whole);
    for (const encoding of ["base64", "base64url"] as const) {
      if (before === 0) yield bytes.toString(encoding);
      yield part.toString(encoding);
    }
  }
}

/** The spellings in which tools give a secret back, beside the secret itself. Upper and lower case are not told apart. */
export function spellingsOf(value: string): Set<string> {
  if (value.length < MIN_ENCODED_CHARS) return new Set();
  const bytes = Buffer.from(value);
  const hex = bytes.toString("hex");
  const forms = [
    value,
    ...jsonForms(value),
    ...urlForms(value),
    ...htmlForms(value),
    hex,
    ...base64Forms(bytes),
  ];
  return new Set(
    forms.filter((form) => form.length >= MIN_ENCODED_CHARS).map((form) => form.toLowerCase()),
  );
}
