/** What a route is: its place in the table, the schemas that check what comes in, and what it does. */
import { z } from "zod";
import type { Clock, RunEngine } from "../../engine/index.ts";
import type { CodeSurvey } from "./code-survey.ts";
import type { RunDebug } from "./debug.ts";
import type { RunActions } from "./engine-actions.ts";
import type { Histories } from "./history.ts";
import { Refusal } from "./problem.ts";
import type { Redactor } from "./redact.ts";
import type { StoreClock } from "./store-clock.ts";
import type { Scope } from "./tokens.ts";
import * as wire from "./wire.ts";

/** What the routes work on. */
export interface RouteParts {
  readonly engine: RunEngine;
  readonly histories: Histories;
  readonly redactor: Redactor;
  readonly clock: Clock;
  readonly storeClock: StoreClock;
  readonly actions: RunActions;
  readonly allowActions: boolean;
  readonly debug: RunDebug | undefined;
  readonly survey: CodeSurvey;
  readonly version: string;
}

/** What came with a request, not yet checked. */
export interface RawRequest { readonly params: unknown; readonly query: unknown; readonly body: unknown }
/** `json` is what is sent, or `text` as plain text. */
export type RouteAnswer = { readonly json: unknown } | { readonly text: string; readonly type: string };

/** One row of the table. */
export interface Route {
  readonly method: "GET" | "POST";
  /** Below /api/v1, with `:name` for what varies. */
  readonly path: string;
  /** undefined: open to everybody who is let in at all. */
  readonly scope: Scope | undefined;
  readonly summary: string;
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  readonly body: z.ZodType | undefined;
  /** undefined: the answer is text. */
  readonly answer: z.ZodType | undefined;
  readonly run: (request: RawRequest) => Promise<RouteAnswer>;
}

interface Checked<P, Q, B> { readonly params: P; readonly query: Q; readonly body: B }

/** A row whose handler gets what its schemas let through. */
export function route<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, A extends z.ZodType>(row: {
  readonly method?: "POST"; readonly path: string; readonly scope: Scope | undefined; readonly summary: string;
  readonly params?: P; readonly query?: Q; readonly body?: B; readonly answer: A;
  readonly handle: (request: Checked<z.output<P>, z.output<Q>, z.output<B>>) => Promise<z.input<A>>;
}): Route {
  const { handle, method = "GET", body, answer, path, scope, summary } = row;
  const params = row.params ?? wire.nothing, query = row.query ?? wire.nothing;
  return {
    method, path, scope, summary, params, query, body, answer,
    run: async (raw) => ({ json: await handle({
      // Each value is the output of the very schema that its type is taken from.
      params: checked(params, raw.params, "path") as z.output<P>,
      query: checked(query, raw.query, "query") as z.output<Q>, // as above
      body: (body === undefined ? undefined : checked(body, raw.body, "body")) as z.output<B>, // as above
    }) }),
  };
}

function checked(schema: z.ZodType, value: unknown, where: string): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = [where, ...issue?.path ?? []].map(String).join(".");
  throw new Refusal("REQUEST_INVALID", `${place}: ${issue?.message ?? "invalid"}`);
}
