/** `reprise why <run>`: in one sentence what a run waits for, since when, who holds it, and the next command. */
import type { Command } from "commander";
import { formatMs, openFold, originals, wholeMessage, type Event, type RunRow, type RunView } from
  "../../engine/index.ts";
import { findRun, hasEnded, withEngine } from "./open.ts";
import { openWaits, type OpenWait } from "./open-waits.ts";
import { out, outJson, when, type Style } from "./output.ts";

/** What `why` says: the sentence, the commands that help, and what is waited for. */
export interface Reason {
  readonly because: string; readonly next: readonly [string, ...string[]]; readonly waits: readonly OpenWait[];
}

/** `reprise why`. */
export function addWhy(program: Command): void {
  program.command("why").argument("<run>").description("what a run waits for, and what to do about it").option("--json")
    .action(async (wanted: string, style: Style) => {
      await withEngine("none", async (engine) => {
        const row = await findRun(engine, wanted);
        const workers = await engine.store.workers();
        const manned = new Set(workers.flatMap(({ alive, pools }) => alive ? pools : []));
        const called = workers.find(({ worker }) => worker === row.owner)?.info["name"];
        const owner = called === undefined ? row.owner : `'${called}' (${row.owner})`;
        const turns = row.slotKey === null || row.slotHeld ? undefined : await engine.store.turns(row.slotKey);
        const ahead = hasEnded(row) || row.state === "paused" ? undefined : await engine.operator.pauseAhead(row);
        const { because, next, waits } = withPause(why({ ...row, owner }, await engine.history(row.runId),
          originals.now(), manned, turns), row, ahead);
        if (style.json) { outJson({ run: row.runId, because, next: next[0], commands: next, waits }); return }
        out(because);
        for (const [i, command] of next.entries()) out(`  ${i === 0 ? "next" : "  or"}: ${command}`);
      });
    });
}

/** A pause that the run has not read yet stands before all that helps it on. */
function withPause({ because, next, waits }: Reason, { runId }: RunRow, ahead: { readonly who: string | undefined }
  | undefined): Reason {
  if (ahead === undefined) return { because, next, waits };
  const by = ahead.who === undefined ? "" : ` by ${ahead.who}`;
  return { because: `${because} It was asked${by} to pause, and will as soon as a worker has it.`,
    next: [`npx reprise runs resume ${runId}`, ...next], waits };
}

/** The reason as a sentence, and the commands that help. `manned`: the pools that a worker alive works for, so that
 *  mail is read there. `turns`: the runs that share its key, while it is in line behind them. */
export function why(row: RunRow, events: readonly Event[], now: number, manned: ReadonlySet<string>,
  turns?: Turns): Reason {
  const fold = openFold();
  for (const event of events) fold.apply(event);
  const { view } = fold, who = `Run '${row.name}'`;
  if (hasEnded(row)) return ended(who, row, view);
  if (row.parked !== null) return parked(who, row, view);
  if (turns !== undefined) return inLine(who, row, turns);
  const waits = openWaits(view, row.runId, now, manned), working = manned.has(row.pool);
  const goOn = row.pool === "default" ? `npx reprise resume ${row.runId}` : `npx reprise runs watch ${row.runId}`;
  if (row.state === "paused") return { because: `${who} is paused${pausedBy(events)}; ${nextOf(waits, now)}.`,
    next: [`npx reprise runs resume ${row.runId}`, ...working ? [] : [goOn]], waits };
  const held = row.owner !== null && row.ownerAlive;
  const holder = row.owner === null ? heldByNobody(row, working) : held ? `worker ${row.owner} holds it`
    : `worker ${row.owner} held it and is not alive`;
  const still = formatMs(Math.max(0, now - (events.at(-1)?.at ?? row.createdAt)));
  const reason = view.reason === undefined ? "" : ` (${view.reason})`;
  const stop = view.state === "cancelling" ? `is asked to stop${reason}, and ` : "";
  const commands = [...new Set([...waits.flatMap(({ next }) => next ?? []).slice(0, MOST),
    ...held || working ? [] : [goOn]])];
  const [first = held ? `npx reprise runs watch ${row.runId}` : goOn, ...more] = commands;
  return { because: `${who} ${stop}${sentence(waits, now)}; ${holder}; nothing has happened for ${still}.`,
    next: [first, ...more], waits };
}
const MOST = 3;
/** A run of the default pool is anybody's: one that is not waits for a program that opens an engine for its pool. */
function heldByNobody({ pool }: RunRow, working: boolean): string {
  return pool === "default" ? "nobody holds it" : working ? `no worker of its pool '${pool}' has it`
    : `no worker for its pool '${pool}' is alive (a program works for it by openEngine({ work: { pool: "${pool}" } }))`;
}
type Turns = readonly { readonly runId: string; readonly held: boolean }[];

