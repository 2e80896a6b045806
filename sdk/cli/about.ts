/** `reprise version`, `config view`, `doctor`: what is installed, what is configured, what is wrong. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { describeHolder, holderOf, saidBy } from "../../engine/index.ts";
import { databaseSetting, logLevelSetting, packageRoot, poolSetting, proofSetting, viewerSetting, withoutPassword }
  from "../config.ts";
import { withEngine } from "./open.ts";
import { exitCodeOf, out, outJson, sayError, table, type Style } from "./output.ts";

/** The version in our package.json. */
export function packageVersion(): string {
  // Our own manifest: it has a version.
  const manifest = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as {
    version: string };
  return manifest.version;
}

/** `reprise version`, `config view`, `doctor`. */
export function addAbout(program: Command): void {
  program.command("version").description("versions of this package, node and the database").option("--json").action(
    (style: Style) => {
    const about = { reprise: packageVersion(), node: process.version, platform: `${process.platform}-${process.arch}`,
      database: kindOf(databaseSetting().value) };
    if (style.json) outJson(about);
      else out(Object.entries(about).map(([name, value]) => `${name.padEnd(9)} ${value}`).join("\n"));
  });
  const config = program.command("config").description("what is configured");
  config.command("view").description("each value and where it came from").option("--json")
    .action(async (style: Style) => {
    const database = databaseSetting(), held = await holderLine();
    const settings = [{ ...database, value: withoutPassword(database.value) }, logLevelSetting(), proofSetting(),
      poolSetting("thread"), poolSetting("process"), viewerSetting(),
      ...held === undefined ? [] : [{ name: "holder", value: held, from: "the database's lock" }]];
    if (style.json) outJson(settings);
    else out(table(["SETTING", "VALUE", "FROM"], settings.map(({ name, value, from }) => [name, value, from])));
  });
  program.command("doctor").description("check that everything a run needs is there").option("--json")
    .action(async (style: Style) => { await doctor(style) });
}

/** Who holds the configured directory now, and whether he lets others work on it; undefined: nobody, or a server. */
async function holderLine(): Promise<string | undefined> {
  const { value } = databaseSetting();
  const holder = kindOf(value) === "pglite" ? await holderOf(value) : undefined;
  if (holder === undefined) return undefined;
  const { socket } = holder;
  return `${describeHolder(holder)} ${socket === undefined ? "does not serve it" : `serves it at ${socket}`}`;
}

function kindOf(database: string): string {
  if (/^postgres(ql)?:/.test(database)) return "postgres";
  return database === "memory:" ? "memory" : "pglite";
}

interface Finding { readonly what: string; readonly ok: boolean; readonly detail: string }

async function doctor(style: Style): Promise<void> {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const findings: Finding[] = [
    { what: "node", ok: major > 20 || (major === 20 && minor >= 19),
      detail: `${process.version} (needed: 20.19 or newer)` },
    { what: "package", ok: true, detail: packageRoot() },
  ];
  const held = await holderLine();
  if (held !== undefined) findings.push({ what: "holder", ok: true, detail: held });
  let failure: unknown;
  try {
    const seen =
      await withEngine("none", async (engine) => `${engine.store.kind} at ${engine.store.location} answers; clock ${
      new Date(await engine.store.now()).toISOString()}`);
    findings.push({ what: "database", ok: true, detail: seen });
  } catch (error) {
    failure = error;
    findings.push({ what: "database", ok: false, detail: saidBy(error) });
  }
  if (style.json) outJson(findings);
  else out(findings.map(({ what, ok, detail }) => `${ok ? "ok " : "BAD"} ${what.padEnd(9)} ${detail}`).join("\n"));
  if (failure !== undefined) { if (!style.json) sayError(failure); process.exitCode = exitCodeOf(failure) }
}
