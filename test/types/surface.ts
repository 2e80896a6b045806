/**
 * Every public name, used as a user uses it. Nothing here runs: the build compiles it against the package's
 * declarations, so that a name or an option that goes missing, or whose shape changes, fails the build.
 */
import {
  Cancelled, context, exponential, isMain, logger, NonRetryable, openEngine, RepriseError, RetryAfter, RunError, task,
  taskContext, TaskError, TimedOut, transaction, workflow, z, type Backoff, type CacheOptions, type Duration,
  type Engine, type EngineOptions, type Event, type Execute, type InputOf, type Inputs, type Limit, type Logger,
  type MapOptions, type OutputOf, type ProgramViewer, type RetryDelay, type RunHandle, type RunInfo, type RunState,
  type Schema, type Settled, type Sql, type StartOptions, type StreamItem, type Task, type TaskContext, type TaskForms,
  type TaskFuture, type TaskOptions, type TaskState, type TerminalState, type TransactionOptions, type UpdateDef,
  type VisualizeOptions, type Workflow, type WorkflowContext, type WorkflowOptions, type QueryDef, type SignalDef,
} from "reprise";
import { explore, replay, testEngine, type Explored, type ExploreOptions, type Failure, type TestEngine,
  type TestEngineOptions } from "reprise/testing";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
/** Compiles where the two types are one, `any` being no other. */
export declare function is<A, B>(same: Same<A, B>): void;

// ---- names of states -----------------------------------------------------------------------------------------------
is<TerminalState, "completed" | "failed" | "cancelled" | "crashed">(true);
is<Exclude<RunState, TerminalState>, "scheduled" | "pending" | "running" | "waiting" | "paused" | "cancelling"
  | "parked">(true);
is<Extract<RunState, TerminalState>, TerminalState>(true);
is<TaskState, "scheduled" | "running" | "retrying" | "completed" | "failed" | "cancelled" | "cached">(true);

// ---- durations and delays ------------------------------------------------------------------------------------------
export const durations: readonly Duration[] = [1500, "500ms", "30s", "5m", "2h", "3d", "1w", "1h30m"];
// @ts-expect-error: a duration has a unit
export const unitless: Duration = "ten";
const backoff: Backoff = exponential("1s", { factor: 2, max: "5m", jitter: 0.3 });
export const delays: readonly RetryDelay[] = ["10s", 250, ["1s", "5s", "30s"], backoff,
  (attempt: number, error: Error) => error.message === "busy" ? "1m" : attempt * 100];

// ---- tasks ---------------------------------------------------------------------------------------------------------
interface Page { readonly url: string; readonly bytes: number }
declare const seats: Limit;
const cache: CacheOptions<[url: string, depth: number]> = { ttl: "30m", key: (url, depth) => `${url}/${depth}`,
  policy: ["inputs", "version", "source"], refresh: false, single: true };
const everything = {
  retries: 3, retryDelay: exponential("1s"), retryIf: async (error: Error, attempt: number) =>
    attempt < 2 && !(error instanceof TypeError),
  timeout: "30s", deadline: "10m", queueTimeout: "1h", heartbeat: "5s", cache, limits: [seats, "by-name"],
  tags: ["net"], description: "Fetches a page.", version: "2", runName: (url: string) => `fetch ${url}`,
  runner: "thread", pool: "gpu", captureConsole: true,
  undo: async (page: Page, url: string, depth: number) => { is<[Page, string, number],
    [typeof page, typeof url, typeof depth]>(true) },
  onCompleted: (page: Page) => { is<typeof page, Page>(true) },
  onFailed: async (error: TaskError) => { is<typeof error, TaskError>(true) },
} satisfies TaskOptions<[url: string, depth: number], Page>;
const fetchPage = task("fetch-page", everything, async (url: string, depth: number): Promise<Page> =>
  ({ url, bytes: depth }));
