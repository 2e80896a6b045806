import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { WebSocket, type ClientOptions } from "ws";
import * as wire from "../replay-viewer/server/wire.ts";
import { consoleObserver } from "../sdk/console.ts";
import { offerDefault, withdrawDefault } from "../sdk/default-engine.ts";
import { logger, sleep, task, workflow, z } from "../sdk/index.ts";
import { NO_RUN, served, TOKEN } from "./served.ts";

const house = served(), { ask, anew, get } = house;
const headers = { authorization: `Bearer ${TOKEN}` };
const runs = (query = ""): Promise<z.output<typeof wire.listAnswer>> => get(`/runs${query}`, wire.listAnswer);

const add = task("add", async (a: number, b: number) => { await pause(2); return a + b });
const sum = workflow("sum", async (upTo: number) => {
  let total = 0;
  for (let i = 1; i <= upTo; i++) total = await add(total, i);
  return total;
});
const brief = workflow("brief", async () => "done");
const failing = workflow("failing", async () => { await Promise.resolve(); throw new Error("no") });
const long = workflow("long", async () => { await sleep("1h") });

describe("the list of runs", () => {
  test("comes newest first, in pages that miss and repeat nothing", async () => {
    for (let i = 0; i < 7; i++) await brief();
    const seen: string[] = [];
    let next: string | null = null, pages = 0;
    do {
      const page: z.output<typeof wire.listAnswer> = await runs(`?limit=3${next === null ? "" : `&before=${next}`}`);
      seen.push(...page.runs.map(({ runId }) => runId));
      next = page.next;
      pages++;
    } while (next !== null);
    expect(seen).toEqual((await house.engine.list({})).map(({ runId }) => runId));
    expect(pages).toBe(3);
  });

  test("is filtered by state, workflow, tag, text and time, all at once", async () => {
    await brief();
    const tagged = await brief.with({ tags: ["night", "eu"], name: "red-fox" }).start();
    await tagged.result();
    await failing().catch(() => undefined);
    const names = async (query: string): Promise<string[]> => (await runs(query)).runs.map((row) => row.workflow);
    expect(await names("?state=failed")).toEqual(["failing"]);
    expect(await names("?state=failed,completed&workflow=brief")).toEqual(["brief", "brief"]);
    expect(await names("?state=parked,completed")).toEqual(["brief", "brief"]);
    expect((await runs("?tag=night")).runs.map(({ name }) => name)).toEqual(["red-fox"]);
    expect((await runs("?q=RED-F")).runs).toHaveLength(1);
    expect((await runs(`?q=${tagged.id.slice(-6).toLowerCase()}&since=1h&state=completed`)).runs).toHaveLength(1);
    expect(await names(`?since=${Date.now() + 1000}`)).toEqual([]);
    expect(await names("?since=2020-01-01")).toHaveLength(3);
    expect(await names("?state=parked")).toEqual([]);
  });

  test("comes oldest or longest first, and is narrowed by worker, version and duration", async () => {
    const waiting = await long.start();
    for (let i = 0; i < 4; i++) await brief();
    await sum(40);
    await expect.poll(async () => (await house.engine.row(waiting.id)).owner).not.toBeNull();
    const all = (await house.engine.list({})).map(({ runId }) => runId);
    const { owner, codeVersion } = await house.engine.row(waiting.id);
    const ids = async (query: string): Promise<string[]> => (await runs(query)).runs.map(({ runId }) => runId);
    expect(await ids("?sort=newest")).toEqual(all);
    expect(await ids("?sort=oldest")).toEqual(all.toReversed());
    const seen: string[] = [];
    for (let next: string | null = ""; next !== null;) {
      const more: string = next && `&before=${next}`;
      const page: z.output<typeof wire.listAnswer> = await runs(`?sort=oldest&limit=2&since=1h${more}`);
      seen.push(...page.runs.map(({ runId }) => runId));
      next = page.next;
    }
    expect(seen).toEqual(all.toReversed());
    expect((await ids("?sort=longest")).slice(0, 2)).toEqual([waiting.id, all[0]]);
    expect(await ids("?sort=longest&state=completed&limit=1")).toEqual([all[0]]);
    expect(await ids("?took=1h")).toEqual([]);
    expect(await ids("?took=0s&q=brief")).toHaveLength(4);
    expect(await ids(`?worker=${owner ?? ""}`)).toEqual([waiting.id]);
    expect(await ids(`?worker=${owner ?? ""}&state=completed`)).toEqual([]);
    expect(await ids(`?version=${codeVersion}`)).toEqual(all);
    expect(await ids("?version=none&sort=longest")).toEqual([]);
    expect((await ask("/runs?took=7")).body).toMatchObject({ error: { code: "INVALID_DURATION" } });
    const [first = "", second = ""] = all, told = await ask(`/tallies?runs=${first},${waiting.id},${NO_RUN},${second}`);
    expect(wire.talliesAnswer.parse(told.body).tallies).toMatchObject([{ done: 40, failed: 0, retries: 0 },
      { done: 0 }, null, { done: 0, events: expect.any(Number) }]);
    await waiting.cancel();
  });

  test("counts warnings and errors of each run's log", async () => {
    const noisy = await workflow("noisy", async () => {
      logger().warn("a little late");
      logger().info("nothing to see");
      for (const n of [1, 2]) logger().error(`worse ${n}`);
    }).start();
    const calm = await brief.start();
    await noisy.result();
    await calm.result();
    const asked = `/tallies?runs=${noisy.id},${calm.id}`;
    await expect.poll(async () => wire.talliesAnswer.parse((await ask(asked)).body).tallies)
      .toMatchObject([{ warnings: 1, errors: 2 }, { warnings: 0, errors: 0 }]);
  });

  test("refuses what it does not know, and says where", async () => {
    for (const [query, place] of [["state=gone", "query.state.0"], ["limit=0", "query.limit"], ["sort=up", "query"],
      ["limit=1e9", "query.limit"], ["before=x", "query.before"], ["q=", "query.q"], ["q=a&q=b", "query.q"]]) {
      const { status, body } = await ask(`/runs?${query}`);
      expect(status, query).toBe(400);
      expect(wire.problem.parse(body).error.message).toContain(place);
    }
    expect((await ask("/runs?since=soon")).body).toMatchObject({ error: { code: "INVALID_DURATION" } });
  });
});

