/**
 * A database that is ready to be copied: PGlite's own initdb takes 2.2 to 4.6 s, unpacking this 0.1. Made by the build
 * from a cleanly closed, migrated directory; of no use, and ignored, when PGlite or the tables have changed since.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { schemaKey } from "./migrate.ts";
import { BUILT } from "./statements.ts";

interface Index { readonly key: string; readonly folders: readonly string[];
  readonly files: readonly (readonly [string, number])[] }

const FILE = fileURLToPath(new URL("template.br", BUILT));

/** Which PGlite and which tables a template must be of. */
export function templateKey(): string {
  const require = createRequire(import.meta.url);
  const entry = require.resolve("@electric-sql/pglite");
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = join(folder, "package.json");
    // Every package.json has a name and a version.
    const { name, version } = existsSync(manifest) ? JSON.parse(readFileSync(manifest, "utf8")) as { name?: string;
      version?: string } : {};
    if (name === "@electric-sql/pglite") return `${version}+${schemaKey()}`;
  }
  return schemaKey();
}

/** Is the template of this build current? */
export function hasTemplate(): boolean {
  return existsSync(FILE) && readIndex(readFileSync(FILE))?.key === templateKey();
}

/** Packs a closed directory. */
export function packTemplate(data: string): void {
  const folders: string[] = [], files: [string, number][] = [], parts: Buffer[] = [];
  const walk = (folder: string, name: string): void => {
    for (const entry of readdirSync(folder).sort()) {
      const path = join(folder, entry), inner = name === "" ? entry : `${name}/${entry}`;
      if (statSync(path).isDirectory()) { folders.push(inner); walk(path, inner); continue }
      const content = readFileSync(path);
      files.push([inner, content.length]);
      parts.push(content);
    }
  };
  walk(data, "");
  const index = Buffer.from(JSON.stringify({ key: templateKey(), folders, files } satisfies Index));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(index.length);
  const body =
    brotliCompressSync(Buffer.concat(parts),
      { params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 24 } });
  writeFileSync(FILE, Buffer.concat([length, index, body]));
}

/** Unpacks the template into a new data directory; without a fitting one PGlite makes the directory itself. */
export function unpackTemplate(data: string): void {
  if (!existsSync(FILE)) return;
  const packed = readFileSync(FILE);
  const index = readIndex(packed);
  if (index === undefined || index.key !== templateKey()) return;
  const body = brotliDecompressSync(packed.subarray(4 + packed.readUInt32LE(0)));
  mkdirSync(data, { recursive: true, mode: 0o700 });
  for (const folder of index.folders) mkdirSync(join(data, folder), { recursive: true });
  let at = 0;
  // PG_VERSION last: a directory without it is not yet one, and is filled again.
  const files = index.files.map(([name, size]) => ({ name, content: body.subarray(at, at += size) }));
  for (const { name, content } of files) if (name !== "PG_VERSION") writeFileSync(join(data, name), content);
  for (const { name, content } of files) if (name === "PG_VERSION") writeFileSync(join(data, name), content);
}

function readIndex(packed: Buffer): Index | undefined {
  if (packed.length < 4) return undefined;
  // Written by packTemplate.
  try { return JSON.parse(packed.subarray(4, 4 + packed.readUInt32LE(0)).toString()) as Index } catch {
    return undefined }
}