is<ReturnType<typeof fetchPage>, Promise<Page>>(true);
is<Parameters<typeof fetchPage>, [url: string, depth: number]>(true);
is<typeof fetchPage.taskName, string>(true);
is<ReturnType<typeof fetchPage.fn>, Promise<Page>>(true);
// @ts-expect-error: no such option
task("mistyped", { retry: 3 }, async () => 1);

const bare = task("bare", (n: number) => n + 1); // what is not a promise becomes one
is<ReturnType<typeof bare>, Promise<number>>(true);
const generic = task("generic", async <T>(one: T): Promise<T[]> => [one]);
export const kept: Promise<readonly string[]> = generic("one");
export const forms: TaskForms<[n: number], number> = bare;
is<TaskOptions<[], void>["cache"], Duration | CacheOptions<[]> | undefined>(true);
is<TaskOptions<[], void>["runner"], "inline" | "thread" | "process" | undefined>(true);
is<TaskOptions<[n: number], void>["runName"], string | ((n: number) => string) | undefined>(true);

export async function formsOfTasks(pages: readonly string[]): Promise<void> {
  const future: TaskFuture<Page> = fetchPage.submit("https://one.example", 1);
  is<typeof future.key, string>(true);
  is<typeof future.state, TaskState>(true);
  is<Awaited<typeof future>, Page>(true);
  is<Page, Awaited<ReturnType<typeof future.result>>>(true);
  future.cancel("not needed");
  future.cancel();
  const settled: Settled<Page> = await fetchPage.settle("https://two.example", 2);
  if (settled.ok) {
    is<typeof settled.value, Page>(true);
    is<typeof settled.state, "completed" | "cached">(true);
  } else {
    is<typeof settled.error, TaskError | Cancelled>(true);
    is<typeof settled.state, "failed" | "cancelled">(true);
  }
  const how: MapOptions<[url: string, depth: number]> = { concurrency: 8, args: [2], key: (url, i) => `${url}#${i}` };
  is<Page[], Awaited<ReturnType<typeof fetchPage.map>>>(true);
  const all: Page[] = await fetchPage.map(pages, how);
  const some: Settled<Page>[] = await fetchPage.map(new Set(pages), { ...how, settle: true });
  const careful: Task<(url: string, depth: number) => Promise<Page>> = fetchPage.with({ key: "front", retries: 9 });
  const found: number[] = await Promise.all([1, 2].map((n) => bare(n)));
  void [all, some, await careful(pages[0] ?? "", 1), found];
}

// ---- transactions --------------------------------------------------------------------------------------------------
const book: Task<(sku: string, n: number) => Promise<number>> = transaction("book", { database: "postgres://db/shop",
  isolation: "serializable", retries: 2, undo: (left: number, sku: string) => { void [left, sku] } },
async (sql: Sql, sku: string, n: number) => {
  const rows: readonly Record<string, unknown>[] = await sql`update stock set n = n - ${n} where sku = ${sku}`;
  await sql.unsafe("select $1::int", [n]);
  return rows.length;
});
is<Parameters<typeof book>, [sku: string, n: number]>(true);
is<ReturnType<typeof plain>, Promise<string>>(true);
const plain = transaction("plain", async (sql, name: string) => { await sql`select ${name}`; return name });
const undone = transaction("undone", { undo: async (left) => { left.n.toFixed() } }, async (sql, sku: string) => {
  await sql`delete from stock where sku = ${sku}`;
  return { n: 1 };
});
is<typeof undone, Task<(sku: string) => Promise<{ n: number }>>>(true);
const typed = transaction("typed", { undo: async (left: { n: number }, sku: string) => { void [left, sku] } },
  async (sql, sku: string, _many?: number) => ({ n: (await sql`select ${sku}`).length }));
is<typeof typed, Task<(sku: string, _many?: number) => Promise<{ n: number }>>>(true);
// @ts-expect-error: its result is another
transaction("mistaken", { undo: async (left: { n: string }) => { void left } }, async (sql, sku: string) =>
  ({ n: (await sql`select ${sku}`).length }));
