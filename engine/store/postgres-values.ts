/** How values of a user's statements travel: as PGlite has them, so that code moves between the two databases. */

/** Arrays of bool, int2, int4, int8, text, varchar, float4, float8, numeric, date, timestamp, timestamptz, uuid. */
const ARRAYS = [1000, 1005, 1007, 1016, 1009, 1015, 1021, 1022, 1231, 1182, 1115, 1185, 2951];
const NUMBERS = new Set([1005, 1007, 1021, 1022]);
const INSTANTS = new Set([1182, 1115, 1185]);

type Parse = (text: string) => unknown;
interface ValueType { readonly to: number; readonly from: number[]; readonly serialize: (value: unknown) => unknown;
  readonly parse: Parse }

/** A bigint of the database: a number while it is one exactly. */
function integer(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

function elementOf(array: number): Parse {
  if (array === 1000) return (text) => text === "t";
  if (array === 1016) return integer;
  if (INSTANTS.has(array)) return (text) => new Date(text);
  return NUMBERS.has(array) ? Number : (text) => text;
}

/** `{1,NULL,{"a b"}}` as nested lists. */
export function parseArray(text: string, element: Parse): unknown[] {
  let at = text.indexOf("{"); // bounds may stand before it: [0:2]={...}
  const list = (): unknown[] => {
    const made: unknown[] = [];
    for (at++; text[at] !== "}";) {
      if (text[at] === "{") made.push(list());
      else if (text[at] === "\"") made.push(element(quoted()));
      else { const bare = /[^,}]*/y; bare.lastIndex = at; made.push(unquoted(bare.exec(text)?.[0] ?? "")) }
      if (text[at] === ",") at++;
    }
    at++;
    return made;
  };
  const quoted = (): string => {
    let value = "";
    for (at++; text[at] !== "\""; at++) { if (text[at] === "\\") at++; value += text[at] ?? "" }
    at++;
    return value;
  };
  const unquoted = (value: string): unknown => { at += value.length; return value === "NULL" ? null : element(value) };
  return list();
}

/** A list as the database reads it. */
export function writeArray(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(writeArray).join(",")}}`;
  if (value === null || value === undefined) return "NULL";
  const text = value instanceof Date ? value.toISOString() : String(value);
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** For the driver, by the numbers that PostgreSQL gives its types. */
export const VALUE_TYPES: { readonly [name: string]: ValueType } = Object.fromEntries([
  ["bigint", { to: 20, from: [20], serialize: String, parse: integer }],
  ...ARRAYS.map((oid): [string, ValueType] => [`array${oid}`, { to: oid, from: [oid],
    serialize: (value) => Array.isArray(value) ? writeArray(value) : value,
    parse: (text) => parseArray(text, elementOf(oid)) }]),
]);
