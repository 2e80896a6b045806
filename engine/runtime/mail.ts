/** A run's letters, in the order of their numbers, turned into events. */
import type { Draft, Delivery, ErrorRecord, Payload } from "../core/events.ts";
import { saidBy } from "../core/thrown.ts";
import { decodeValue } from "../codec/value.ts";
import { encodeRecorded } from "../codec/limits.ts";
import type { Execution } from "../replay/execution.ts";
import type { Mail } from "../store/port.ts";
import type { RowChange } from "./outbox.ts";

/** The run that the letters are for. */
export interface Addressee {
  now(): number;
  deliver(draft: Draft<Delivery>, notBefore?: number, change?: RowChange): void;
  add(draft: Draft, change?: RowChange): void;
  /** Stops what moves by itself and gives the run up as paused. */
  pause(n: number, who: string | undefined): void;
}
/** What letters hold, by kind; written by RunEngine and by other runs. */
interface Letter {
  readonly name?: string; readonly key?: string; readonly id?: string; readonly value?: Payload; readonly who?: string;
  readonly reason?: string; readonly graceMs?: number; readonly state?: "completed" | "failed" | "cancelled";
  readonly result?: Payload; readonly error?: ErrorRecord; readonly endedAt?: number; readonly cached?: boolean;
  /** The run that called the child. */
  readonly caller?: string;
}

/** The mail of one run that is here. */
export class Mailroom {
  readonly #run: Addressee;
  readonly #execution: Execution;
  readonly #reads: readonly string[] | undefined;
  /** Waits whose answer is on its way to the log. */
  readonly #answered = new Set<string>();
  #reading: Promise<void> = Promise.resolve();
  /** A pause was read, or the mail cannot be: what is left is for whoever takes the run next. */
  #shut = false;
  /** @param reads the signals that the run declares; undefined: any */
  constructor(run: Addressee, execution: Execution, reads: readonly string[] | undefined) {
    this.#run = run;
    this.#execution = execution;
    this.#reads = reads;
  }

  /** Fetches letters and reads them, after those that it is reading: an answer that comes late keeps its place. */
  read(fetch: () => Promise<readonly Mail[]>): Promise<void> {
    return (this.#reading = this.#reading.then(async () => {
      if (this.#shut) return;
      try {
        for (const mail of await fetch()) if (!this.#shut) await this.#open(mail);
      } catch (error) { this.#shut = true; throw error } // what comes later may not overtake what was not read
    }));
  }

  /** Reads on after a pause, if `wanted` says so when everything before has been read. */
  reopen(wanted: () => Promise<boolean>): Promise<void> {
    return (this.#reading = this.#reading.then(async () => { if (await wanted()) this.#shut = false }));
  }

  async #open(mail: Mail): Promise<void> {
    let letter: Letter;
    // Posted by RunEngine's operator or by another run; what is no JSON changes nothing.
    try { letter = JSON.parse(mail.payload ?? "{}") as Letter } catch {
      this.#ignore(mail, "it cannot be read");
      return;
    }
    const refused = await this.#accept(mail, letter);
    if (refused !== undefined) this.#ignore(mail, refused);
  }

  /** Why the letter comes to nothing, or undefined. */
  async #accept({ n, kind }: Mail, letter: Letter): Promise<string | undefined> {
    const at = this.#run.now(), { name = "", key = "", value, who, reason } = letter;
    const carried = value && { value };
    switch (kind) {
      case "cancel": return this.#cancel(n, at, letter);
      case "signal":
        if (this.#reads?.includes(name) === false) return `the workflow does not declare the signal '${name}'`;
        this.#run.deliver({ type: "SignalReceived", at, n, name, ...carried }, undefined, { mailRead: n });
        return undefined;
      case "child": return this.#child(n, Math.max(at, letter.endedAt ?? 0), letter);
      case "answer": return this.#answer(n, letter);
      case "update": return this.#update(n, at, letter);
      case "inject":
        if (!this.#execution.open.has(key)) return `no call with the key ${key} is open`;
        this.#run.deliver({ type: "ResultInjected", at, n, key, ...carried, who: who ?? "", reason: reason ?? "" },
          undefined, { mailRead: n });
        return undefined;
      case "pause": this.#shut = true; this.#run.pause(n, who); return undefined;
      case "resume": return "the run goes on";
      default: return "nothing to do";
    }
  }

  #cancel(n: number, at: number, { reason, graceMs }: Letter): string | undefined {
    if (this.#execution.abort.aborted) return "already cancelling";
    this.#run.deliver({ type: "CancelRequested", at, n, ...(reason !== undefined && { reason }),
      ...(graceMs !== undefined && { graceMs }) }, undefined, { mailRead: n, state: "cancelling" });
    return undefined;
  }

  #child(n: number, at: number, { key = "", caller, state, result, cached, error, reason }: Letter):
    string | undefined {
    if (caller !== this.#execution.run.id) return `the run ${caller ?? ""} had called it, which went on as this one`;
    if (this.#execution.open.get(key)?.kind !== "child") return "its call is no longer open";
    if (state === "completed") {
      this.#run.deliver({ type: "ChildCompleted", at, n, key, ...(result && { result }), ...(cached && { cached }) },
        undefined, { mailRead: n });
    } else if (state === "failed" && error !== undefined) {
      this.#run.deliver({ type: "ChildFailed", at, n, key, error }, undefined, { mailRead: n });
    } else this.#run.deliver({ type: "ChildCancelled", at, n, key, ...(reason !== undefined && { reason }) }, undefined,
      { mailRead: n });
    return undefined;
  }

  /** An answer is checked by the waiting code's own schema, and taken as the schema gives it back. */
  async #answer(n: number, { name = "", value, who }: Letter): Promise<string | undefined> {
    const wait = this.#form(name);
    if (wait?.check === undefined) return `no form '${name}' is open`;
    let checked: Payload | undefined;
    try { checked = encodeRecorded(await wait.check(decodeValue(value)), `answer to '${name}'`) }
    catch (error) { return saidBy(error) }
    if (this.#form(name) !== wait) return `no form '${name}' is open any more`;
    this.#answered.add(wait.key);
    this.#run.deliver({ type: "WaitAnswered", at: this.#run.now(), n, key: wait.key, ...(checked && { value: checked }),
      ...(who !== undefined && { who }) }, undefined, { mailRead: n });
    return undefined;
  }
  #form(name: string): { readonly key: string; readonly check?: (value: unknown) => unknown } | undefined {
    for (const call of this.#execution.open.values()) {
      if (call.kind === "wait" && call.wait === "form" && (call.name === name || call.key === name)
        && !this.#answered.has(call.key)) return call;
    }
    return undefined;
  }

  #update(n: number, at: number, { id = "", name = "", value }: Letter): string | undefined {
    try { this.#execution.messages.checkUpdate(name, decodeValue(value)) }
    catch (error) { return saidBy(error) }
    this.#run.deliver({ type: "UpdateReceived", at, n, id, name, ...(value && { value }) }, undefined, { mailRead: n });
    return undefined;
  }

  #ignore({ n, kind }: Mail, why: string): void {
    this.#run.add({ type: "MailIgnored", at: this.#run.now(), n, kind, why }, { mailRead: n });
  }
}
