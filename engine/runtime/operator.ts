/** Operating runs from outside: letters that they turn into events, and questions that a replay answers. */
import { timingSafeEqual } from "node:crypto";
import { RepriseError } from "../core/errors.ts";
import { goesOnAs, type Event, type Payload } from "../core/events.ts";
import { foldAll } from "../core/fold.ts";
import type { WorkflowSpec } from "../core/policy.ts";
import type { WaitView } from "../core/view.ts";
import { fromErrorRecord } from "../codec/error-record.ts";
import { decodeEvents } from "../codec/rows.ts";
import { decodeValue } from "../codec/value.ts";
import { TERMINAL_STATES, type RunRow, type Store } from "../store/port.ts";
import { stayAlive, type Clock } from "./clock.ts";
import type { Ids } from "./ids.ts";
import { isForkRow } from "./fork.ts";
import { loadHistory } from "./load.ts";
import type { Patience } from "./patience.ts";
import { replayTo } from "./rehearse.ts";

/** What an operator works with. */
export interface OperatorParts {
  readonly store: Store;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly patience: Patience;
  /** Mail was posted: look at once. */
  poke(): void;
}
interface Letter {
  readonly kind: "cancel" | "signal" | "answer" | "update" | "inject" | "pause" | "resume";
  readonly body: { readonly [field: string]: Payload | string | number | undefined };
  /** Letters with the same key are accepted once. */
  readonly dedupe?: string;
  readonly control?: boolean;
}
/** Where a letter arrived: a chain moves on, and its mail with it. */
interface Posted { readonly runId: string; readonly dedupe: string }

/** How long an answer or an update is waited for while a worker lives, and where none does. */
const FATE_MS = 20_000, NOBODY_MS = 3_000;

/** So many runs, at most, are remembered. */
const MOST_DECLARED = 10_000;

/** What a run or workflow that declares its signals says of another. */
export function undeclared(who: string, name: string, declared: readonly string[]): RepriseError {
  const names = declared.map((one) => `'${one}'`).join(", ");
  return new RepriseError("SIGNAL_UNDECLARED", `${who} does not declare the signal '${name}'`,
    names === "" ? "Its workflow says signals: [], so that it reads none." : `Its workflow declares ${names}.`);
}

