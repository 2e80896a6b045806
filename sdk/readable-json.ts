/** A value as JSON for a person to read: a bigint as `12n`, `nothing` for what JSON has no text for. */
export function readableJson(value: unknown, nothing: string, indent?: number): string {
  // undefined for undefined, which the types of JSON.stringify do not say
  const text = JSON.stringify(value, (_key, one: unknown) => typeof one === "bigint" ? `${one}n` : one, indent) as
    string | undefined;
  return text ?? nothing;
}
