import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, symlinkSync, writeFileSync }
  from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { Redactor } from "../replay-viewer/server/redact.ts";
import { openViewer, type AccessToken, type ViewerOptions } from "../replay-viewer/server/viewer.ts";
import { problem } from "../replay-viewer/server/wire.ts";
import { logger, openEngine, task, workflow, z } from "../sdk/index.ts";
import { NO_RUN, served } from "./served.ts";

const word = (name: string): string => `${name}-token-of-this-test-of-32-letters`;
const TOKENS: readonly AccessToken[] = [
  { id: "reader", token: word("read"), scopes: ["read"] }, { id: "actor", token: word("act"), scopes: ["act"] },
  { id: "owner", token: word("admin"), scopes: ["admin"] }, { id: "nobody", token: word("none"), scopes: [] },
  { id: "late", token: word("late"), scopes: ["admin"], expiresAt: 1 },
  { id: "debugger", token: word("debug"), scopes: ["debug"] }];
const PLENTY = { perSecond: 10_000, burst: 10_000, failuresPerMinute: 10_000 };
const house = served(TOKENS), { anew } = house;

interface Answer { readonly status: number; readonly headers: IncomingHttpHeaders; readonly text: string }
type Sent = { method?: string; headers?: Record<string, string>; body?: string | Buffer; token?: string };
/** A request as it is written, path and Host included: fetch would put them right. */
async function send(path: string, sent: Sent = {}): Promise<Answer> {
  const { method = "GET", headers = {}, body, token = word("admin") } = sent;
  const request = httpRequest({ host: "127.0.0.1", port: house.viewer.port, path, method, headers: {
    ...(token !== "" && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { "content-type": "application/json" }), ...headers } });
  request.on("error", () => undefined).end(body);
  const [response] = await once(request, "response") as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, text: await textOf(response) };
}
const codeOf = ({ text }: Answer): string => problem.parse(JSON.parse(text)).error.code;
/** The status with which an upgrade ends: 101 if it is let in. */
function upgrade(path: string, protocols: readonly string[], headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${house.viewer.port}${path}`, [...protocols], { headers });
    socket.on("open", () => { resolve(101); socket.terminate() });
    socket.on("unexpected-response", (_request, response) => { resolve(response.statusCode ?? 0); socket.terminate() });
    socket.on("error", () => undefined);
  });
}
const own = (): string => `127.0.0.1:${house.viewer.port}`;

describe("every route", () => {
  test("lets in who has its scope, and nobody else", async () => {
    const run = await workflow("scoped", async () => "x").start();
    await run.result();
    const operation = z.looseObject({ "x-scope": z.enum(["read", "act", "debug"]).optional() });
    const { paths } = z.object({ paths: z.record(z.string(), z.record(z.string(), operation)) })
      .parse(JSON.parse((await send("/api/v1/openapi.json")).text));
    const table: string[] = [];
    for (const [pattern, methods] of Object.entries(paths)) for (const [method, route] of Object.entries(methods)) {
      const path = pattern.replace("{id}", run.id).replace("{hash}", "00"), scope = route["x-scope"];
      for (const [token, may] of [["", []], [word("wrong"), []], [word("late"), []], [word("none"), []],
        ...["read", "act", "debug"].map((name) => [word(name), [name]] as const), [word("admin"), [scope]]] as const) {
        const answer = await send(path, { method: method.toUpperCase(), token,
          ...(method === "post" && { body: "{}" }) });
        const refused = answer.status === 401 || answer.status === 403;
        const right = scope === undefined || may.some((one) => one === scope);
        if (refused === right) table.push(`${method} ${path} with '${token}' answers ${answer.status}`);
        if (refused) expect(codeOf(answer)).toBe(answer.status === 401 ? "TOKEN_REFUSED" : "SCOPE_MISSING");
      }
    }
    expect(table).toEqual([]);
    expect(Object.keys(paths)).toHaveLength(32);
    expect((await send("/api/v1/runs", { method: "DELETE", token: "" })).status).toBe(401);
    expect((await send("/api/v1/nothing", { token: "" })).status).toBe(401);
    expect((await send("/api/v1/nothing")).status).toBe(404);
    expect((await send("/x/../api/v1/runs", { token: "" })).status).not.toBe(200);
    expect((await send("/%61pi/v1/runs", { token: "" })).text).not.toContain(run.id);
  });

  test("is closed to pages of other sites and to other names of this server, sockets included", async () => {
    const good = ["reprise.v1", `reprise.${word("read")}`];
    const cases: readonly (readonly [number, Record<string, string>])[] = [
      [200, {}], [200, { host: `localhost:${house.viewer.port}` }], [200, { origin: `http://${own()}` }],
      [200, { "sec-fetch-site": "same-origin" }], [200, { "sec-fetch-site": "none" }],
      [421, { host: `evil.example:${house.viewer.port}` }],
      [421, { host: "127.0.0.1" }], [421, { host: "127.0.0.1:1" }],
      [421, { host: `127.0.0.1:${house.viewer.port}.evil.example` }],
      [403, { origin: "http://evil.example" }], [403, { origin: "null" }], [403, { origin: "http://127.0.0.1:1" }],
      [403, { origin: `https://${own()}` }], [403, { origin: `http://localhost:${house.viewer.port}` }],
      [403, { "sec-fetch-site": "cross-site" }], [403, { "sec-fetch-site": "same-site" }],
    ];
    for (const [status, headers] of cases) {
      for (const path of ["/api/v1/runs", "/api/v1/health", "/"]) {
        expect((await send(path, { headers })).status, `${path} ${JSON.stringify(headers)}`).toBe(status);
      }
      expect(await upgrade("/api/v1/live", good, headers), JSON.stringify(headers)).toBe(status === 200 ? 101 : status);
    }
    const link = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
    expect((await send("/runs", { headers: link, token: "" })).status).toBe(200);
    expect((await send("/api/v1/runs/x/cancel", { method: "POST", headers: link, body: "{}" })).status).toBe(403);
    await anew({ allowHosts: ["runs.example.com"] });
    const proxied = { host: "runs.example.com", origin: "https://runs.example.com" };
    expect((await send("/api/v1/runs", { headers: proxied })).status).toBe(200);
    expect((await send("/api/v1/runs", { headers: { ...proxied, origin: "https://example.com" } })).status).toBe(403);
  });

  test("opens a socket only for a token that may read, and echoes no token unless it must", async () => {
    for (const [status, protocols] of [[401, []], [401, ["reprise.v1"]], [401, [`reprise.${word("wrong")}`]],
      [403, [`reprise.${word("act")}`]], [101, [`reprise.${word("read")}`]]] as const) {
      expect(await upgrade("/api/v1/live", protocols), protocols.join()).toBe(status);
    }
    expect(await upgrade("/api/v1/live", [], { authorization: `Bearer ${word("read")}` })).toBe(101);
    expect(await upgrade("/elsewhere", [`reprise.${word("read")}`])).toBe(404);
    expect(await upgrade("/elsewhere", [])).toBe(401);
  });
});

