/** `reprise runs state <run> --at N [--diff M] [--path .a.b]`: time travel in the terminal. */
import type { Command } from "commander";
import { decodeValue, openFold, RepriseError, type Event, type Payload, type RunView } from "../../engine/index.ts";
import { findRun, withEngine } from "./open.ts";
import { out, outJson, type Style } from "./output.ts";
import { wholeNumber } from "./numbers.ts";
import { readableJson } from "../readable-json.ts";

interface StateOptions extends Style { at?: number; diff?: number; path?: string }

/** `reprise runs state`. */
export function addRunState(runs: Command): void {
  runs.command("state").argument("<run>").description("the state of a run, rebuilt at any event").option("--json")
    .option("--at <seq>", "after this event; default the last", wholeNumber)
    .option("--diff <seq>", "what changed since this event", wholeNumber)
    .option("--path <path>", "only this part, such as .tasks['task:charge#0'].result")
    .action(async (wanted: string, options: StateOptions) => {
      await withEngine("none", async (engine) => {
        const row = await findRun(engine, wanted);
        show(await engine.history(row.runId), options);
      });
    });
}

function show(events: readonly Event[], options: StateOptions): void {
  const now = part(stateAt(events, options.at ?? events.length), options.path);
  if (options.diff === undefined) { if (options.json) outJson(now);
    else out(readableJson(now, "undefined", 2)); return }
  const changes = differences(part(stateAt(events, options.diff), options.path), now);
  if (options.json) { outJson(changes); return }
  for (const { path, before, after } of changes) {
    out(`${path === "" ? "." : path}\n  - ${short(before)}\n  + ${short(after)}`);
  }
}

/** The fold's view after event `seq`, with payloads decoded, as a plain tree. */
function stateAt(events: readonly Event[], seq: number): unknown {
  if (seq > events.length) throw new RepriseError("NO_SUCH_EVENT",
    `the run has the events 1 to ${events.length}, not ${seq}`,
    "Give a seq in that range.");
  const fold = openFold();
  for (const event of events.slice(0, seq)) fold.apply(event);
  return plain(fold.view);
}

function plain(value: RunView | unknown): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, entry]) => [String(key), plain(entry)]));
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object" || value instanceof Date) return value;
  if (isPayload(value)) return decodeValue(value);
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]));
}

function isPayload(value: object): value is Payload {
  const keys = Object.keys(value);
  return keys.length === 1 && (keys[0] === "p" || keys[0] === "s");
}

/** `.a.b['c d'][0]` into a tree. @throws USAGE for a path that cannot be read */
function part(tree: unknown, path: string | undefined): unknown {
  if (path === undefined || path === ".") return tree;
  const steps = [...path.matchAll(/\.([^.[\]]+)|\[(\d+)\]|\[['"](.*?)['"]\]/g)];
  if (steps.map(([text]) => text).join("") !== path) {
    throw new RepriseError("USAGE", `--path ${path} cannot be read`, "Write it as .tasks['task:charge#0'].result");
  }
  return steps.reduce<unknown>((node, [, name, index, quoted]) => {
    const key = name ?? index ?? quoted ?? "";
    return node !== null && typeof node === "object" && Object.hasOwn(node, key)
      ? (node as { readonly [key: string]: unknown })[key] // own key: checked just before
      : undefined;
  }, tree);
}

interface Change { readonly path: string; readonly before: unknown; readonly after: unknown }

function differences(before: unknown, after: unknown, path = ""): Change[] {
  if (Object.is(before, after)) return [];
  const both = before !== null && after !== null && typeof before === "object" && typeof after === "object"
    && Array.isArray(before) === Array.isArray(after);
  if (!both) return readableJson(before, "") === readableJson(after, "") ? [] : [{ path, before, after }];
  const old = new Map(Object.entries(before)), young = new Map(Object.entries(after));
  return [...new Set([...old.keys(), ...young.keys()])].flatMap((key) =>
    differences(old.get(key), young.get(key), /^[\w$]+$/.test(key) ? `${path}.${key}` : `${path}['${key}']`));
}

function short(value: unknown): string {
  const text = readableJson(value, "nothing");
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}
