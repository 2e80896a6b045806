/** A loopback HTTP server with the fixtures of examples/data, so that the examples need no network. */
import { createServer } from "node:http";
import { readFileSync } from "node:fs";

/**
 * @param {{ port?: number, delayMs?: number, failFirst?: number }} [options] `failFirst` requests are answered with 503
 * @returns {Promise<{ url: string, requests: () => number, close: () => Promise<void> }>}
 */
export async function startFixtureServer({ port = 0, delayMs = 0, failFirst = 0 } = {}) {
  const todos = readFileSync(new URL("data/todos.json", import.meta.url));
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    const fails = requests <= failFirst;
    setTimeout(() => {
      if (fails) { response.writeHead(503).end("not yet"); return }
      if (request.url !== "/todos") { response.writeHead(404).end(); return }
      response.writeHead(200, { "content-type": "application/json" }).end(todos);
    }, delayMs);
  });
  await new Promise((resolve) => { server.listen(port, "127.0.0.1", resolve) });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests: () => requests,
    close: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve) }),
  };
}