/** Letters to runs, and questions to them. */
export class Operator {
  readonly #parts: OperatorParts;
  /** What is known of the signals that runs read; null: any. */
  readonly #declared = new Map<string, readonly string[] | null>();
  constructor(parts: OperatorParts) { this.#parts = parts }

  /** Asks a run to stop: the id of the one that was asked, which may be a later link or try; undefined: it had ended.
   *  @throws RUN_NOT_FOUND */
  async cancel(runId: string, options: { readonly reason?: string; readonly graceMs?: number }):
    Promise<string | undefined> {
    return (await this.#post(runId, { kind: "cancel", body: options, control: true }))?.runId;
  }

  /** Sends a signal, exactly once per `key`. @throws RUN_NOT_FOUND, RUN_ENDED, SIGNAL_UNDECLARED */
  async signal(runId: string, name: string, value: Payload | undefined, key?: string): Promise<void> {
    const reads = await this.#readBy(runId);
    if (reads?.includes(name) === false) throw undeclared(`run ${runId}`, name, reads);
    await this.#must(runId, { kind: "signal", body: { name, value }, ...(key !== undefined && { dedupe: key }) });
  }

  /** Answers an open form, by name or key. @throws ANSWER_REFUSED when its schema does not accept the value */
  async answer(runId: string, name: string, value: Payload | undefined, who?: string): Promise<"accepted" | "pending"> {
    const fate = await this.#fate(await this.#must(runId, { kind: "answer", body: { name, value, who } }));
    if (fate === undefined) return "pending";
    if (fate.type === "WaitAnswered") return "accepted";
    throw new RepriseError("ANSWER_REFUSED", `run ${runId} did not take the answer to '${name}': ${whyOf(fate)}`,
      `See what it waits for: reprise runs waits ${runId}`);
  }

  /** Answers the open webhook of a run that has this token; each answers once. @throws HOOK_UNKNOWN, ANSWER_REFUSED */
  async answerHook(runId: string, token: string, value: Payload | undefined): Promise<"accepted" | "pending"> {
    const known = await this.#parts.store.run(runId) === undefined ? [] : await this.waits(runId);
    const wait = known.find((one) => one.token !== undefined && sameText(one.token, token));
    if (wait === undefined) throw new RepriseError("HOOK_UNKNOWN", "no run waits at this address",
      "It was answered, it has expired, or the address is not complete.");
    return this.answer(runId, wait.key, value, "webhook");
  }

  /** Asks for an update and waits until it is accepted, or for its reply. @throws UPDATE_REFUSED; what the handler
   *  threw;
   *  RUN_ENDED, UPDATE_PENDING */
  async update(runId: string, name: string, value: Payload | undefined,
    options: { readonly key?: string; readonly wait?: "accepted" | "completed" } = {}): Promise<unknown> {
    const id = options.key ?? this.#parts.ids.uuid();
    const posted = await this.#must(runId, { kind: "update", body: { id, name, value }, dedupe: id });
    const fate = await this.#fate(posted);
    if (fate === undefined) throw pending(runId, name);
    if (fate.type !== "UpdateReceived") throw new RepriseError("UPDATE_REFUSED",
      `run ${runId} refused the update '${name}': ${whyOf(fate)}`, "Correct the value; nothing has changed.");
    if (options.wait === "accepted") return undefined;
    return this.#reply(posted.runId, name, id);
  }

  /** Holds the run: what runs may end, nothing begins. @throws RUN_NOT_FOUND, RUN_ENDED */
  async pause(runId: string, who?: string): Promise<void> {
    await this.#must(runId, { kind: "pause", body: { who }, control: true });
  }
  /** Lets a paused or parked run go on, wherever a worker has its code. @throws RUN_NOT_FOUND, RUN_ENDED */
  async resume(runId: string, who?: string): Promise<void> {
    await this.#must(runId, { kind: "resume", body: { who }, control: true });
  }
  /** Does a pause lie in the run's mail, which it will read before anything else of it goes on? Who asked for it. */
  async pauseAhead({ runId, mailHead, mailRead }: RunRow): Promise<{ readonly who: string | undefined } | undefined> {
    if (mailHead <= mailRead) return undefined;
    const letter = (await this.#ask(() => this.#parts.store.mail(runId, mailRead)))
      .findLast(({ kind }) => kind === "pause" || kind === "resume");
    if (letter?.kind !== "pause") return undefined;
    const { who } = JSON.parse(letter.payload ?? "{}") as { readonly who?: string }; // written by pause()
    return { who };
  }
  /** Settles an open call with a value of a person's own. @throws RUN_NOT_FOUND, RUN_ENDED, INJECT_REFUSED */
  async inject(runId: string, key: string, value: Payload | undefined, who: string, reason: string):
    Promise<"accepted" | "pending"> {
    const fate = await this.#fate(await this.#must(runId, { kind: "inject", body: { key, value, who, reason } }));
    if (fate === undefined) return "pending";
    if (fate.type === "ResultInjected") return "accepted";
    throw new RepriseError("INJECT_REFUSED", `run ${runId} did not take the value for '${key}': ${whyOf(fate)}`,
      `See its open calls: reprise why ${runId}`);
  }

  /** The open waits of a run, or of the last link of its chain, in the order of opening. @throws RUN_NOT_FOUND */
  async waits(runId: string): Promise<readonly WaitView[]> {
    const events = await this.#history(await this.lastLink(runId));
    return [...foldAll(events).waits.values()].filter(({ state }) => state === "open");
  }

  /** What the run exposes under `name`: now, by the last link of its chain, or after event `at` (from 1) of its own.
   *  Its code is replayed here, read-only. @throws QUERY_UNKNOWN, NO_SUCH_EVENT, REPLAY_DIVERGED */
  async query(runId: string, workflow: WorkflowSpec, name: string, at?: number): Promise<unknown> {
    const asked = at === undefined ? await this.lastLink(runId) : runId;
    const events = await this.#history(asked);
    if (at !== undefined && !(Number.isInteger(at) && at >= 1 && at <= events.length)) {
      throw new RepriseError("NO_SUCH_EVENT", `run ${runId} has the events 1 to ${events.length}, not ${at}`,
        "Give a seq in that range.");
    }
    const execution = await replayTo(asked, workflow, at === undefined ? events : events.slice(0, at));
    return execution.messages.query(name);
  }

  /** The run with which the chain of this one ends so far, tries included: itself, where it has not gone on. */
  async lastLink(runId: string): Promise<string> {
    let last = runId;
    for (let next = await this.#nextLink(last); next !== undefined; next = await this.#nextLink(last)) last = next;
    return last;
  }
  async #nextLink(runId: string): Promise<string | undefined> {
    const { store } = this.#parts, row = await this.#ask(() => store.run(runId));
    if (row?.state !== "completed" && row?.state !== "failed") return undefined;
    const tail = (await this.#ask(() => store.read(runId, row.asOf))).at(-1);
    return goesOnAs(tail && decodeEvents(tail.firstSeq, tail.events).at(-1));
  }

  /** The signals that the run declares; undefined: any, or there is no such run. They never change. */
  async #readBy(runId: string): Promise<readonly string[] | undefined> {
    const known = this.#declared.get(runId);
    if (known !== undefined) return known ?? undefined;
    const { store } = this.#parts, [row] = await this.#ask(() => store.read(runId, 1, 1));
    if (row === undefined) return undefined;
    const [started] = isForkRow(row) ? await this.#history(runId) : decodeEvents(row.firstSeq, row.events);
    const reads = started?.type === "RunStarted" ? started.signals : undefined;
    if (this.#declared.size >= MOST_DECLARED) this.#declared.clear();
    this.#declared.set(runId, reads ?? null);
    return reads;
  }

  /** Posts a letter, to the last link of the chain if the run has continued, to the next try if there is one.
   *  undefined: it has ended. */
  async #post(runId: string, letter: Letter): Promise<Posted | undefined> {
    const dedupe = `${letter.kind}/${letter.dedupe ?? this.#parts.ids.uuid()}`;
    const answer = await this.#ask(() => this.#parts.store.post({ runId, kind: letter.kind, dedupe,
      payload: JSON.stringify(letter.body), ...(letter.control && { control: true }) }));
    if (answer === "no_run") throw new RepriseError("RUN_NOT_FOUND", `no run has the id ${runId}`,
      "List them: reprise runs ls");
    if (answer === "finished") {
      const next = await this.#nextLink(runId);
      return next === undefined ? undefined : this.#post(next, letter);
    }
    this.#parts.poke();
    return { runId, dedupe };
  }
  async #must(runId: string, letter: Letter): Promise<Posted> {
    const posted = await this.#post(runId, letter);
    if (posted !== undefined) return posted;
    throw new RepriseError("RUN_ENDED", `run ${runId} has ended; a ${letter.kind} can no longer reach it`,
      `See how: reprise runs inspect ${runId}`);
  }

  /** The event that a letter became; undefined when nobody has read it in time. */
  async #fate({ runId, dedupe }: Posted): Promise<Event | undefined> {
    const { store } = this.#parts;
    const n = (await this.#ask(() => store.mail(runId, 0))).find((mail) => mail.dedupe === dedupe)?.n;
    if (n === undefined) return undefined;
    const fate = await this.#poll(runId, async (row) => row.mailRead < n ? undefined
      : (await this.#history(runId)).findLast((event) => "n" in event && event.n === n));
    const next = fate === undefined ? await this.#nextLink(runId) : undefined; // not read, it went along
    return next === undefined ? fate : this.#fate({ runId: next, dedupe });
  }

  async #reply(runId: string, name: string, id: string): Promise<unknown> {
    const reply = await this.#poll(runId, async () => (await this.#history(runId)).findLast((event) =>
      (event.type === "UpdateCompleted" && event.id === id) || goesOnAs(event) !== undefined));
    const next = goesOnAs(reply);
    if (next !== undefined) return this.#reply(next, name, id); // it went along
    if (reply?.type !== "UpdateCompleted") throw pending(runId, name);
    if (reply.error !== undefined) throw fromErrorRecord(reply.error);
    return decodeValue(reply.result);
  }

  #ask<T>(ask: () => Promise<T>): Promise<T> { return this.#parts.patience.insist(ask, FATE_MS) }
  async #history(runId: string): Promise<readonly Event[]> {
    return (await this.#ask(() => loadHistory(this.#parts.store, runId))).events;
  }

  async #poll(runId: string, look: (row: RunRow) => Promise<Event | undefined>): Promise<Event | undefined> {
    const { store, clock } = this.#parts, until = clock.monotonic() + await this.#readerMs(), letGo = stayAlive(clock);
    try { for (let waitMs = 5; ; waitMs = Math.min(500, waitMs * 2)) {
      const row = await this.#ask(() => store.run(runId));
      const found = row && await look(row);
      if (found !== undefined || row === undefined) return found;
      const setAside = row.parked !== null && row.owner === null; // nobody reads its mail
      if (TERMINAL_STATES.includes(row.state) || setAside || clock.monotonic() > until) return look(row);
      await new Promise<void>((resolve) => { clock.after(waitMs, resolve, false) });
    } } finally { letGo() }
  }
  /** How long a reader is waited for: nobody else can come to a store that lives in this process. */
  async #readerMs(): Promise<number> {
    const { store, patience } = this.#parts;
    if ((await patience.insist(() => store.workers())).some(({ alive }) => alive)) return FATE_MS;
    return store.kind === "memory" || store.kind === "pglite" ? 0 : NOBODY_MS;
  }
}

/** Compared in a time that tells nothing of where they differ. */
function sameText(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}
function whyOf(event: Event): string { return event.type === "MailIgnored" ? event.why : event.type }
function pending(runId: string, name: string): RepriseError {
  return new RepriseError("UPDATE_PENDING", `run ${runId} has not answered the update '${name}' yet`,
    `No worker may be there to run it: reprise why ${runId}`);
}