describe("a request", () => {
  test("that is too large, too deep or no JSON is refused before anybody looks at it", async () => {
    const path = `/api/v1/runs/${NO_RUN}/cancel`, method = "POST";
    const cases: readonly (readonly [number, string, Sent])[] = [
      [413, "REQUEST_TOO_LARGE", { body: Buffer.alloc(3 << 20, " ") }],
      [413, "REQUEST_TOO_LARGE", { body: Buffer.alloc(3 << 20, " "), headers: { "transfer-encoding": "chunked" } }],
      [415, "REQUEST_INVALID", { body: "{}", headers: { "content-type": "text/plain" } }],
      [415, "REQUEST_INVALID", { body: "reason=x", headers: { "content-type": "application/x-www-form-urlencoded" } }],
      [400, "REQUEST_INVALID", { body: "{" }], [400, "REQUEST_INVALID", { body: "[]" }],
      [400, "REQUEST_INVALID", { body: '{"__proto__":{"reason":"x"}}' }],
      [400, "REQUEST_INVALID", { body: '{"constructor":{"prototype":{}}}' }],
      [400, "REQUEST_INVALID", { body: "[".repeat(500_000) }], [404, "RUN_NOT_FOUND", { body: '{"reason":"x"}' }],
      [400, "REQUEST_INVALID", { body: JSON.stringify({ reason: "x".repeat(3000) }) }],
    ];
    for (const [status, code, sent] of cases) {
      const answer = await send(path, { method, ...sent }).catch((error: unknown) => String(error));
      // A client that is still writing may be cut off before it reads the answer.
      if (typeof answer === "string") expect(status, answer).toBe(413);
      else expect([answer.status, codeOf(answer)], String(sent.body).slice(0, 40)).toEqual([status, code]);
    }
    expect((await send("/api/v1/runs", { headers: { x: "x".repeat(9000) } })).status).toBe(431);
    expect((await send("/api/v1/health")).status).toBe(200);
  });

  test("that is no HTTP is answered as such, with the same headers", async () => {
    const socket = connect(house.viewer.port, "127.0.0.1", () => { socket.write("NONSENSE\r\n\r\n") });
    const text = await textOf(socket);
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain("content-security-policy: default-src 'none'");
  });

  test("comes too often, or with too many wrong tokens, and is told when to come again", async () => {
    await anew({ limits: { perSecond: 1, burst: 3, failuresPerMinute: 2 } });
    const statuses = async (token: string, n: number): Promise<number[]> => {
      const all: number[] = [];
      for (let i = 0; i < n; i++) all.push((await send("/api/v1/runs", { token })).status);
      return all;
    };
    expect(await statuses(word("wrong"), 4)).toEqual([401, 401, 429, 429]);
    expect(await statuses(word("read"), 5)).toEqual([200, 200, 200, 429, 429]);
    const late = await send("/api/v1/runs", { token: word("read") });
    expect([codeOf(late), late.headers["retry-after"]]).toEqual(["TOO_MANY_REQUESTS", "1"]);
    expect(await statuses(word("admin"), 1)).toEqual([200]);
  });

  test("cannot climb out of the folder of the viewer's files", async () => {
    const folder = mkdtempSync(join(tmpdir(), "viewer-")), inner = join(folder, "viewer");
    mkdirSync(join(inner, "assets"), { recursive: true });
    writeFileSync(join(folder, "secret.txt"), "SECRET");
    writeFileSync(join(inner, "index.html"), "page");
    symlinkSync(join(folder, "secret.txt"), join(inner, "assets/link.txt"));
    await anew({ staticDir: inner });
    for (const path of ["/../secret.txt", "/assets/../../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt",
      "/assets/%2e%2e%2f%2e%2e%2fsecret.txt", "/..%5csecret.txt", "/..\\secret.txt", "//etc/passwd", "/assets/link.txt",
      "/assets/link.txt%00.js", "/secret.txt", "/%zz.txt", `http://127.0.0.1:${house.viewer.port}/../secret.txt`]) {
      const { status, text } = await send(path, { token: "" });
      expect(status, path).toBe(404);
      expect(text).not.toContain("SECRET");
    }
  });
});