transaction("known", { undo: async (left, sku) => { is<[{ n: number }, string], [typeof left, typeof sku]>(true) } },
  async (sql: Sql, sku: string) => ({ n: (await sql`select ${sku}`).length }));
export const bookOptions: TransactionOptions<[], void> = { database: "postgres://db/shop", timeout: "5s" };

// ---- workflows -----------------------------------------------------------------------------------------------------
declare const stop: SignalDef<void>;
const order = z.object({ sku: z.string(), n: z.number().default(1) });
is<InputOf<typeof order>, { sku: string; n?: number | undefined }>(true);
is<OutputOf<typeof order>, { sku: string; n: number }>(true);
const options = {
  input: order, description: "Buys.", version: "3", tags: ["shop"], runName: ({ sku }: { sku: string }) => `buy ${sku}`,
  retries: 2, retryDelay: ["1m", "1h"], deadline: "2d", dangling: "await", evolve: "strict",
  concurrency: { max: 2, key: ({ sku }: { sku: string }) => sku, onFull: "cancelRunning" }, signals: [stop],
} satisfies WorkflowOptions<typeof order>;
const buy = workflow("buy", options, async ({ sku, n }) => {
  is<[typeof sku, typeof n], [string, number]>(true);
  return { sku, left: await book(sku, n) };
});
is<typeof buy, Workflow<[input: { sku: string; n?: number | undefined }], { sku: string; left: number }>>(true);
is<WorkflowOptions["dangling"], "cancel" | "await" | "error" | undefined>(true);
is<WorkflowOptions["evolve"], "strict" | "append" | "pin" | undefined>(true);
is<NonNullable<WorkflowOptions["concurrency"]>["onFull"], "queue" | "skip" | "cancelNew" | "cancelRunning" | undefined>(
  true);
const none = workflow("none", async () => "done");
is<typeof none, Workflow<[], string>>(true);
const maybe = workflow("maybe", { tags: ["x"] }, (day?: Date) => day?.getTime() ?? 0);
is<ReturnType<typeof maybe>, Promise<number>>(true);
// @ts-expect-error: a workflow takes one input
workflow("two-inputs", async (one: number, two: number) => one + two);
// @ts-expect-error: no such option
workflow("mistyped", { timeout: "1m" }, async () => 1);
export const eachTakes: readonly Inputs[] = [[], [1], [undefined]];

const start: StartOptions = { id: "order-7", ifExists: "attach", at: new Date(), name: "red-crane", tags: ["web"],
  priority: 3, pool: "default", detached: true, onParentClose: "abandon" };
declare const client: { query(text: string, values: readonly unknown[]): Promise<readonly unknown[]> };
const tx: Execute = (text, values) => client.query(text, values);

export async function startsOfWorkflows(): Promise<void> {
  is<Awaited<ReturnType<typeof buy>>, { sku: string; left: number }>(true);
  const run = await buy.start({ sku: "lamp" }, { ...start, at: "10m", ifExists: "replace", tx });
  is<typeof run, RunHandle<{ sku: string; left: number }>>(true);
  is<typeof buy.workflowName, string>(true);
  await buy.run({ sku: "lamp", n: 2 }, { ifExists: "fail" });
  await buy.with({ priority: 9 })({ sku: "lamp" });
  await buy.fn({ sku: "lamp" });
  is<ReturnType<typeof buy.get>, typeof run>(true);
  await none.start(undefined, start);
  await none.start();
  await maybe();
  await maybe(new Date());
  // @ts-expect-error: its input has a sku
  await buy.start({ n: 1 });
  // @ts-expect-error: it takes no input
  await none(1);
  const drawn: VisualizeOptions<{ sku: string }> = { input: { sku: "lamp" }, format: "svg", values: { book: 1 } };
  is<Promise<string>, ReturnType<typeof buy.visualize>>(true);
  await buy.visualize(drawn);
  await buy.visualize();
  // @ts-expect-error: serving a workflow by a schedule comes with a later version
  await buy.serve({ name: "nightly", cron: "0 3 * * *" });
  // @ts-expect-error: so do deployments
  await buy.deploy({ name: "nightly" });
}

