/** Who may come in: tokens with scopes, compared in constant time, with a limit on how often each may ask. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { RepriseError, type Clock } from "../../engine/index.ts";
import { Refusal } from "./problem.ts";

/** `read`: what changes nothing. `act`: cancel, retry, signal and the like. `debug`: variables, by running the
 *  workflow's code. `admin`: all of them, and whatever comes. */
export type Scope = "read" | "act" | "debug" | "admin";

/** A token that opens the server. */
export interface AccessToken {
  /** Names it in limits; never the token itself. */
  readonly id: string;
  /** 16 to 200 letters, digits, `-` and `_`. */
  readonly token: string;
  readonly scopes: readonly Scope[];
  /** Milliseconds since 1970; never, if absent. */
  readonly expiresAt?: number;
}

/** How often one may ask. */
export interface RateLimits {
  /** Requests per second that a token may keep up; default 50. */
  readonly perSecond?: number;
  /** Requests that it may make at once; default 100. */
  readonly burst?: number;
  /** Wrong tokens per minute from one address before it is turned away; default 5. */
  readonly failuresPerMinute?: number;
}

/** Somebody who has come in. */
export interface Caller {
  readonly id: string;
  readonly may: (scope: Scope) => boolean;
  readonly expiresAt: number | undefined;
}

/** A random token of 256 bits. */
export function newToken(): string { return randomBytes(32).toString("base64url") }

/** The scopes of the one who made the server, and of everybody where no token is asked for. */
const ALL: readonly Scope[] = ["admin"];
const FORM = /^[\w-]{16,200}$/;
const MINUTE_MS = 60_000;
/** Addresses that are remembered for failing. */
const MAX_ADDRESSES = 1000;

interface Known { readonly hash: Buffer; readonly caller: Caller }
interface Bucket { left: number; at: number }

/** The tokens of a server; none at all lets everybody in. @throws INVALID_OPTION for a token that is too short */
export class Tokens {
  readonly #known: readonly Known[];
  readonly #clock: Clock;
  readonly #limits: Required<RateLimits>;
  readonly #buckets = new Map<string, Bucket>();
  readonly #failures = new Map<string, { count: number; since: number }>();

  constructor(tokens: readonly AccessToken[], clock: Clock, limits: RateLimits) {
    for (const { id, token } of tokens) {
      if (!FORM.test(token)) throw new RepriseError("INVALID_OPTION",
        `the token '${id}' is not 16 to 200 letters, digits, - and _`, "Leave it out: a random one is made.");
    }
    this.#known = tokens.map((one) => ({ hash: hashOf(one.token), caller: callerOf(one.id, one.scopes,
      one.expiresAt) }));
    this.#clock = clock;
    this.#limits = { perSecond: limits.perSecond ?? 50, burst: limits.burst ?? 100,
      failuresPerMinute: limits.failuresPerMinute ?? 5 };
  }

  /** Is a token asked for at all? */
  get needed(): boolean { return this.#known.length > 0 }

  /** Who shows this token. @throws TOKEN_REFUSED, TOO_MANY_REQUESTS */
  caller(token: string | undefined, address: string): Caller {
    const caller = this.needed ? this.#find(token) : callerOf("everybody", ALL, undefined);
    if (caller === undefined) throw this.#failed(token, address);
    this.#spend(caller.id);
    return caller;
  }

  /** Has this caller's time run out? */
  isOver(caller: Caller): boolean { return caller.expiresAt !== undefined && caller.expiresAt <= this.#clock.now() }

  /** Every token is compared, whichever fits, by its hash: the time it takes says nothing. */
  #find(token: string | undefined): Caller | undefined {
    if (token === undefined) return undefined;
    const hash = hashOf(token);
    let found: Caller | undefined;
    for (const known of this.#known) if (timingSafeEqual(hash, known.hash)) found = known.caller;
    return found === undefined || this.isOver(found) ? undefined : found;
  }

  /** Without a token there is nothing to guess, so only wrong ones count. */
  #failed(token: string | undefined, address: string): Refusal {
    if (token === undefined) return new Refusal("TOKEN_REFUSED", "a token is needed");
    const now = this.#clock.monotonic(), known = this.#failures.get(address);
    const failures = known === undefined || now - known.since > MINUTE_MS ? { count: 0, since: now } : known;
    failures.count++;
    if (this.#failures.size >= MAX_ADDRESSES) this.#failures.clear();
    this.#failures.set(address, failures);
    if (failures.count <= this.#limits.failuresPerMinute) {
      return new Refusal("TOKEN_REFUSED", "the token is unknown or has expired");
    }
    return new Refusal("TOO_MANY_REQUESTS", "too many wrong tokens came from this address",
      { retryAfter: Math.ceil((failures.since + MINUTE_MS - now) / 1000) });
  }

  /** A bucket that fills at `perSecond` up to `burst`. */
  #spend(id: string): void {
    const { perSecond, burst } = this.#limits, now = this.#clock.monotonic();
    const bucket = this.#buckets.get(id) ?? { left: burst, at: now };
    bucket.left = Math.min(burst, bucket.left + (now - bucket.at) / 1000 * perSecond);
    bucket.at = now;
    this.#buckets.set(id, bucket);
    if (bucket.left < 1) throw new Refusal("TOO_MANY_REQUESTS", `more than ${perSecond} requests per second`,
      { retryAfter: Math.ceil((1 - bucket.left) / perSecond) });
    bucket.left--;
  }
}

function callerOf(id: string, scopes: readonly Scope[], expiresAt: number | undefined): Caller {
  return { id, may: (scope) => scopes.includes(scope) || scopes.includes("admin"), expiresAt };
}
function hashOf(token: string): Buffer { return createHash("sha256").update(token).digest() }
