/** Says that a run waits for workers of a pool, and none is alive: asked of the server while the run does. */
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { poolsOf } from "../model/pools.ts";
import type { Problem } from "../model/wire.ts";
import { again } from "./again.ts";
import { call } from "./api.ts";
import type { Session } from "./session.ts";

/** Those that are alive. */
interface Workers { readonly workers: readonly { readonly pools: readonly string[] }[] }
const EVERY_MS = 2000;

/** Nothing, where all pools have a worker. */
export function Unmanned({ run }: { run: Session }): JSX.Element | null {
  const row = run.row.value, manned = useSignal<ReadonlySet<string> | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  void run.version.value;
  const pools = row === undefined || run.recorded ? [] : poolsOf(run.history, row), asks = pools.length > 0;
  useEffect(() => {
    if (!asks) return undefined;
    return again(async () => {
      const { workers } = await call<Workers>("/workers");
      manned.value = new Set(workers.flatMap((one) => one.pools));
    }, problem, EVERY_MS);
  }, [asks]);
  // That the server does not answer, the page says elsewhere.
  const known = problem.value === undefined ? manned.value : undefined;
  const missing = known === undefined ? [] : pools.filter((pool) => !known.has(pool));
  return missing.length === 0 ? null
    : <span class="waits cut" role="status">no worker for pool {missing.join(", ")}</span>;
}
