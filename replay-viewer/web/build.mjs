/**
 * Builds the viewer's page with Vite: dist/viewer/index.html with hashed assets for the server, and
 * dist/viewer/recording.html, the same page as one file, into which an export puts its run; both compressed beside it.
 *
 *   node replay-viewer/web/build.mjs [out folder]
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "vite";

const root = fileURLToPath(new URL(".", import.meta.url));
const out = resolve(process.argv[2] ?? join(root, "../../dist/viewer"));
/** What is loaded before the first drawing, gzipped; what is loaded later, in all. */
const MOST_INITIAL = 45_000, MOST_LATER = 60_000;

/** What both builds share. No configuration file, no plugin. */
const shared = {
  root, configFile: false, logLevel: "warn", base: "/", publicDir: false,
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
};
/** Small modules that several parts need travel together: each file of its own costs 100 bytes and more. */
const together = { includeDependenciesRecursively: false, groups: [
  { name: "base", test: /node_modules\/@?preact|web\/(api|dialogs|icons|place)\.|model\/(calls|wire|format)\.|core\/(errors|duration)\./ },
  { name: "bits", test: /web\/(again|code-line|event-link|gist|menu|form-fields)\.|model\/(unusual|source)\./ },
  { name: "tabs", test: /web\/tab-(raw|cause|logs|shown)\.|model\/(logs|cause)\./ },
  { name: "sheets", test: /web\/(key-sheet|palette|export-dialog)\./ },
  { name: "pages", test: /web\/(limits|workflows|code)-page\.|model\/code\./ },
] };
const target = ["chrome123", "firefox120", "safari17.5"];

const built = await build({ ...shared, build: { outDir: out, emptyOutDir: true, target, modulePreload: { polyfill: false },
  assetsInlineLimit: 0, reportCompressedSize: false,
  rolldownOptions: { preserveEntrySignatures: false, output: { codeSplitting: together } } } });
const chunks = built.output.filter((one) => one.type === "chunk");
const first = closure(chunks.find((one) => one.isEntry)?.fileName);
const bytes = (names) => names.reduce((sum, name) => sum + gzipSync(readFileSync(join(out, name))).length, 0);
const size = bytes(first), later = bytes(chunks.map((one) => one.fileName).filter((name) => !first.includes(name)));
if (size > MOST_INITIAL) throw new Error(`the page's first scripts are ${size} bytes gzipped, more than ${MOST_INITIAL}`);
if (later > MOST_LATER) throw new Error(`what is loaded later is ${later} bytes gzipped, more than ${MOST_LATER}`);

const { output } = await build({ ...shared, build: { write: false, target, modulePreload: false, assetsInlineLimit: 0,
  reportCompressedSize: false, rolldownOptions: { output: { codeSplitting: false } } } });
const text = (end) => output.filter((one) => one.fileName.endsWith(end))
  .map((one) => one.type === "chunk" ? one.code : String(one.source)).join("\n");
const single = inlined(String(output.find((one) => one.fileName === "index.html")?.source), text(".js"), text(".css"));
writeFileSync(join(out, "recording.html"), single);
for (const name of readdirSync(out, { recursive: true })) {
  if (!/\.(js|css|html)$/.test(name)) continue;
  const content = readFileSync(join(out, name));
  writeFileSync(join(out, `${name}.gz`), gzipSync(content, { level: 9 }));
  writeFileSync(join(out, `${name}.br`), brotliCompressSync(content));
}
console.error(`viewer: ${size} bytes of script at first (gzipped), ${later} later, recording.html ${gzipSync(single).length}`);

/** A chunk and all that it imports before it runs. */
function closure(name, seen = []) {
  if (name === undefined || seen.includes(name)) return seen;
  seen.push(name);
  for (const other of chunks.find((one) => one.fileName === name)?.imports ?? []) closure(other, seen);
  return seen;
}

/** The page with its script and its style inside, and a policy that lets it ask nobody for anything. */
function inlined(html, script, style) {
  const safe = script.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");
  const hash = (content) => `'sha256-${createHash("sha256").update(content).digest("base64")}'`;
  const policy = `default-src 'none'; script-src ${hash(safe)}; style-src ${hash(style)}; img-src data:; `
    + "base-uri 'none'; form-action 'none'";
  return html
    .replace(/\s*<script type="module"[^>]*><\/script>/, "")
    .replace(/\s*<link rel="(?:stylesheet|modulepreload)"[^>]*>/g, "")
    .replace("<meta charset=\"utf-8\">", () =>
      `<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="${policy}">`)
    .replace("</head>", () => `<style>${style}</style>\n</head>`)
    .replace("</body>", () => `<script type="module">${safe}</script>\n</body>`);
}
