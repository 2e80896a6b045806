/** The body of a request as plain JSON: bounded in size and depth, without keys that reach for prototypes. */
import type { IncomingMessage } from "node:http";
import { Refusal } from "./problem.ts";

const MAX_DEPTH = 100;

/** The parsed body; `{}` when there is none. @throws REQUEST_TOO_LARGE, REQUEST_INVALID */
export async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const body = await readAll(request, maxBytes);
  if (body.length === 0) return {};
  const type = request.headers["content-type"] ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) throw new Refusal("REQUEST_INVALID",
    `the body is '${type.slice(0, 100)}', not JSON`, { status: 415, hint: "Send Content-Type: application/json." });
  return parseJson(body.toString("utf8"));
}

async function readAll(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request) {
      // A request without setEncoding gives Buffers.
      const part = chunk as Buffer;
      bytes += part.length;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      chunks.push(part);
    }
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal("REQUEST_INVALID", "the request broke off");
  }
  return Buffer.concat(chunks);
}

/** Plain JSON of bounded depth. @throws REQUEST_INVALID */
export function parseJson(text: string): unknown {
  if (depthOf(text) > MAX_DEPTH) throw new Refusal("REQUEST_INVALID", `the body nests deeper than ${MAX_DEPTH}`);
  try {
    return JSON.parse(text, (key, value: unknown) => {
      if (key === "__proto__" || key === "constructor") throw new Refusal("REQUEST_INVALID",
        `the body has a key '${key}'`);
      return value;
    });
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal("REQUEST_INVALID", "the body is not JSON");
  }
}

/** How deep brackets nest, outside of texts. */
function depthOf(text: string): number {
  let depth = 0, most = 0, quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (quoted) {
      if (char === "\\") i++;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === "[" || char === "{") most = Math.max(most, ++depth);
    else if (char === "]" || char === "}") depth--;
  }
  return most;
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal("REQUEST_TOO_LARGE", `the body has more than ${maxBytes} bytes`);
}