describe("an answer", () => {
  test("carries the same strict headers whatever it is, and lets no other origin read it", async () => {
    const kinds = [await send("/"), await send("/nothing.js"), await send("/api/v1/health"), await send("/api/v1/runs"),
      await send("/api/v1/metrics"), await send("/api/v1/runs", { token: "" }), await send("/api/v1/no"),
      await send("/", { headers: { host: "evil.example" } }), await send("/", { method: "PUT" }),
      await send("/api/v1/runs", { method: "OPTIONS", headers: { "access-control-request-method": "POST" } })];
    for (const { status, headers } of kinds) {
      expect(headers["content-security-policy"], String(status)).toBe("default-src 'none'; script-src 'self'; "
        + "style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        + "frame-ancestors 'none'");
      expect(headers).toMatchObject({ "x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin" });
      expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    }
    expect(kinds[3]?.headers["cache-control"]).toBe("no-store");
    expect(kinds.map(({ status }) => status)).toEqual([200, 404, 200, 200, 200, 401, 404, 421, 404, 404]);
  });

  test("holds what a run says as text in JSON, never as a page", async () => {
    const evil = '<script>alert(1)</script><img src=x onerror="alert(2)">';
    const say = task("say", async (text: string) => { logger().info(text); return { [evil]: text } });
    const run = await workflow("evil", async (text: string) => say(text)).start(evil, { name: evil, tags: [evil] });
    await run.result();
    await expect.poll(async () => (await house.engine.logs(run.id)).length).toBe(1);
    for (const path of [`/runs/${run.id}`, `/runs/${run.id}/history`, `/runs/${run.id}/logs`, "/runs",
      `/runs?q=${encodeURIComponent(evil)}`]) {
      const { headers, text } = await send(`/api/v1${path}`);
      expect(headers["content-type"]).toBe("application/json; charset=utf-8");
      expect(JSON.stringify(JSON.parse(text))).toContain(JSON.stringify(evil).slice(1, -1));
    }
    for (const path of [`/api/v1/${evil}`, `/api/v1/runs/${evil}`, `/api/v1/runs?state=${evil}`]) {
      expect((await send(encodeURI(path))).headers["content-type"]).toBe("application/json; charset=utf-8");
    }
  });

  test("holds no secret of a run, wherever it was recorded", async () => {
    const secret = "hunter2hunter2";
    const log = task("log", async (_in: unknown) => {
      logger().info(`token=${secret}`, { headers: { Authorization: secret }, deep: [{ "api-key": secret }] });
      return { access_token: secret, at: new Date(0), of: new Map([["password", secret]]), pad: "x".repeat(40_000) };
    });
    const boom = task("boom", async () => { throw new Error(`refused: postgres://me:${secret}@db/x`) });
    const leaky = workflow("leaky", async (input: { user: string; password: string }) => {
      await log({ nested: [input], pin: secret });
      await boom();
    });
    await anew({ redact: ["pin"], limits: PLENTY });
    const run = await leaky.start({ user: "bob", password: secret });
    await run.result().catch(() => undefined);
    await expect.poll(async () => (await house.engine.logs(run.id)).length).toBe(1);
    const parts = await Promise.all([`/runs/${run.id}`, `/runs/${run.id}/history`, `/runs/${run.id}/logs`]
      .map((path) => send(`/api/v1${path}`)));
    const [ref = ""] = /[0-9a-f]{64}/.exec(parts[1]?.text ?? "") ?? [];
    parts.push(await send(`/api/v1/payloads/${ref}`));
    const socket = new WebSocket(`ws://${own()}/api/v1/live`, [`reprise.${word("read")}`])
      .on("open", () => { socket.send(JSON.stringify({ sub: run.id })) });
    const live = String((await once(socket, "message"))[0]);
    socket.terminate();
    for (const text of [...parts.map((part) => part.text), live]) expect(text).not.toContain(secret);
    for (const text of [parts[1]?.text, parts[2]?.text, parts[3]?.text, live]) expect(text).toContain("[redacted]");
    expect(live).toContain('"user":"bob"');
    expect(JSON.stringify(await house.engine.history(run.id))).toContain(secret);
  });

  test("is made without delay, however hard a text is to look through", () => {
    const { text } = new Redactor(["iban"]);
    const begin = performance.now();
    for (const hard of ['token="', "a-", "eyJ-", "token", "-----BEGIN PRIVATE KEY-----", "http://a:", "Bearer a"]) {
      text(hard.repeat(1_000_000 / hard.length));
    }
    expect(performance.now() - begin).toBeLessThan(3000);
    const harmless = 'maxTokens: 4096, "secretary": "eve", tokenizer=fast, token: null, Unexpected token } here';
    expect(text(harmless)).toBe(harmless);
    expect(text('{"pwd":"a","my_iban":"DE12"} Api-Key=abcd')).toBe(
      '{"pwd":"[redacted]","my_iban":"[redacted]"} Api-Key=[redacted]');
  });
});

describe("a server that others can reach", () => {
  const refused = async (options: Partial<ViewerOptions>): Promise<string> => {
    try {
      await (await openViewer({ engine: house.engine, port: 0, ...options })).close();
    } catch (error) { return String(error) }
    return "open";
  };

  test("needs a long token that was given, and TLS or a word that there is none", async () => {
    for (const host of ["0.0.0.0", "::", "192.0.2.1", "example.com"]) {
      for (const options of [{}, { token: false as const }, { token: "short-token-1234" }]) {
        expect(await refused({ host, insecureNoTls: true, ...options })).toMatch(/no token of at least 32 characters/);
      }
      expect(await refused({ host, token: word("long") })).toMatch(/no TLS/);
    }
    expect(await refused({ host: "0.0.0.0", token: word("long"), insecureNoTls: true })).toBe("open");
    expect(await refused({ token: "tiny" })).toMatch(/16 to 200/);
    expect(await refused({ token: [] })).toMatch(/empty/);
    expect(await refused({ port: house.viewer.port })).toMatch(/is taken/);
  });

  test("is asked for no token on the loopback if that is wished, and still only by its own pages", async () => {
    await anew({ token: false });
    expect(house.viewer.url).toBe(`http://127.0.0.1:${house.viewer.port}/`);
    expect((await send("/api/v1/runs", { token: "" })).status).toBe(200);
    expect(await upgrade("/api/v1/live", [])).toBe(101);
    expect(await upgrade("/api/v1/live", [], { origin: "http://evil.example" })).toBe(403);
    const foreign = { headers: { origin: "http://evil.example" }, method: "POST", body: "{}", token: "" };
    expect((await send(`/api/v1/runs/${NO_RUN}/cancel`, foreign)).status).toBe(403);
  });

  test("makes up a token of 256 bits, and keeps it out of the part of the address that is sent", async () => {
    const open = await openViewer({ engine: house.engine, port: 0 });
    expect(open.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{43}$/);
    await open.close();
  });

  const openssl = ["/usr/bin/openssl", "/usr/local/bin/openssl"].find((path) => existsSync(path));
  test.skipIf(openssl === undefined)("speaks TLS", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tls-")), key = join(folder, "key.pem"), cert = join(folder, "cert.pem");
    execFileSync(openssl ?? "", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
      "-keyout", key, "-out", cert, "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
      { stdio: "ignore" });
    await anew({ tls: { key: readFileSync(key), cert: readFileSync(cert) } });
    expect(house.viewer.origin).toBe(`https://127.0.0.1:${house.viewer.port}`);
    const [response] = await once(httpsRequest(`${house.viewer.origin}/api/v1/runs`, { ca: readFileSync(cert),
      headers: { origin: house.viewer.origin, authorization: `Bearer ${word("read")}` } }).end(),
      "response") as [IncomingMessage];
    expect(await textOf(response)).toContain('"runs":[');
  });
});

