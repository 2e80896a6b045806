/** The option `cache` of a task: results shared across runs, off unless asked for. */
import { RepriseError, toMs, type CachePart, type CachePolicy, type Duration } from "../engine/index.ts";

export type { CachePart };
/** How results of a task are shared across runs. */
export interface CacheOptions<A extends readonly unknown[]> {
  /** How long an entry is good; default for ever. */
  ttl?: Duration;
  /** What results stand under, instead of the arguments. */
  key?: (...args: A) => string;
  /** What must be equal for a hit; default `["inputs", "version"]`. `source` is the text of the task's function. */
  policy?: readonly CachePart[];
  /** True: execute, and keep the new result. */
  refresh?: boolean;
  /** While one run makes a result, others wait for it; default true. */
  single?: boolean;
}

const KNOWN = new Set(["ttl", "key", "policy", "refresh", "single"]);
const PARTS: ReadonlySet<string> = new Set<CachePart>(["inputs", "version", "source", "run", "workflowInput"]);

/** The option as the engine wants it. @throws INVALID_OPTION, INVALID_DURATION */
export function cachePolicy(name: string, file: string | undefined, version: string | undefined,
  option: Duration | CacheOptions<readonly unknown[]>): CachePolicy {
  const options: CacheOptions<readonly unknown[]> = typeof option === "object" ? option : { ttl: option };
  const wrong = (what: string, hint: string): RepriseError =>
    new RepriseError("INVALID_OPTION", `task '${name}': ${what}`, hint);
  for (const known of Object.keys(options)) {
    if (!KNOWN.has(known)) throw wrong(`its cache has no option '${known}'`, `Options: ${[...KNOWN].join(", ")}.`);
  }
  const { ttl, key, policy = ["inputs", "version"], refresh = false, single = true } = options;
  if (key !== undefined && typeof key !== "function") throw wrong("the key of its cache is no function",
    "Give a function of the task's arguments that returns a string.");
  const unknown = policy.find((part) => !PARTS.has(part));
  if (unknown !== undefined || policy.length === 0) throw wrong(
    `the policy of its cache ${unknown === undefined ? "is empty" : `has '${unknown}' in it`}`,
    `Name at least one of ${[...PARTS].join(", ")}.`);
  return { task: `${file ?? ""}#${name}`, parts: policy, version: version ?? "", refresh, single,
    ...(key !== undefined && { key }),
    ...(ttl !== undefined && { ttlMs: toMs(ttl, `ttl of the cache of task '${name}'`) }) };
}
