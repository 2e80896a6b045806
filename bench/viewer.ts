/**
 * `npm run bench:viewer`: the replay viewer over a million runs and a run of 100,000 events, in a real Chromium and on
 * a real PostgreSQL. `--json` prints one document and nothing else; `--quick` takes few rows, to see that it works;
 * else bench/viewer-results.md is written.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { chromium, type Browser } from "playwright-core";
import { openRunEngine, type RunEngine } from "reprise/engine";
import { task, workflow } from "reprise";
import { openViewer } from "../dist/replay-viewer/server/viewer.js";
import { recordRun } from "../dist/replay-viewer/server/record.js";
import { workflowNames, workflowSpec } from "../dist/sdk/registry.js";
import { CHROMIUM_ARGS, chromiumPath } from "../test/chromium.ts";
import { freshDatabase, startPostgres } from "../test/postgres-server.ts";
import { ms, quantile, round } from "./numbers.ts";
import { heapBytes, listMs, LOADER, openRun, scrubP95, searchMs, watchHeads } from "./viewer-page.ts";
import { viewerReport } from "./viewer-report.ts";
import { LONG_RUN, seedLongRun, seedRuns } from "./viewer-seed.ts";

const loadBefore = round(loadavg()[0] ?? 0, 1);
const json = process.argv.includes("--json"), quick = process.argv.includes("--quick");
const RUNS = quick ? 2_000 : 1_000_000, EVENTS = quick ? 2_000 : 100_000, ROUNDS = quick ? 2 : 7;
const say = (text: string): void => { process.stderr.write(`${text}\n`) };

const server = await startPostgres(), executablePath = chromiumPath();
if (server === undefined) throw new Error("no PostgreSQL binaries here: install the dev dependencies, or PostgreSQL");
if (executablePath === undefined) throw new Error("no Chromium here: install it, or name it in REPRISE_TEST_CHROMIUM");

const url = await freshDatabase(server.url);
const committed = new Map<number, number>();
const engine = await openRunEngine({ database: url, workflow: workflowSpec, workflows: workflowNames, claims: "all",
  observer: { line: () => undefined, outage: () => undefined, events: (_run, events) => {
    for (const { seq } of events) committed.set(seq, performance.timeOrigin + ms());
  } } });
say(`${RUNS} runs, a run of ${EVENTS} events`);
await seedRuns(url, RUNS);
await seedLongRun(url, EVENTS);
const viewer = await openViewer({ engine, port: 0, limits: { perSecond: 10_000, burst: 10_000 } });
const browser = await chromium.launch({ executablePath, args: [...CHROMIUM_ARGS] });
const [origin = "", token = ""] = viewer.url.split("/#token=");
const at = (path: string): string => `${origin}${path}#token=${token}`;
const folder = mkdtempSync(join(tmpdir(), "reprise-viewer-bench-"));

say("the list of runs");
const lists = await listQueries();
const pageMs = await listMs(browser, at("/runs"), ROUNDS);
say("the long run");
const long = await longRun(browser);
say("from commit to screen");
const live = await commitToScreen(engine, browser);
say("the recording");
const file = join(folder, "run.html"), html = await recordRun(engine, LONG_RUN);
writeFileSync(file, html);
const recording = await openRun(browser, `file://${file}`, EVENTS);
await browser.close();
await viewer.close();
await engine.close(0);
await server.stop();

const document = {
  machine: { cpus: cpus().length, model: cpus()[0]?.model ?? "unknown", memoryGiB: round(totalmem() / 2 ** 30, 1),
    platform: process.platform, node: process.version, chromium: browser.version(), loadBefore },
  size: { runs: RUNS, events: EVENTS },
  measured: {
    listFirstPageMs: round(pageMs, 0), ...lists, runFirstDrawingMs: round(long.drawnMs, 0),
    runInteractiveMs: round(long.interactiveMs, 0), scrubP95Ms: round(long.scrub, 1), searchMs: round(long.search, 0),
    heapMb: round(long.heap / 2 ** 20, 0), commitToScreenP50Ms: round(quantile(live, 0.5), 0),
    commitToScreenP95Ms: round(quantile(live, 0.95), 0), recordingMb: round(statSync(file).size / 2 ** 20, 1),
    recordingGzippedMb: round(gzipSync(html).length / 2 ** 20, 1),
    recordingInteractiveMs: round(recording.interactiveMs, 0),
  },
};
rmSync(folder, { recursive: true, force: true });
if (json) process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
else {
  if (!quick) writeFileSync(new URL("./viewer-results.md", import.meta.url), viewerReport(document));
  process.stdout.write(viewerReport(document));
}
process.exit(0);

/** The API's first page of 50 under each filter, the median of several askings after a first one. */
async function listQueries(): Promise<{ readonly [name: string]: number }> {
  const found: { [name: string]: number } = {};
  for (const [name, query] of [["listAllMs", ""], ["listRunningMs", "&state=running"],
    ["listParkedMs", "&state=parked"], ["listFailedMs", "&state=failed"], ["listWorkflowMs", "&workflow=workflow-7"],
    ["listOldestMs", "&sort=oldest"], ["listOldestFailedMs", "&sort=oldest&state=failed"],
    ["listLongestMs", "&sort=longest"], ["listLongestFailedMs", "&sort=longest&state=failed"],
    ["listTookMs", "&took=1s"], ["listWorkerMs", "&worker=nobody"],
    ["listTwentyThousandTextMs", "&q=no-run-has-this"]] as const) {
    const taken: number[] = [];
    for (let i = 0; i <= ROUNDS; i++) {
      const from = ms();
      const answer = await fetch(`${origin}/api/v1/runs?limit=50${query}`,
        { headers: { authorization: `Bearer ${token}` } });
      if (!answer.ok) throw new Error(`${query}: ${answer.status} ${await answer.text()}`);
      await answer.arrayBuffer();
      if (i > 0) taken.push(ms() - from);
    }
    found[name] = round(quantile(taken, 0.5), 1);
  }
  return found;
}