describe("the command line", () => {
  const cli = new URL("../sdk/cli/server.ts", import.meta.url).href;
  /** The two commands by themselves, run in a folder. */
  interface Command { readonly done: Promise<{ code: number | null; out: string; err: string }>;
    readonly line: Promise<string>; readonly stop: () => void }
  function command(folder: string, args: readonly string[], env: Record<string, string> = {}): Command {
    const inherited = { ...process.env };
    for (const name of ["VITEST", "REPRISE_TOKEN", "REPRISE_URL", "REPRISE_DATABASE_URL"]) delete inherited[name];
    const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), "cli.mts", ...args],
      { cwd: folder, env: { ...inherited, ...env } });
    const line = once(child.stdout, "data").then(([data]) => String(data).trim());
    const done = Promise.all([textOf(child.stdout), textOf(child.stderr), once(child, "close")])
      .then(([out, err]) => ({ code: child.exitCode, out, err }));
    return { done, line: Promise.race([line, done.then(({ err }) => err)]), stop: () => { child.kill("SIGINT") } };
  }
  const home = (): string => {
    const folder = mkdtempSync(join(tmpdir(), "home-"));
    writeFileSync(join(folder, "package.json"), "{}");
    writeFileSync(join(folder, "cli.mts"), `import { Command } from "${import.meta.resolve("commander")}";
      import { addServer } from "${cli}";
      const program = new Command("reprise"); addServer(program);
      await program.parseAsync()
        .catch((error) => { console.error(error.code + ": " + error.message); process.exitCode = 2 });`);
    return folder;
  };

  test("serves until it is told to stop, with a token that only its owner can read, and opens runs", async () => {
    const folder = home(), state = join(folder, ".reprise");
    const embedded = await openEngine({ database: state, default: false });
    const run = await embedded.start(workflow("opened", async () => "x"), undefined, { name: "green-heron" });
    await run.result();
    await embedded.close();
    const served = command(folder, ["server", "start", "--port", "0"]);
    const url = new URL(await served.line), token = url.hash.replace("#token=", "");
    const kept = join(state, "viewer-token"), note = join(state, "viewer.json");
    expect(readFileSync(kept, "utf8").trim()).toBe(token);
    for (const path of [kept, note]) expect(statSync(path).mode & 0o777).toBe(0o600);
    const link = `${url.origin}/runs/${run.id}#token=${token}\n`;
    const opened = await Promise.all(["green-heron", run.id, run.id.slice(0, 25).toLowerCase(), "no-such-run"]
      .map((wanted) => command(folder, ["open", wanted]).done));
    expect(opened.map(({ out }) => out)).toEqual([link, link, link, ""]);
    expect(opened[3]?.err).toBe("RUN_NOT_FOUND: no run is called 'no-such-run'\n");
    served.stop();
    expect((await served.done).code).toBe(0);
    expect(existsSync(note)).toBe(false);
    const later = await command(folder, ["open", "green-heron"]).done;
    expect([later.out, later.err]).toEqual([`http://127.0.0.1:4400/runs/${run.id}\n`,
      "No viewer is served here yet. Start it: npx reprise server start\n"]);
    chmodSync(kept, 0o644);
    expect((await command(folder, ["server", "start", "--port", "0"]).done).err)
      .toContain("INVALID_CONFIG: others may read");
  });

  test("does not listen for others without a token of theirs and TLS", async () => {
    const start = ["server", "start", "--port", "0", "--host", "0.0.0.0"], folder = home(), memory = "memory:";
    await Promise.all(([[[], {}], [["--no-token"], {}], [[], { REPRISE_TOKEN: "short-token-1234" }],
      [[], { REPRISE_TOKEN: word("env") }], [["--tls-cert", "x"], { REPRISE_TOKEN: word("env") }]] as const)
      .map(async ([args, env]) => {
        const asked = command(folder, [...start, ...args], { REPRISE_DATABASE_URL: memory, ...env });
        const { code, out, err } = await asked.done;
        expect([code, out, err.slice(0, 14)]).toEqual([2, "", "INVALID_OPTION"]);
      }));
    const given = { REPRISE_DATABASE_URL: memory, REPRISE_TOKEN: word("env") };
    const open = command(folder, [...start, "--insecure-no-tls", "--json"], given);
    expect(await open.line).toContain(`#token=${word("env")}`);
    open.stop();
    await open.done;
  });
});