describe("a run", () => {
  test("is told with its whole history, in pages", async () => {
    const run = await sum.start(40);
    await run.result();
    expect((await get(`/runs/${run.id}`, wire.runAnswer)).run).toMatchObject({ workflow: "sum", state: "completed" });
    const events: unknown[] = [];
    for (let after = 0, head = 1; after < head;) {
      const page = await get(`/runs/${run.id}/history?after=${after}&limit=17`, wire.historyAnswer);
      events.push(...page.events);
      ({ head } = page);
      after = page.events.at(-1)?.seq ?? head;
      expect(page.events.length).toBeLessThanOrEqual(17);
      expect(Math.abs(page.now - Date.now())).toBeLessThan(2000);
    }
    expect(events).toEqual(await house.engine.history(run.id));
  });

  test("has its large values apart, by hash", async () => {
    const big = "x".repeat(50_000), make = task("make", async () => ({ big, at: new Date(0) }));
    const run = await workflow("large", async () => { await make() }).start();
    await run.result();
    const { events } = await get(`/runs/${run.id}/history`, wire.historyAnswer);
    const kept = z.object({ ref: z.string() })
      .parse(events.find(({ type }) => type === "TaskCompleted")?.["result"]);
    const { payload } = await get(`/payloads/${kept.ref}`, wire.payloadAnswer);
    expect(JSON.stringify(payload)).toContain(big);
    expect((await ask("/payloads/0123")).body).toMatchObject({ error: { code: "NOT_FOUND" } });
  });

  test("has logs and sources", async () => {
    const talk = task("talk", async () => { logger().warn("look", { n: 1 }) });
    const run = await workflow("talking", async () => { await talk() }).start();
    await run.result();
    await house.engine.store.putSources({ codeVersion: "v7", files: { "src/a.ts": "h" } },
      [{ hash: "h", text: "<b>" }]);
    await expect.poll(async () => (await get(`/runs/${run.id}/logs`, wire.logsAnswer)).lines)
      .toMatchObject([{ level: "warn", message: "look", data: '{"n":1}', key: "task:talk#0" }]);
    expect((await get(`/runs/${run.id}/sources?version=v7`, wire.sourcesAnswer)).files).toEqual({ "src/a.ts": "<b>" });
    const own = await get(`/runs/${run.id}/sources`, wire.sourcesAnswer);
    expect(own.codeVersion).toBe((await house.engine.row(run.id)).codeVersion);
    expect(Object.values(own.files).join()).toContain("has logs and sources");
  });

  test("that is not there is a 404 everywhere, and an id that is none a 400", async () => {
    for (const part of ["", "/history", "/logs", "/sources"]) {
      const { status, body } = await ask(`/runs/${NO_RUN}${part}`);
      expect(status).toBe(404);
      expect(body).toMatchObject({ error: { code: "RUN_NOT_FOUND", docs: "docs/errors/RUN_NOT_FOUND.md" } });
      expect((await ask(`/runs/abc${part}`)).status).toBe(400);
    }
  });
});

