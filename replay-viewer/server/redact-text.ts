/**
 * Secrets inside running text: `password=...`, `Authorization: ...`, passwords in addresses, keys by their form.
 * Every pattern is bounded or eats what it has looked at, so that 2 MB of the worst text cost milliseconds, not hours.
 */

/** What stands where a secret stood. */
export const REDACTED = "[redacted]";

/** Names under which secrets are kept, in lower case, without separators. */
export const SECRET_NAMES = ["password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "authorization",
  "credential", "cookie", "apikey", "privatekey", "accesskey", "signingkey", "encryptionkey", "masterkey", "sessionid",
  "connectionstring", "bearer", "jwt", "cardnumber", "cvv", "cvc"] as const;

/** Words that only look like secrets. */
const HARMLESS = /secretar(?:y|ies|iat)|tokeni[sz]/g;
/** `maxTokens: 4096` is a count and no secret. */
const COUNT = /tokens$|tokens?(?:count|limit|budget|used|usage)$|^(?:max|min|total)tokens?/;

/** A key in lower case, without separators. */
export function plainName(key: string): string { return key.toLowerCase().replace(/[^\p{L}\d]/gu, "") }

/** Does a secret stand under this key? `more` are further names. */
export function isSecretName(key: string, more: readonly string[]): boolean {
  const name = plainName(key).replace(HARMLESS, "");
  return SECRET_NAMES.some((one) => name.includes(one)) || more.some((one) => name.includes(one));
}

/** Does a number under this key tell how many there are? */
export function isCountName(key: string): boolean { return COUNT.test(plainName(key)) }

/** `apikey` is found in text as `api_key`, `api-key` and `api key` too. */
const SPELLINGS = SECRET_NAMES.map((name) => name
  .replace(/^(api|private|access|signing|encryption|master|session|card|connection)(?=.)/, "$1[-_ ]?")
  .replace(/^pass(?=word|phrase|code)/, "pass[-_]?")).join("|");

/** Keys and certificates by their form, whatever stands before them. */
const FORMS: readonly (readonly [RegExp, (found: string, ...parts: readonly string[]) => string])[] = [
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g, () => REDACTED],
  [/\b(Bearer|Basic)(\s{1,8})([\w.~+/=-]{8,})/gi, (found, word = "", gap = "", value = "") =>
    /\d/.test(value) || value.length >= 20 ? `${word}${gap}${REDACTED}` : found],
  [/\b([a-z][a-z\d+.-]{1,20}:\/\/[^\s:/@]{0,128}):[^\s@/]{1,512}@/gi,
    (_found, before = "") => `${before}:${REDACTED}@`],
  [/\b(?:[sr]k_(?:live|test)_[A-Za-z\d]{10,}|gh[pousr]_[A-Za-z\d]{30,}|AKIA[A-Z\d]{16}|xox[abprs]-[\w-]{10,})/g,
    () => REDACTED],
  [/\beyJ[\w-]{8,}(?:\.[\w-]+){0,4}/g, (found) => found.split(".").length >= 3 ? REDACTED : found],
];
const MAYBE_FORM = /PRIVATE KEY|bearer|basic|:\/\/|k_live_|k_test_|gh[pousr]_|AKIA|xox|eyJ/i;

/** Values that tell nothing. */
const EMPTY = /^(?:null|true|false|undefined|none|\[redacted\].*)$/i;

/** A function that takes the secrets out of a text; `more` are further names, plain. */
export function textRedactor(more: readonly string[]): (text: string) => string {
  const own = more.map((name) => [...name].join("[-_ ]?"));
  const names = new RegExp([SPELLINGS, ...own].join("|"), "gi");
  return (text) => {
    let clean = text;
    if (MAYBE_FORM.test(text)) for (const [form, replace] of FORMS) clean = clean.replace(form, replace);
    return withoutPairs(clean, names, more);
  };
}

function withoutPairs(text: string, names: RegExp, more: readonly string[]): string {
  let clean = "", kept = 0;
  names.lastIndex = 0;
  for (let found = names.exec(text); found !== null; found = names.exec(text)) {
    const end = found.index + found[0].length;
    const value = valueAfter(text, end, /authorization|cookie/i.test(found[0]));
    if (value === undefined || !hides(nameAround(text, found.index, end), text.slice(value.from, value.to), more)) {
      continue;
    }
    clean += text.slice(kept, value.from) + REDACTED;
    kept = value.to;
    names.lastIndex = value.to;
  }
  return kept === 0 ? text : clean + text.slice(kept);
}

function hides(name: string, value: string, more: readonly string[]): boolean {
  return isSecretName(name, more) && !(isCountName(name) && /^\d+$/.test(value));
}

/** The whole word of which a part was found, 40 characters further at most. */
function nameAround(text: string, from: number, to: number): string {
  const [before = ""] = /[\w-]*$/.exec(text.slice(Math.max(0, from - 40), from)) ?? [];
  const [after = ""] = /^[\w-]*/.exec(text.slice(to, to + 40)) ?? [];
  return before + text.slice(from, to) + after;
}

/** The rest of the name, its quote, `:` or `=`, and then the value: in quotes, to the end of the line, or one word. */
const BETWEEN = /[\w-]{0,40}(?:\\{0,4}["'])?[ \t]{0,3}(?::|=>?)[ \t]{0,3}/y;
const OPENING = /\\{0,4}["'`]/y;
const WORD = /[^\s,;&"'`<>()[\]{}]+/y;
const LINE = /[^\r\n"'`]+/y;

function valueAfter(text: string, at: number, wholeLine: boolean): { readonly from: number; readonly to: number }
  | undefined {
  const start = endOf(BETWEEN, text, at);
  if (start === undefined) return undefined;
  const opened = endOf(OPENING, text, start);
  if (opened !== undefined) {
    const to = closing(text, opened, text.slice(start, opened));
    return to === opened || EMPTY.test(text.slice(opened, Math.min(to, opened + 20))) ? undefined
      : { from: opened, to };
  }
  const to = endOf(wholeLine ? LINE : WORD, text, start);
  // Shorter than four characters is prose: "Unexpected token: }".
  return to === undefined || to - start < 4 || EMPTY.test(text.slice(start, Math.min(to, start + 20))) ? undefined
    : { from: start, to };
}

function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

/** Where the quotation ends that `quote` opened; the end of the text if nothing closes it. */
function closing(text: string, from: number, quote: string): number {
  if (quote.length > 1) {
    const at = text.indexOf(quote, from);
    return at < 0 ? text.length : at;
  }
  for (let i = from; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === quote) return i;
  }
  return text.length;
}