// ---- handles -------------------------------------------------------------------------------------------------------
interface Ends { readonly total: number }
export async function handles(run: RunHandle<Ends>, quantity: UpdateDef<number, string>, items: QueryDef<string[]>,
  paid: SignalDef<{ sum: number }>): Promise<void> {
  is<[typeof run.id, typeof run.name, typeof run.url], [string, string, string | undefined]>(true);
  is<ReturnType<typeof run.result>, Promise<Ends>>(true);
  is<Awaited<ReturnType<typeof run.state>>, { state: RunState; head: number }>(true);
  await run.state({ at: 12 });
  for await (const event of run) is<typeof event, Event>(true);
  for await (const { seq, type, at, key, by } of run.history({ from: 4 })) {
    is<[typeof seq, typeof at, typeof key, typeof by], [number, Date, string | undefined, number | undefined]>(true);
    if (type === "TaskCompleted") is<typeof type, "TaskCompleted">(true);
  }
  for await (const { seq, level, text } of run.logs()) is<[typeof seq, typeof level, typeof text],
    [number, string, string]>(true);
  const sums: AsyncIterable<StreamItem<number>> = run.stream<number>("sums", { from: 2, follow: false });
  for await (const { offset, seq, at, value } of sums) is<[typeof offset, typeof seq, typeof at, typeof value],
    [number, number, Date, number]>(true);
  await run.signal(stop);
  await run.signal(paid, { sum: 3 }, { key: "payment-1" });
  is<Awaited<ReturnType<typeof run.query<string[]>>>, string[]>(true);
  await run.query(items, { at: 7 });
  const reply: string = await run.update(quantity, 3, { wait: "completed", key: "q-1" });
  await run.update(quantity, 3, { wait: "accepted" });
  for (const { name, key, kind, description, schema, since, until } of await run.waits()) {
    is<typeof kind, "signal" | "form" | "condition">(true);
    is<[typeof name, typeof key, typeof schema], [string, string, object]>(true);
    is<typeof description, string | undefined>(true);
    is<[typeof since, typeof until], [Date, Date | undefined]>(true);
  }
  await run.answer("approve", { ok: true }, { by: "ada" });
  await run.cancel({ reason: "enough", grace: "5s" });
  await run.cancel();
  await run.pause();
  await run.resume();
  const again: RunHandle<Ends> = await run.retry();
  const fork: RunHandle<Ends> = await run.fork({ at: "task:book#0", edit: { "task:book#0": 4 }, input: { sku: "x" } });
  await run.fork({ at: 12 });
  await run.inject("task:book#0", 7, { by: "ada", reason: "by phone" });
  await run.skip("timer:sleep#0", { by: "ada", reason: "in a hurry" });
  is<ReturnType<typeof run.export>, Promise<string>>(true);
  void [reply, again, fork];
}

// ---- errors that users throw, make and catch -----------------------------------------------------------------------
export function thrown(error: unknown): string {
  const made: readonly Error[] = [new NonRetryable("no such card", { code: 51 }), new NonRetryable(new Error("x")),
    new RetryAfter("30s"), new RetryAfter(1500, new Error("busy")), new Cancelled(), new Cancelled("by ada"),
    new TimedOut("the bank did not answer in time"), new TimedOut("the bank", "2m"),
    new TaskError("charge", 3, new Error("402"), { code: 51 }), new RunError("01J", "failed", "no", new Error("402")),
    new RepriseError("OUT_OF_STOCK", "no lamps are left", "Order some.", { cause: new Error("0") })];
  if (error instanceof NonRetryable) return String(error.data);
  if (error instanceof TaskError) return `${error.task} ${error.attempts} ${String(error.data)} ${String(error.cause)}`;
  if (error instanceof RunError) {
    is<typeof error.state, TerminalState>(true);
    return error.runId;
  }
  if (error instanceof Cancelled) return error.reason ?? "";
  if (error instanceof TimedOut || error instanceof RepriseError) return error.code + error.hint + error.docs;
  return String(made.length);
}