describe("the server", () => {
  test("says that it is up, counts runs, and describes itself", async () => {
    await brief();
    await failing().catch(() => undefined);
    expect(await (await fetch(`${house.viewer.origin}/api/v1/health`)).json()).toEqual({ status: "ok" });
    const metrics = await (await fetch(`${house.viewer.origin}/api/v1/metrics`, { headers })).text();
    expect(metrics).toContain('reprise_runs{state="completed"} 1\n');
    expect(metrics).toContain('reprise_runs{state="failed"} 1\n');
    const { body } = await ask("/openapi.json");
    const operation = z.looseObject({ parameters: z.array(z.looseObject({ name: z.string() })) });
    const { paths, openapi } = z.object({ openapi: z.string(),
      paths: z.record(z.string(), z.record(z.string(), operation)) }).parse(body);
    expect(openapi).toBe("3.1.0");
    expect(Object.keys(paths)).toEqual(["/tallies", "/runs", "/runs/{id}", "/runs/{id}/history", "/runs/{id}/logs",
      "/runs/{id}/sources", "/payloads/{hash}", "/runs/{id}/waits", "/runs/{id}/tree", "/runs/{id}/expected",
      "/limits", "/limits/{name}", "/turns", "/workers", "/code",
      ...["cancel", "resume", "pause", "retry", "fork", "signal", "answer", "update", "inject", "skip"]
        .map((name) => `/runs/{id}/${name}`), "/workflows", "/hooks/{id}/{token}", "/runs/{id}/locals",
      "/runs/{id}/log-points", "/health", "/metrics", "/openapi.json"].map((path) => `/api/v1${path}`));
    expect(paths["/api/v1/runs"]?.["get"]?.parameters.map(({ name }) => name)).toEqual(["state", "workflow", "tag", "q",
      "since", "worker", "version", "took", "sort", "before", "limit"]);
  });

  test("cancels a run, once it is there and has not ended", async () => {
    const run = await long.start();
    expect((await ask(`/runs/${run.id}/cancel`, { reason: "enough" })).body).toEqual({ ok: true });
    await expect(run.result()).rejects.toMatchObject({ message: "the run was cancelled: enough" });
    const again = await ask(`/runs/${run.id}/cancel`, {});
    expect(again).toMatchObject({ status: 409, body: { error: { code: "RUN_ENDED" } } });
    expect(await ask(`/runs/${NO_RUN}/cancel`, {})).toMatchObject({ status: 404 });
    expect(await ask(`/runs/${run.id}/cancel`, { why: "?" })).toMatchObject({ status: 400 });
  });
});

describe("the viewer's files", () => {
  test("are served with what browsers need to keep them, and the page for every path of its own", async () => {
    const folder = mkdtempSync(join(tmpdir(), "viewer-"));
    mkdirSync(join(folder, "assets"));
    for (const [name, content] of [["index.html", "<p>page"], ["assets/main-a1B2c3D4.js", "let a"],
      ["assets/main-a1B2c3D4.js.br", "small"], ["assets/main-a1B2c3D4.js.gz", "tiny"],
      ["icon.svg", "<svg/>"]] as const) {
      writeFileSync(join(folder, name), content);
    }
    await anew({ staticDir: folder });
    const read = async (path: string, asked: Record<string, string> = {}): Promise<[number, string, Headers]> => {
      const response = await fetch(house.viewer.origin + path, { headers: asked });
      return [response.status, await response.text(), response.headers];
    };
    const [, page, kept] = await read("/");
    expect([page, kept.get("cache-control"), kept.get("content-type")]).toEqual(["<p>page", "no-cache",
      "text/html; charset=utf-8"]);
    expect((await read(`/runs/${NO_RUN}`))[1]).toBe("<p>page");
    expect((await read("/workflows/etl.v2", { accept: "text/html" }))[1]).toBe("<p>page");
    expect((await read("/", { "if-none-match": kept.get("etag") ?? "" }))[0]).toBe(304);
    const [, script, forever] = await read("/assets/main-a1B2c3D4.js", { "accept-encoding": "identity" });
    expect(script).toBe("let a");
    expect(forever.get("cache-control")).toBe("public, max-age=31536000, immutable");
    const brotli = await fetch(`${house.viewer.origin}/assets/main-a1B2c3D4.js`, { method: "HEAD",
      headers: { "accept-encoding": "gzip, br" } });
    expect(brotli.headers.get("content-encoding")).toBe("br");
    expect((await read("/icon.svg"))[2].get("content-type")).toBe("image/svg+xml");
    for (const path of ["/assets/old-11111111.js", "/icon.png"]) expect((await read(path))[0]).toBe(404);
  });

  test("that are not built are replaced by a page that says so", async () => {
    await anew({ staticDir: join(tmpdir(), "there-is-nothing-here") });
    expect(await (await fetch(house.viewer.url)).text()).toContain("The viewer is not built");
  });
});

