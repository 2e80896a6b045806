/** The decisions that history holds, matched by key as the code makes them again; the frontier; the first
 *  difference. */
import type { Decision, Delivery, Event, Payload } from "../core/events.ts";
import { isDecision, isDelivery, isTerminal } from "../core/events.ts";
import type { Skip } from "./calls.ts";
import { changesOf, type Change } from "./changes.ts";
import { afterOf, sideOf, type Divergence, type DivergenceKind } from "./divergence.ts";
import { sameForm } from "./same-form.ts";
import { callSite } from "./site.ts";

/** A decision as the code makes it: placed in its turn, not yet in the log. */
type Issued = { readonly type: Decision["type"]; readonly key: string; readonly by: number; readonly site?: string };

const CLOSING = new Set(["TimerCancelled", "TaskCancelRequested", "WaitClosed", "ChildCancelRequested"]);

/** Terminal events share one place; giving a call up is not the call. */
function placeOf(decision: { readonly type: string; readonly key: string }): string {
  if (isTerminal(decision)) return "run:end";
  return CLOSING.has(decision.type) ? `-${decision.key}` : decision.key;
}

/** What history says that the code decided. */
export class Recorded {
  /** The terminal event has been decided. */
  finished = false;
  /** Up to this delivery the code only repeats: nothing that it prints is new. */
  readonly muteUntil: number;
  /** Tables are made when history fills them: a run that waits costs 4 KB, an empty table 170 bytes of it. */
  #places: Map<string, Decision> | undefined;
  #byTurn: Map<number, Set<string>> | undefined;
  /** Keys whose result is already in history: a changed input cannot matter to them any more. */
  #answered: Set<string> | undefined;
  readonly #host: { tolerate?(divergence: Divergence): void };
  /** The last turn with recorded decisions; a turn up to here issued all of its decisions, unless `#partial`. */
  readonly #frontier: number;
  readonly #partial: boolean;
  #inserted: Issued[] | undefined;
  #found: Omit<Divergence, "after"> | undefined;
  #turn = 0;

  constructor(history: readonly Event[], partial: boolean, host: { tolerate?(divergence: Divergence): void }) {
    let frontier = 0;
    for (const decision of history) {
      if (isDelivery(decision) && "key" in decision) (this.#answered ??= new Set()).add(decision.key);
      if (!isDecision(decision)) continue;
      const place = placeOf(decision);
      (this.#places ??= new Map()).set(place, decision);
      if (decision.by > frontier) frontier = decision.by;
      const turn = (this.#byTurn ??= new Map()).get(decision.by);
      if (turn === undefined) this.#byTurn.set(decision.by, new Set([place]));
      else turn.add(place);
    }
    this.#frontier = frontier;
    this.#partial = partial;
    this.#host = host;
    this.muteUntil = frontier;
  }

  /** Has the code passed everything that is recorded? */
  get done(): boolean { return this.#turn > this.#frontier }

  /** Had the code that made this history passed the place where the code is now, in the turn of delivery `seq`? In a
   *  turn that may be cut, it had if anything that it decided there is still to come. */
  passed(seq: number): boolean {
    return seq < this.#frontier
      || (seq === this.#frontier && (!this.#partial || (this.#byTurn?.get(seq)?.size ?? 0) > 0));
  }
  /** The recorded decision of this key, whatever its turn. */
  get(key: string): Decision | undefined { return this.#places?.get(key) }

  /** Is this decision in history already? Notes a difference when it is, but not like this; its line is then that of
   *  the caller of `skip`. */
  match(issued: Issued & { readonly inputHash?: string }, skip?: Skip): boolean {
    this.#turn = issued.by;
    const place = placeOf(issued);
    const recorded = this.#places?.get(place);
    if (recorded === undefined) return false;
    this.#byTurn?.get(recorded.by)?.delete(place);
    this.#places?.delete(place);
    if (recorded.type !== issued.type) this.#differ("KIND", recorded, issued, skip);
    else if (recorded.by !== issued.by) this.#differ("MOVED", recorded, issued, skip);
    else if ("inputHash" in recorded && recorded.inputHash !== issued.inputHash) {
      this.#differ("CHANGED", recorded, issued, skip);
    } else if (recorded.type === "TimerStarted" && "dueAt" in issued && recorded.dueAt !== issued.dueAt) {
      this.#differ("CHANGED", recorded, issued, skip);
    } else if (this.#asksOtherwise(recorded, issued)) {
      this.#differ("CHANGED", recorded, issued, skip);
    } else if (recorded.type === "RunCompleted" && "result" in issued
      && JSON.stringify(recorded.result) !== JSON.stringify(issued.result)) {
      this.#differ("CHANGED", recorded, issued, skip);
    }
    return true;
  }

  /** Does a form that is open ask for something else than it did? Whoever answers sees what was recorded, and the code
   *  checks by what it says now. */
  #asksOtherwise(recorded: Decision, issued: Issued & { readonly schema?: Payload }): boolean {
    const { key } = recorded;
    return recorded.type === "WaitOpened" && recorded.kind === "form" && !sameForm(recorded.schema, issued.schema)
      && !this.#answered?.has(key) && this.#places?.has(`-${key}`) !== true;
  }

  /** The code decided something that history does not have; fine beyond the frontier. */
  inserted(issued: Issued): void {
    if (issued.by > this.#frontier || (issued.by === this.#frontier && this.#partial)) return;
    (this.#inserted ??= []).push(issued);
  }

  /** The turn of `delivery` is over: what differs, if anything does. */
  endTurn(delivery: Delivery): Divergence | undefined {
    this.#turn = delivery.seq;
    const after = afterOf(delivery);
    const issued = this.#inserted?.[0];
    const missing = this.#byTurn?.get(delivery.seq);
    this.#byTurn?.delete(delivery.seq);
    const place = missing?.values().next().value;
    const recorded = place === undefined ? undefined : this.#places?.get(place);
    if (issued !== undefined || recorded !== undefined) {
      this.#inserted = undefined;
      return {
        kind: issued === undefined ? "REMOVED" : "INSERTED", after,
        ...(recorded && { recorded: sideOf(recorded) }), ...(issued && { issued: sideOf(issued) }),
      };
    }
    const found = this.#found;
    this.#found = undefined;
    if (this.done) { this.#byTurn = undefined; this.#answered = undefined }
    return found && { ...found, after };
  }

  #differ(kind: DivergenceKind, recorded: Decision, issued: Issued, skip: Skip | undefined): void {
    const harmless = kind === "MOVED" || (kind === "CHANGED" && this.#answered?.has(recorded.key));
    const tolerated = harmless && this.#host.tolerate !== undefined;
    if (!tolerated && this.#found !== undefined) return;
    const site = issued.site ?? (skip && callSite(skip));
    const changes: readonly Change[] = kind === "CHANGED" ? changesOf(recorded, issued) : [];
    const found = { kind, recorded: sideOf(recorded), ...(changes.length > 0 && { changes }),
      issued: sideOf(site === undefined ? issued : { ...issued, site }) };
    if (tolerated) this.#host.tolerate?.({ ...found, after: { seq: issued.by, type: "turn" } });
    else this.#found = found;
  }
}
