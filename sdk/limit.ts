/** Limits that all workers share: at most so many at once, at most so many in a time. */
import { RepriseError, toMs, type Duration, type LimitSpec } from "../engine/index.ts";
import { checkName } from "./registry.ts";

/** A limit, for the option `limits` of tasks; one name is one limit, whoever defines it. */
export interface Limit { readonly limitName: string }
const known = new Map<string, LimitSpec>();

/** At most `max` attempts at once, over all workers. A slot goes back when its attempt ends or its worker dies.
 *  @throws INVALID_NAME, INVALID_OPTION */
export function limit(name: string, max: number): Limit { return define({ name, max: checkedMax(name, max) }) }

/** At most `max` attempts begin in `per`, spread evenly after a first burst. @throws INVALID_NAME, INVALID_OPTION,
 *  INVALID_DURATION */
export function rate(name: string, options: { max: number; per: Duration }): Limit {
  const perMs = toMs(options.per, `rate '${name}'`);
  if (perMs <= 0) throw new RepriseError("INVALID_OPTION", `rate '${name}': per is ${String(options.per)}`,
    "Give a duration such as \"1s\".");
  return define({ name, max: checkedMax(name, options.max), perMs });
}

/** What the names and limits of a task's option stand for; looked up when it is first called. @throws INVALID_OPTION */
export function limitsOf(task: string, limits: readonly (Limit | string)[]): readonly LimitSpec[] {
  return limits.map((one) => {
    const name = typeof one === "string" ? one : one.limitName, spec = known.get(name);
    if (spec !== undefined) return spec;
    throw new RepriseError("INVALID_OPTION", `task '${task}' wants the limit '${name}', which nobody has defined`,
      `Define it: limit("${name}", 5) or rate("${name}", { max: 5, per: "1s" }).`);
  });
}

function define(spec: LimitSpec): Limit {
  checkName("limit", spec.name);
  known.set(spec.name, spec);
  return { limitName: spec.name };
}
function checkedMax(name: string, max: number): number {
  if (Number.isInteger(max) && max >= 1) return max;
  throw new RepriseError("INVALID_OPTION", `limit '${name}': max is ${String(max)}`, "Give a whole number from 1.");
}