async function longRun(with_: Browser): Promise<{ readonly drawnMs: number; readonly interactiveMs: number;
  readonly scrub: number; readonly search: number; readonly heap: number }> {
  await (await openRun(with_, at(`/runs/${LONG_RUN}`), EVENTS)).page.close(); // the server's first reading
  const { page, drawnMs, interactiveMs } = await openRun(with_, at(`/runs/${LONG_RUN}`), EVENTS);
  const scrub = await scrubP95(page, quick ? 20 : 300);
  const heap = await heapBytes(page);
  const search = await searchMs(page, ["pages/1999", "is:failure", "checksum c77", "type:taskcompleted rows"]);
  await page.close();
  return { drawnMs, interactiveMs, scrub, search, heap };
}

/** A run of short tasks, followed by a page: from the commit of each event to the frame that counts it. */
async function commitToScreen(with_: RunEngine, in_: Browser): Promise<readonly number[]> {
  const tick = task("tick", async (n: number) => { await pause(50 + n % 7 * 10); return n + 1 });
  const ticker = workflow("bench-ticker", async (n: number) => { for (let i = 0; i < n;) i = await tick(i) });
  const spec = workflowSpec(ticker.workflowName);
  if (spec === undefined) throw new Error("the bench's workflow is not defined");
  committed.clear();
  const { runId } = await with_.start({ workflow: spec, input: { p: quick ? 20 : 100 } });
  const page = await in_.newPage({ viewport: { width: 1440, height: 900 } });
  await page.addInitScript(LOADER);
  await page.goto(at(`/runs/${runId}`));
  await page.locator(".lane").first().waitFor();
  const heads = await watchHeads(page);
  await pause(500);
  const from = performance.timeOrigin + ms();
  await with_.result(runId);
  await pause(1000);
  const seen = await heads();
  await page.close();
  return seen.flatMap(([head, shownAt]) => {
    const when = committed.get(head);
    return when === undefined || when < from ? [] : [Math.max(0, shownAt - when)];
  });
}
