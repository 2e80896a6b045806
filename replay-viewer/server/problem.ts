/** What can go wrong at the door, as status, code, hint and page; and how errors of the engine look over HTTP. */
import { RepriseError } from "../../engine/index.ts";

/** Every refusal of the server: its HTTP status and the next step. */
const REFUSALS = [
  { code: "HOST_REFUSED", status: 421,
    hint: "Open the address that the server printed, or start it with --allow-host <name:port>." },
  { code: "ORIGIN_REFUSED", status: 403,
    hint: "Call from the server's own pages, or from a program that sends no Origin." },
  { code: "TOKEN_REFUSED", status: 401,
    hint: "Open the link that `reprise server start` printed: it carries the token." },
  { code: "SCOPE_MISSING", status: 403, hint: "Use a token that has this scope." },
  { code: "ACTIONS_OFF", status: 403,
    hint: "Start the server without --read-only, or use the command line: reprise runs --help" },
  { code: "DEBUG_OFF", status: 403,
    hint: "Start it with --allow-debug, use `reprise dev`, or the command line: reprise replay <run> --locals" },
  { code: "TOO_MANY_REQUESTS", status: 429, hint: "Wait as long as the header Retry-After says." },
  { code: "REQUEST_TOO_LARGE", status: 413, hint: "Send less: 1 MiB of body, 8 KiB of headers." },
  { code: "REQUEST_INVALID", status: 400, hint: "See /api/v1/openapi.json for what is accepted." },
  { code: "NOT_FOUND", status: 404, hint: "See /api/v1/openapi.json for what is there." },
  { code: "NOT_YET", status: 501, hint: "See the CHANGELOG for what each version brings." },
  { code: "SERVER_FAILED", status: 500, hint: "See the log of the process that serves the viewer." },
] as const;
/** The code of a refusal. */
export type RefusalCode = (typeof REFUSALS)[number]["code"];

/** A request that is not answered as asked. `code` names a page of docs/errors. */
export class Refusal extends RepriseError {
  readonly status: number;
  /** Seconds after which it is worth trying again. */
  readonly retryAfter: number | undefined;
  constructor(code: RefusalCode, message: string, more: { readonly hint?: string; readonly retryAfter?: number;
    readonly status?: number } = {}) {
    const known = REFUSALS.find((one) => one.code === code);
    super(code, message, more.hint ?? known?.hint ?? "");
    this.name = "Refusal";
    this.status = more.status ?? known?.status ?? 500;
    this.retryAfter = more.retryAfter;
  }
}

/** The body of every answer that is an error. */
export interface Problem {
  readonly error: { readonly code: string; readonly message: string; readonly hint: string; readonly docs: string };
}

/** Statuses of the engine's own errors; those not named here are the server's fault. */
const STATUSES: { readonly [code: string]: number } = {
  RUN_NOT_FOUND: 404, RUN_ENDED: 409, NOTHING_TO_RETRY: 409, FORK_REFUSED: 409, RUN_EXISTS: 409, HOOK_UNKNOWN: 404,
  ANSWER_REFUSED: 422, UPDATE_REFUSED: 422, INJECT_REFUSED: 409, SIGNAL_UNDECLARED: 409,
  UPDATE_PENDING: 504, UNSERIALIZABLE: 422,
  PAYLOAD_TOO_LARGE: 422, CONCURRENCY_FULL: 409, INVALID_NAME: 400,
  NOT_YET: 501, INPUT_INVALID: 422, INVALID_OPTION: 400,
  INVALID_DURATION: 400, NO_SUCH_EVENT: 404, WORKFLOW_NOT_LOADED: 409, ENGINE_CLOSED: 503, STORE_UNAVAILABLE: 503,
  REPLAY_DIVERGED: 409, NO_CODE_AT_LINE: 422,
  DEBUG_FAILED: 502, REPLAY_STUCK: 504, STORE_LOCKED: 503, STORE_READ_ONLY: 503, DISK_FULL: 503,
};

/**
 * Status and body for whatever was thrown. Of errors that are not ours nothing is told but that there was one: their
 * text may hold anything.
 */
export function problemOf(error: unknown, clean: (text: string) => string): { readonly status: number;
  readonly body: Problem } {
  if (!(error instanceof RepriseError)) return problemOf(new Refusal("SERVER_FAILED", "the server failed"), clean);
  const status = error instanceof Refusal ? error.status : STATUSES[error.code] ?? 500;
  const { code, message, hint, docs } = error;
  return { status, body: { error: { code, message: clean(message), hint: clean(hint), docs } } };
}
