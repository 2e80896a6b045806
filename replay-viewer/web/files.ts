/** Files that leave the page, and come to it; texts packed as gzip in base64. */

/** The text, packed. */
export async function pack(text: string): Promise<string> {
  const packed = await through(new Blob([text]), new CompressionStream("gzip")).arrayBuffer();
  const bytes = new Uint8Array(packed), parts: string[] = [];
  for (let i = 0; i < bytes.length; i += PART) parts.push(String.fromCharCode(...bytes.subarray(i, i + PART)));
  return btoa(parts.join(""));
}
/** So many arguments a call can take. */
const PART = 8192;
/** The text that was packed. Throws for what was not. */
export function unpack(base64: string): Promise<string> {
  const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
  return through(new Blob([bytes]), new DecompressionStream("gzip")).text();
}
function through(blob: Blob, stream: CompressionStream | DecompressionStream): Response {
  return new Response(blob.stream().pipeThrough(stream));
}

/** Offers text as a file. */
export function download(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => { URL.revokeObjectURL(url) }, 10_000);
}
