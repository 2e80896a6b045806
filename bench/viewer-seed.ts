/** A database with many runs, and one of them long: rows put in by SQL, as the engine would have left them. */
import postgres from "postgres";

type Sql = ReturnType<typeof postgres>;
/** The long run's id sorts after all others: it is the newest. */
export const LONG_RUN = "01ZZZZZZZZZZZZZZZZZZZZZZZZ";
const ROW_EVENTS = 1000, ROWS_AT_ONCE = 10;
/** A failure in so many tasks; events of a task that fails once, and of one that does not. */
const FAILS_EACH = 50;

/** Rows of runs: most completed, a tenth failed, ten running, five parked. */
export async function seedRuns(url: string, runs: number): Promise<void> {
  const sql = open(url);
  await sql.unsafe(`insert into reprise.runs (run_id, workflow, name, pool, priority, tags, code_version, state, as_of,
      epoch, created_at, started_at, ended_at, parked)
    select '01' || lpad(n::text, 24, '0'), 'workflow-' || n % 20, 'run-' || n, 'default', 0,
      case when n % 9 = 0 then '["eu"]' else '[]' end, 'abcdef0123456789',
      case when n % ($1 / 10) = 7 then 'running' when n % 10 = 0 then 'failed' else 'completed' end, 40, 1,
      now() - (($1 - n) || ' seconds')::interval, now() - (($1 - n) || ' seconds')::interval,
      case when n % ($1 / 10) = 7 then null else now() - (($1 - n) || ' seconds')::interval + interval '40 s' end,
      case when n % ($1 / 5) = 9 then 'REPLAY_DIVERGED' end
    from generate_series(1, $1::integer) as n`, [runs]);
  await sql.unsafe("analyze reprise.runs");
  await sql.end();
}

/** Lines of log: twenty of each of the newest runs, one in ten a warning, one in fifty an error; and 100,000 of the
 *  newest of all, of which a tenth are warnings. */
export async function seedLogs(url: string, runs: number, newest: number): Promise<void> {
  const sql = open(url);
  await sql.unsafe(`insert into reprise.logs (run_id, seq, at, level, message)
    select '01' || lpad(n::text, 24, '0'), line, now(),
      case when (n + line) % 50 = 3 then 'error' when (n + line) % 10 = 1 then 'warn' else 'info' end,
      'line ' || line || ' of what user code has to say about its work'
    from generate_series($1::integer - $2::integer + 1, $1::integer) as n, generate_series(1, 20) as line`,
  [runs, newest]);
  await sql.unsafe(`insert into reprise.logs (run_id, seq, at, level, message)
    select '01' || lpad($1::text, 24, '0'), line, now(), case when line % 10 = 1 then 'warn' else 'info' end, 'chatter'
    from generate_series(1, 100000) as line`, [runs]);
  await sql.unsafe("analyze reprise.logs");
  await sql.end();
}

/** One run whose history has exactly `events` events: tasks with arguments and results, some with a failed attempt. */
export async function seedLongRun(url: string, events: number): Promise<void> {
  const sql = open(url), from = Date.now() - 3 * 3_600_000, all = longHistory(events, from);
  await sql.unsafe(`insert into reprise.runs (run_id, workflow, name, pool, priority, tags, code_version, state, as_of,
      epoch, created_at, started_at, ended_at)
    values ($1, 'nightly-import', 'long-heron', 'default', 0, '[]', '', 'completed', $2, 1, now() - interval '3 h',
      now() - interval '3 h', now())`, [LONG_RUN, events]);
  for (let i = 0; i < all.length; i += ROW_EVENTS * ROWS_AT_ONCE) {
    const rows = [];
    for (let first = i; first < Math.min(all.length, i + ROW_EVENTS * ROWS_AT_ONCE); first += ROW_EVENTS) {
      const part = all.slice(first, first + ROW_EVENTS);
      rows.push({ first: first + 1, count: part.length, events: JSON.stringify(part) });
    }
    await sql.unsafe(`insert into reprise.history (run_id, first_seq, count, append_id, epoch, events)
      select $1, (row ->> 'first')::integer, (row ->> 'count')::integer, gen_random_uuid(), 1, row ->> 'events'
      from json_array_elements($2::text::json) as row`, [LONG_RUN, JSON.stringify(rows)]);
  }
  await sql.end();
}

function open(url: string): Sql { return postgres(url, { max: 1, fetch_types: false, onnotice: () => undefined }) }

function longHistory(events: number, from: number): readonly object[] {
  const out: object[] = [
    { type: "RunStarted", at: from, workflow: "nightly-import", name: "long-heron", seed: "s", engineFlags: 1,
      input: { p: { night: "2026-11-20" } } },
    { type: "RunClaimed", at: from, epoch: 1, worker: "w-01J0000000000000000000000A" }];
  let at = from;
  for (let n = 0; out.length < events - 1; n++) {
    const key = `task:importPage#${n}`, fails = n % FAILS_EACH === 7;
    at += 40;
    out.push({ type: "TaskScheduled", at, key, name: "importPage", inputHash: "h", by: Math.max(1, out.length),
      retries: 3, input: { p: [{ page: n, url: `https://example.com/pages/${n}`, size: 500 }] },
      site: "import.ts:12:21" }, { type: "AttemptStarted", at: at + 1, key, attempt: 1 });
    if (fails) {
      out.push({ type: "AttemptFailed", at: at + 20, key, attempt: 1, error: { name: "Error", message: "503" } },
        { type: "RetryScheduled", at: at + 20, key, attempt: 2, dueAt: at + 30 },
        { type: "AttemptStarted", at: at + 30, key, attempt: 2 });
    }
    out.push({ type: "TaskCompleted", at: at + 38, key, attempt: fails ? 2 : 1,
      result: { p: { rows: 500 + n % 7, checksum: `c${n}`, next: n + 1 } } });
  }
  return [...out.slice(0, events - 1), { type: "RunCompleted", at: at + 40, key: "run:end", by: events - 1,
    result: { p: { pages: events } } }];
}
