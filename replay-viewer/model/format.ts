/** Times, counts and sizes as people read them. */
import { formatMs } from "../../engine/core/duration.ts";

/** `350 ms`, `41.2 s`, `2 min 3 s`, `3 d 4 h`; below a millisecond `0 ms`. */
export function duration(ms: number): string { return formatMs(Math.max(0, ms)) }

/** `+1.2 s`, counted from the start of a run; from an hour up `+1:02:03`, from a day up `+2 d 00:01:00`. */
export function offset(ms: number): string {
  return `+${ms < 3_600_000 ? duration(ms) : elapsed(ms).replace(/\.\d+$/, "")}`;
}

/** `1,204`. */
export function number(n: number): string {
  const [whole = "0", part] = String(n).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return part === undefined ? grouped : `${grouped}.${part}`;
}

/** `1 event`, `1,204 events`. */
export function count(n: number, one: string, many: string = `${one}s`): string {
  return `${number(n)} ${n === 1 ? one : many}`;
}

const WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
/** Small numbers in words, as a sentence has them: `two`, `14`. */
export function inWords(n: number): string { return WORDS[n] ?? number(n) }

/** `once`, `twice`, `three times`. */
export function times(n: number): string { return n === 1 ? "once" : n === 2 ? "twice" : `${inWords(n)} times` }

const SIZES = ["B", "kB", "MB", "GB"];
/** `812 B`, `2.1 MB`. */
export function bytes(n: number): string {
  let size = n, unit = 0;
  while (size >= 1000 && unit < SIZES.length - 1) { size /= 1000; unit++ }
  return `${size >= 100 || unit === 0 ? Math.round(size) : Number(size.toFixed(1))} ${SIZES[unit] ?? ""}`;
}

const two = (n: number): string => String(n).padStart(2, "0");
/** `07:16:21.535`, in the reader's time zone. */
export function clock(at: number): string {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.`
    + String(date.getMilliseconds()).padStart(3, "0");
}
/** `2026-11-21`, in the reader's time zone. */
export function day(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
/** `2026-11-21 07:16:21.535`. */
export function stamp(at: number): string { return `${day(at)} ${clock(at)}` }

/** `just now`, `3 min ago`, `in 2 h`; two units only from an hour up to a day. */
export function ago(at: number, now: number): string {
  const gone = now - at;
  if (Math.abs(gone) < 1000) return "just now";
  const rough = coarse(Math.abs(gone));
  return gone > 0 ? `${rough} ago` : `in ${rough}`;
}
function coarse(ms: number): string {
  if (ms < 60_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  return ms < 86_400_000 ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / 86_400_000)} d`;
}

/** A transport's clock: `00:12.504`, `1:02:03.004`, `2 d 01:02:03`. */
export function elapsed(ms: number): string {
  const all = Math.max(0, Math.floor(ms));
  const days = Math.floor(all / 86_400_000), hours = Math.floor(all / 3_600_000) % 24;
  const rest = `${two(Math.floor(all / 60_000) % 60)}:${two(Math.floor(all / 1000) % 60)}`;
  const millis = String(all % 1000).padStart(3, "0");
  if (days > 0) return `${days} d ${two(hours)}:${rest}`;
  return hours > 0 ? `${hours}:${rest}.${millis}` : `${rest}.${millis}`;
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000,
  600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000];
/** The smallest round step of an axis that is at least `ms`. */
export function roundStep(ms: number): number {
  return STEPS.find((step) => step >= ms) ?? Math.ceil(ms / 86_400_000) * 86_400_000;
}

/** The short name of a code version or a worker: what tells it from others, in a few characters. */
export function shortId(id: string): string {
  const plain = id.replace(/^[a-z]+-(?=[0-9A-Z]{20,})/, "");
  return plain.length <= 10 ? plain : /^[0-9A-Z]{26}$/.test(plain) ? plain.slice(-5).toLowerCase() : plain.slice(0, 7);
}

/** Text cut to `max` characters, with an ellipsis where something is missing. */
export function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, Math.max(0, max - 1))}…`;
}
