/** A loopback HTTP server with the fixtures of examples/data, so that the examples need no network. */
import { createServer } from "node:http";
import { readFileSync } from "node:fs";

/**
 * @param {{ port?: number, delayMs?: number, failFirst?: number }} [options] `failFirst` requests are answered with 503
 * @returns {Promise<{ url: string, requests: () => number, polls: () => { job: string, after: number }[],
 *   close: () => Promise<void> }>} `polls`: how the renders were asked for
 */
export async function startFixtureServer({ port = 0, delayMs = 0, failFirst = 0 } = {}) {
  const todos = readFileSync(new URL("data/todos.json", import.meta.url));
  const renders = new Renders();
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    const fails = requests <= failFirst;
    setTimeout(() => {
      if (fails) { response.writeHead(503).end("not yet"); return }
      const body = request.url.startsWith("/renders") ? renders.answer(request)
        : request.url === "/todos" ? todos : request.url === "/btc" ? JSON.stringify(prices()) : undefined;
      if (body === undefined) response.writeHead(404).end();
      else response.writeHead(200, { "content-type": "application/json" }).end(body);
    }, delayMs);
  });
  await new Promise((resolve) => { server.listen(port, "127.0.0.1", resolve) });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests: () => requests,
    polls: () => renders.polls,
    close: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve) }),
  };
}

const FRAMES = 20;

/** Six hours of prices, one a minute, made up: a slow wave and a small saw. */
function prices() {
  return Array.from({ length: 360 }, (_, i) => ({
    at: new Date(Date.UTC(2026, 0, 1, 0, i)).toISOString().slice(0, 16),
    usd: Math.round((60_000 + 2_000 * Math.sin(i / 60) + (i % 7) * 3) * 100) / 100,
  }));
}

/** Jobs that take long: one for each idempotency key, and one more frame of it is ready at each poll. */
class Renders {
  polls = [];
  #jobs = new Map();
  answer({ method, url, headers }) {
    if (method === "POST") {
      const key = headers["idempotency-key"], job = [...this.#jobs.values()].find((one) => one.key === key)
        ?? { id: `job-${this.#jobs.size + 1}`, key, ready: 0 };
      this.#jobs.set(job.id, job);
      return JSON.stringify({ job: job.id });
    }
    const { pathname, searchParams } = new URL(url, "http://localhost"), after = Number(searchParams.get("after"));
    const job = this.#jobs.get(pathname.split("/")[2]);
    if (job === undefined) return undefined;
    this.polls.push({ job: job.id, after });
    job.ready = Math.min(FRAMES, job.ready + 1);
    const ready = Array.from({ length: job.ready - after }, (_, i) => (after + i + 1) * 7919 % 1000);
    return JSON.stringify({ ready, of: FRAMES });
  }
}

if (process.argv[1]?.endsWith("fixture-server.mjs")) {
  const { url } = await startFixtureServer({ port: 4411, failFirst: 2 });
  console.log(`fixtures at ${url}: /todos, /btc, /renders (the first two requests are answered with 503)`);
}
