/**
 * Values to payloads and back. What a run hands out and what it gets back are copies made here, live and on replay
 * alike, so that both see the same.
 *
 * Plain data takes one walk (plain.ts). Anything else goes through a survey, superjson, and a decoding that is
 * compared with the original before the payload is let out; 200 bytes with one Date take 20 us instead of 0.5.
 */
import { RepriseError } from "../core/errors.ts";
import type { Json, Payload } from "../core/events.ts";
import { saidBy } from "../core/thrown.ts";
import { copyPlain, MAX_DEPTH, NOT_PLAIN } from "./plain.ts";
import { fromRich, toRich, type RichText } from "./rich.ts";
import { isSame } from "./same.ts";
import { refusal, survey } from "./survey.ts";

/** superjson's pair nests deeper than the value: up to four levels for one (an entry list in an error in a graph). */
const RICH_DEPTH = MAX_DEPTH * 4 + 10;

/**
 * The payload of a value, sharing nothing with it; `undefined` for `undefined`. Decoding gives an equal value back:
 * that was checked when this returns.
 *
 * Kept: what JSON has, and undefined, NaN, -0, bigint, Date, Map, Set, RegExp (without lastIndex), URL, bytes of every
 * class, errors (without those of their own properties that cannot be kept), holes, cycles and shared references.
 * Shared references inside data that is otherwise plain become copies, as in JSON; so do getters and null prototypes.
 *
 * @param path how the value is called in a message, `$` if absent.
 * @throws UNSERIALIZABLE naming the place and what stands there.
 */
export function encodeValue(value: unknown, path: string = "$"): Payload | undefined {
  if (value === undefined) return undefined;
  let tree: Json | typeof NOT_PLAIN;
  try {
    tree = copyPlain(value);
  } catch {
    tree = NOT_PLAIN; // a getter or a Proxy threw: the survey meets it again and knows where
  }
  return tree === NOT_PLAIN ? encodeRich(value, path) : { p: tree };
}

function encodeRich(value: unknown, path: string): Payload {
  const known = survey(value, path);
  let failed: unknown;
  try {
    const pair = copyPair(toRich(value, known));
    if (pair !== undefined) {
      const decoded = decodePair(pair);
      if (isSame(value, decoded, known.kept)) {
        return !known.rich && pair.meta === undefined ? { p: pair.json } : { s: pair };
      }
    }
  } catch (error) {
    failed = error;
  }
  throw refusal(path, "a value that does not come back unchanged",
    "Return plain data; a getter or a Proxy that answers differently each time is the usual reason.", failed);
}

/**
 * A fresh value from a payload, never an alias of it; `undefined` for `undefined`. A `ref` must have been replaced by
 * the payload it points to: otherwise a plain Error is thrown, since that is a mistake of ours.
 * @throws HISTORY_CORRUPT if the payload is not one that `encodeValue` makes.
 */
export function decodeValue(payload: Payload | undefined): unknown {
  if (payload === undefined) return undefined;
  if ("ref" in payload) throw new Error(`unresolved payload: ref ${payload.ref} must be loaded before it is decoded`);
  if ("p" in payload) {
    const tree = copyPlain(payload.p);
    if (tree === NOT_PLAIN) throw corrupt("its plain data is not plain");
    return tree;
  }
  const pair = copyPair(payload.s);
  if (pair === undefined) throw corrupt("its rich data is not plain JSON");
  try {
    return decodePair(pair);
  } catch (error) {
    throw corrupt(saidBy(error), error);
  }
}

function corrupt(why: string, cause?: unknown): RepriseError {
  return new RepriseError("HISTORY_CORRUPT", `A recorded value cannot be decoded: ${why}`,
    "Restore the database from a backup; see reprise db verify.",
    cause === undefined ? undefined : { cause });
}

interface Pair { readonly json: Json; readonly meta?: Json }

/** A copy of superjson's pair, and the proof that JSON text carries it; `undefined` if it does not. */
function copyPair(rich: RichText): Pair | undefined {
  const json = copyPlain(rich.json, RICH_DEPTH);
  if (json === NOT_PLAIN) return undefined;
  if (rich.meta === undefined) return { json };
  const meta = copyPlain(rich.meta, RICH_DEPTH * 2);
  return meta === NOT_PLAIN ? undefined : { json, meta };
}

function decodePair(pair: Pair): unknown {
  const consumed = copyPlain(pair.json, RICH_DEPTH); // superjson builds the answer inside this copy
  if (consumed === NOT_PLAIN) throw new Error("corrupt codec: a copied pair is not plain");
  return fromRich(pair.meta === undefined ? { json: consumed } : { json: consumed, meta: pair.meta });
}

/**
 * Length of the payload's text, in UTF-16 units. Exact for rich payloads and refs. For plain ones it is estimated by a
 * walk, 4 times cheaper than writing the text: characters that JSON must escape are counted as one.
 */
export function payloadBytes(payload: Payload | undefined): number {
  if (payload === undefined) return 0;
  return "p" in payload ? textLength(payload.p) + 6 : JSON.stringify(payload).length;
}

function textLength(value: Json): number {
  if (typeof value === "string") return value.length + 2;
  if (typeof value === "number") return numberLength(value);
  if (typeof value === "boolean" || value === null) return value === false ? 5 : 4;
  let length = 1;
  if (isList(value)) {
    for (const part of value) length += textLength(part) + 1;
    return Math.max(length, 2);
  }
  for (const key of Object.keys(value)) length += key.length + 4 + textLength(value[key] ?? null);
  return Math.max(length, 2);
}

// Array.isArray alone does not narrow a readonly array out of a union.
function isList(value: Json): value is readonly Json[] { return Array.isArray(value) }

function numberLength(value: number): number {
  if (value >= 0 && value < 10) return Number.isInteger(value) ? 1 : String(value).length;
  return String(value).length;
}