// ---- inside --------------------------------------------------------------------------------------------------------
export function whereAmI(): string {
  const here: WorkflowContext | TaskContext = context();
  const run: RunInfo = here.run, signal: AbortSignal = here.abortSignal;
  is<[typeof run.id, typeof run.name, typeof run.workflow, typeof run.startedAt, typeof run.parentId],
    [string, string, string, Date, string | undefined]>(true);
  is<typeof run.tags, readonly string[]>(true);
  const log: Logger = logger();
  for (const level of ["debug", "info", "warn", "error", "critical"] as const) log[level]("a line", { run: run.id });
  if (here.in === "workflow" || signal.aborted) return run.name;
  const task_: TaskContext = taskContext();
  task_.heartbeat({ rows: 3 });
  is<ReturnType<typeof task_.lastHeartbeat<{ rows: number }>>, { rows: number } | undefined>(true);
  return `${task_.task.name} ${task_.task.key} ${task_.attempt.toFixed()} ${task_.idempotencyKey}`;
}

// ---- engines -------------------------------------------------------------------------------------------------------
export async function embeds(): Promise<void> {
  const viewer: ProgramViewer = { port: 4400, readOnly: true };
  const asked: EngineOptions = { database: "memory:", name: "shop-1", default: false, signals: true, viewer,
    work: { pool: "default", concurrency: 8 } };
  await using engine: Engine = await openEngine(asked);
  const run: RunHandle<{ sku: string; left: number }> = await engine.start(buy, { sku: "lamp" }, start);
  is<ReturnType<typeof engine.get>, RunHandle<unknown>>(true);
  for await (const one of engine.list({ state: "failed", workflow: "buy", limit: 10 })) void one.id;
  await openEngine({ work: false, viewer: true });
  await openEngine();
  await engine.close({ drain: "30s" });
  if (isMain(import.meta)) await run.result();
}

// ---- tests ---------------------------------------------------------------------------------------------------------
export async function tests(): Promise<void> {
  const how: TestEngineOptions = { clock: "manual" };
  await testEngine({ clock: "real", database: ".reprise" });
  await using t: TestEngine = await testEngine(how);
  await t.advance("1h");
  is<ReturnType<typeof t.now>, Date>(true);
  const { calls } = t.mock(fetchPage, (url, depth) => ({ url, bytes: depth }));
  is<typeof calls, readonly [url: string, depth: number][]>(true);
  t.mock(book, async () => { throw new TimedOut("the database") });
  // @ts-expect-error: a mock gives what the task gives
  t.mock(book, () => "three");
  t.crashAt(12);
  const run: RunHandle<string> = await t.start(none);
  await t.close();
  is<Awaited<ReturnType<typeof replay>>, { readonly ok: boolean; readonly diff: string | undefined }>(true);
  await replay(await run.export());
  const wide: ExploreOptions<{ sku: string }, { left: number }> = { input: { sku: "lamp" }, orders: 20, crashes: 5,
    seed: 7, check: ({ left }) => { if (left < 0) throw new Error("oversold") } };
  const explored = await explore(buy, wide), { failures } = explored;
  is<typeof explored, Explored>(true);
  is<Explored, { readonly failures: readonly Failure[]; readonly compared: boolean;
    readonly varying: readonly string[] }>(true);
  is<typeof failures, readonly Failure[]>(true);
  is<Failure, { readonly seed: number; readonly history: string; readonly outcome: string;
    readonly crashedAt: number | undefined }>(true);
}

// ---- schemas: any library that keeps the standard ------------------------------------------------------------------
const even: Schema<number> = { "~standard": { version: 1, vendor: "ours", validate: (value) => ({ value }) } };
const halves = workflow("halves", { input: even }, async (n) => n / 2);
is<typeof halves, Workflow<[input: number], number>>(true);
