/** A viewer over a fresh engine in memory, for each test of a file; and how its API is asked. */
import { afterEach, beforeEach, expect } from "vitest";
import { openRunEngine, type RunEngine } from "../engine/index.ts";
import { openViewer, type Viewer, type ViewerOptions } from "../replay-viewer/server/viewer.ts";
import { offerDefault, withdrawDefault } from "../sdk/default-engine.ts";
import type { z } from "../sdk/index.ts";
import { workflowNames, workflowSpec } from "../sdk/registry.ts";

export const TOKEN = "a-token-of-this-test-of-32-letters";
/** An id that no run has. */
export const NO_RUN = "01JZZZZZZZZZZZZZZZZZZZZZZZ";

export interface Told { readonly status: number; readonly body: unknown }
/** What stands while a test runs. */
export interface Served {
  readonly engine: RunEngine;
  readonly viewer: Viewer;
  /** Another viewer over the same engine, which the test closes. */
  serve(options?: Partial<ViewerOptions>): Promise<Viewer>;
  /** The viewer is served anew with these options. */
  anew(options: Partial<ViewerOptions>): Promise<void>;
  /** Asks the API: GET, or POST where there is a body. */
  ask(path: string, body?: object, origin?: string, token?: string): Promise<Told>;
  /** The answer to a GET, by its schema. */
  get<T>(path: string, schema: z.ZodType<T>): Promise<T>;
}

/** An engine and a viewer before each test of this file, none after it. `tokens`: of every viewer, default TOKEN. */
export function served(tokens: ViewerOptions["token"] = TOKEN): Served {
  let engine: RunEngine | undefined, viewer: Viewer | undefined;
  const there = <T>(one: T | undefined): T => {
    if (one === undefined) throw new Error("asked for outside a test");
    return one;
  };
  const serve = (options: Partial<ViewerOptions> = {}): Promise<Viewer> => openViewer({ engine: there(engine), port: 0,
    token: tokens, ...options, limits: { perSecond: 10_000, burst: 10_000, failuresPerMinute: 10_000,
      ...options.limits } });
  beforeEach(async () => {
    engine = await openRunEngine({ database: "memory:", workflow: workflowSpec, workflows: workflowNames, claims: "all",
      observer: { events: () => undefined, line: () => undefined, outage: () => undefined } });
    offerDefault(engine);
    viewer = await serve();
  });
  afterEach(async () => {
    await viewer?.close();
    await withdrawDefault(there(engine));
    await engine?.close(1000);
  });
  const ask: Served["ask"] = async (path, body, origin = there(viewer).origin, token = TOKEN) => {
    const response = await fetch(`${origin}/api/v1${path}`, { headers: { authorization: `Bearer ${token}`,
      ...(body !== undefined && { "content-type": "application/json" }) }, ...(body !== undefined && {
      method: "POST", body: JSON.stringify(body) }) });
    return { status: response.status, body: await response.json() };
  };
  return {
    get engine() { return there(engine) },
    get viewer() { return there(viewer) },
    serve, ask,
    anew: async (options) => { await viewer?.close(); viewer = await serve(options) },
    get: async (path, schema) => {
      const { status, body } = await ask(path);
      expect(status, JSON.stringify(body)).toBe(200);
      return schema.parse(body);
    },
  };
}