function inLine(who: string, { runId, slotKey, createdAt }: RunRow, turns: Turns): Reason {
  const [first] = turns, place = turns.filter(({ held }) => !held).findIndex((one) => one.runId === runId) + 1;
  const holders = turns.filter(({ held }) => held).map((one) => one.runId).slice(0, MOST).join(", ") || "nobody";
  return { because: `${who} is number ${place} in line for a turn of '${slotKey}' since ${when(createdAt)}; ` +
    `${holders} ${holders.includes(", ") ? "have" : "has"} it now.`, waits: [],
    next: [first?.held ? `npx reprise why ${first.runId}` : `npx reprise resume ${runId}`] };
}

function ended(who: string, row: RunRow, view: RunView): Reason {
  if (view.continuedAs !== undefined) return { waits: [], next: [`npx reprise why ${view.continuedAs}`],
    because: `${who} goes on as run ${view.continuedAs}, the next of its chain.` };
  const how = view.error === undefined ? "" : `: ${view.error.name}: ${wholeMessage(view.error)}`;
  const next = `npx reprise runs inspect ${row.runId}`;
  return { because: `${who} ended as ${row.state} at ${when(row.endedAt)}${how}${
    row.retriedAs === null ? "" : `; it is tried again as run ${row.retriedAs}`}.`, waits: [],
    next: row.retriedAs !== null ? [`npx reprise why ${row.retriedAs}`, next]
      : row.state === "failed" ? [next, `npx reprise runs retry ${row.runId}`] : [next] };
}

function parked(who: string, row: RunRow, view: RunView): Reason {
  const because = `${who} is parked as ${row.parked ?? ""}: ${view.parked?.message ?? "see its events"}`;
  const next = row.parked === "REPLAY_DIVERGED" ? `npx reprise replay ${row.runId} --check`
    : row.parked === "UNDO_FAILED" ? `npx reprise runs retry ${row.runId}` : `npx reprise resume ${row.runId}`;
  return { because, next: [next], waits: [] };
}

function pausedBy(events: readonly Event[]): string {
  const event = events.findLast(({ type }) => type === "RunPaused");
  if (event?.type !== "RunPaused") return "";
  return `${event.who === undefined ? "" : ` by ${event.who}`} since ${when(event.at)}`;
}
function nextOf(waits: readonly OpenWait[], now: number): string {
  return waits.length === 0 ? "then it is ready to go on" : `then it ${sentence(waits, now)}`;
}

function sentence(waits: readonly OpenWait[], now: number): string {
  if (waits.length === 0) return "is ready to go on";
  const more = waits.length > MOST ? ` and ${waits.length - MOST} more` : "";
  return waits.slice(0, MOST).map(({ kind, text, since, until }) => {
    const from = kind === "retry" ? "" : ` since ${when(since)}`;
    const limit = until === undefined || kind === "retry" ? ""
      : ` until ${when(until)} (${until > now ? `in ${formatMs(until - now)}` : "that is over"})`;
    return `${text}${from}${limit}`;
  }).join(" and ") + more;
}