type Said = z.output<typeof wire.serverMessage>;
/** A client of the socket: what it has heard, by kind, and how it was closed. */
class Listener {
  readonly socket: WebSocket;
  readonly heard: Said[] = [];
  readonly opened: Promise<void>;
  readonly closed: Promise<number>;
  constructor(options: ClientOptions = {}) {
    this.socket = new WebSocket(`${house.viewer.origin.replace("http", "ws")}/api/v1/live`,
      ["reprise.v1", `reprise.${TOKEN}`], options);
    this.closed = new Promise((resolve) => { this.socket.once("close", resolve) });
    this.opened = new Promise((resolve, reject) => {
      this.socket.once("open", () => { resolve() });
      this.socket.on("error", reject);
    });
    this.socket.on("message", (data) => { this.heard.push(wire.serverMessage.parse(JSON.parse(String(data)))) });
  }
  async say(message: unknown): Promise<void> {
    await this.opened;
    this.socket.send(typeof message === "string" || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }
  get updates(): (Said & { events: unknown })[] { return this.heard.filter((said) => "events" in said) }
  get seqs(): number[] {
    return this.heard.flatMap((said) => "events" in said ? said.events.map(({ seq }) => seq) : []);
  }
  get last(): number { return this.seqs.at(-1) ?? 0 }
  get over(): boolean { return this.heard.some((said) => "row" in said && said.row.endedAt !== null) }
}
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

describe("a socket", () => {
  test("tells what happens to a run while it happens, once and in order", async () => {
    const run = await sum.start(60), live = new Listener();
    await live.say({ sub: run.id, after: 0 });
    await run.result();
    const events = await house.engine.history(run.id);
    await expect.poll(() => live.last).toBe(events.length);
    expect(live.seqs).toEqual(upTo(events.length));
    expect(live.updates.length).toBeGreaterThan(1);
    expect(live.updates.flatMap((said) => said.events)).toEqual(events);
    await expect.poll(() => live.heard.at(-1)).toMatchObject({ run: run.id, row: { state: "completed" } });
    expect(live.socket.protocol).toBe("reprise.v1");
    live.socket.terminate();
  });

  test("that breaks again and again loses nothing and doubles nothing", async () => {
    const run = await sum.start(150);
    const seqs: number[] = [];
    let breaks = 0;
    for (let head = Infinity; (seqs.at(-1) ?? 0) < head; breaks++) {
      const live = new Listener();
      await live.say({ sub: run.id, after: seqs.at(-1) ?? 0 });
      await expect.poll(() => live.updates.length > (breaks % 7 > 3 ? 1 : 0) || live.over).toBe(true);
      live.socket.terminate();
      await live.closed;
      seqs.push(...live.seqs);
      const row = await house.engine.row(run.id);
      if (row.state === "completed") head = (await house.engine.history(run.id)).length;
    }
    expect(breaks).toBeGreaterThan(3);
    expect(seqs).toEqual(upTo((await house.engine.history(run.id)).length));
  });

  test("follows several runs, begins anew where it is told, and leaves", async () => {
    const one = await sum.start(3), two = await long.start(), live = new Listener();
    await one.result();
    await live.say({ sub: one.id, after: 4 });
    await live.say({ sub: two.id });
    const of = (runId: string): Said[] => live.heard.filter((said) => "run" in said && said.run === runId);
    await expect.poll(() => of(one.id).length * of(two.id).length).toBeGreaterThan(0);
    expect(of(one.id)[0]).toMatchObject({ run: one.id, head: 12, events: [{ seq: 5 }, {}, {}, {}, {}, {}, {}, {}] });
    await live.say({ sub: one.id.toLowerCase(), after: 11 });
    await expect.poll(() => of(one.id).at(-1)).toMatchObject({ events: [{ seq: 12, type: "RunCompleted" }] });
    await live.say({ unsub: two.id });
    await pause(50);
    live.heard.length = 0;
    await two.cancel();
    await expect.poll(async () => (await house.engine.row(two.id)).state).toBe("cancelled");
    await pause(200);
    expect(live.heard).toEqual([]);
    live.socket.terminate();
  });

  test("tells which rows of the list have changed", async () => {
    const old = await long.start(), live = new Listener();
    await live.say({ runs: true });
    const states = (): string[] => live.heard.flatMap((said) => "changed" in said
      ? said.changed.map(({ runId, state }) => `${runId} ${state}`) : []);
    await expect.poll(() => states().join()).toMatch(new RegExp(`${old.id} (running|waiting)`));
    for (let i = 0; i < 120; i++) await brief.start();
    const failed = await failing.start();
    await expect.poll(states).toContain(`${failed.id} failed`);
    await old.cancel();
    await expect.poll(states).toContain(`${old.id} cancelled`);
    const ended = states().filter((line) => / (completed|failed|cancelled)$/.test(line));
    expect(ended.length).toBe(new Set(ended).size);
    live.socket.terminate();
  });

  test("tells a slow client how far it is behind, and loses nothing for it", async () => {
    await anew({ limits: { maxWaiting: 64 * 1024, pollMs: 20 } });
    const make = task("make", async (n: number) => String(n).repeat(30_000));
    const run = await workflow("wide", async () => { for (let i = 0; i < 600; i++) await make(i % 10) }).start();
    await run.result();
    const live = new Listener(), { length } = await house.engine.history(run.id);
    await live.say({ sub: run.id, after: 0 });
    await expect.poll(() => live.heard.length).toBeGreaterThan(0);
    live.socket.pause();
    await pause(300);
    live.socket.resume();
    await expect.poll(() => live.last).toBe(length);
    expect(live.seqs).toEqual(upTo(length));
    const behind = live.heard.flatMap((said) => "behind" in said ? [said.behind] : []);
    expect(behind.length).toBeGreaterThan(0);
    expect(Math.max(...behind)).toBeLessThan(length);
    live.socket.terminate();
  });

  test("says what is wrong: no such run, no such message, no text, too much", async () => {
    const live = new Listener();
    await live.say({ sub: NO_RUN });
    await expect.poll(() => live.heard).toMatchObject([{ run: NO_RUN, error: { code: "RUN_NOT_FOUND" } }]);
    for (let i = 0; i < 60; i++) await live.say({ unsub: NO_RUN });
    expect(await live.closed).toBe(4429);
    for (const [message, code] of [["what", 4400], [{ sub: "x" }, 4400], [{ sub: NO_RUN, also: 1 }, 4400],
      [{ sub: NO_RUN, after: -1 }, 4400], [Buffer.from("{}"), 1003], ["x".repeat(300_000), 1009]] as const) {
      const other = new Listener();
      await other.say(message);
      expect(await other.closed, String(message).slice(0, 50)).toBe(code);
      if (code === 4400) expect(other.heard).toMatchObject([{ error: { code: "REQUEST_INVALID" } }]);
    }
  });

  test("is closed when its client is silent, when its token is over, and when the server stops", async () => {
    const at = Date.now() + 400;
    await anew({ limits: { pingMs: 50 }, token: [{ id: "guest", token: TOKEN, scopes: ["read"], expiresAt: at }] });
    const silent = new Listener({ autoPong: false }), guest = new Listener();
    expect(await silent.closed).toBe(1006);
    expect(Date.now()).toBeLessThan(at);
    expect(await guest.closed).toBe(4401);
    expect(Date.now()).toBeGreaterThanOrEqual(at);
    await anew({});
    const patient = new Listener();
    await patient.opened.then(() => house.viewer.close());
    expect(await patient.closed).toBe(1001);
  });
});
