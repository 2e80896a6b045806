/** Going through a run: first, back, play, on, last; a slider over all events with the failures marked on it. */
import { effect, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { focusTimes, nextFailure, resolveFocus } from "../model/focus.ts";
import { count, elapsed, number } from "../model/format.ts";
import { usePainter } from "./canvas.ts";
import { Icon, type IconName } from "./icons.tsx";
import { connected } from "./live.ts";
import { say } from "./notices.tsx";
import { change } from "./place.ts";
import type { Session } from "./session.ts";
import { focusOn, playing, speed, step } from "./view.ts";

const SPEEDS = [0.25, 1, 4, 16, 64, 256];

/** The transport. */
export function Transport({ run }: { run: Session }): JSX.Element {
  void run.version.value;
  const { history } = run, seq = run.seq.value, head = Math.max(1, history.head);
  useEffect(() => playLoop(run), [run]);
  const times = focusTimes(history, seq);
  const failed = history.failures.length, widest = elapsed(run.until.value - history.startAt).length;
  return <div class="transport">
    <div class="buttons" role="group" aria-label="Go through the events">
      <Button icon="first" label="First event (Home)" off={seq <= 1} press={() => { focusOn(1) }} />
      <Button icon="prev" label="Event before (left)" off={seq <= 1} press={() => { step(-1) }} />
      <Button icon={playing.value ? "pause" : "play"} label={playing.value ? "Pause (space)" : "Play (space)"}
        press={togglePlay} />
      <Button icon="next" label="Next event (right)" off={seq >= head} press={() => { step(1) }} />
      <Button icon="last" label="Last event (End)" off={seq >= head} press={() => { focusOn(head) }} />
    </div>
    <Where run={run} seq={seq} head={head} />
    <span class="times" title="since the start · time of day"><b style={{ minWidth: `${widest}ch` }}>{times.since}</b>
      <span class="faint">{times.clock}</span></span>
    <Slider run={run} seq={seq} head={head} />
    {failed > 0 && <div class="buttons" role="group" aria-label="Failures">
      <Button icon="left" label="Failure before ([)" off={nextFailure(history, seq, -1) === undefined}
        press={() => { goFailure(run, -1) }} />
      <span class="tone-bad failures" title={`${count(failed, "failure")} in this run`}><Icon name="bad" size={13} />
        {number(failed)}<span class="hidden"> {failed === 1 ? "failure" : "failures"}</span></span>
      <Button icon="right" label="Next failure (])" off={nextFailure(history, seq, 1) === undefined}
        press={() => { goFailure(run, 1) }} /></div>}
    <label class="field speed"><span class="hidden">Speed</span><select value={String(speed.value)}
      onChange={(event) => { speed.value = Number(event.currentTarget.value) }}>
      {SPEEDS.map((one) => <option key={one} value={String(one)}>{one}×</option>)}</select></label>
    {!run.over.value && !run.recorded && <Follow run={run} />}
  </div>;
}

function Button({ icon, label, off = false, press }: { icon: IconName; label: string; off?: boolean;
  press: () => void }): JSX.Element {
  return <button class="quiet square" aria-label={label} title={label} disabled={off} onClick={press}>
    <Icon name={icon} /></button>;
}

/** `event 41 / 86`, where one can type another: a number, a key, `t=12.5s`, `first-failure`. */
function Where({ run, seq, head }: { run: Session; seq: number; head: number }): JSX.Element {
  const draft = useSignal<string | undefined>(undefined);
  return <form class="where" onSubmit={(event) => {
    event.preventDefault();
    const wanted = (draft.value ?? "").trim();
    draft.value = undefined;
    if (wanted !== "") focusOn(resolveFocus(wanted, run.history));
  }}><label><span class="word">event</span><input aria-label="Event: a number, a task, or a time such as t=12.5s"
      value={draft.value ?? number(seq)} style={{ width: `${Math.max(2, number(head).length) + 1}ch` }}
        autocomplete="off" spellcheck={false}
      onFocus={(event) => { event.currentTarget.select() }}
      onInput={(event) => { draft.value = event.currentTarget.value }} onBlur={() => { draft.value = undefined }} />
    </label><span class="faint">/ {number(head)}</span></form>;
}

function Slider({ run, seq, head }: { run: Session; seq: number; head: number }): JSX.Element {
  const ticks = usePainter(({ g, width, height, colours }) => {
    void run.version.value;
    g.fillStyle = colours["bad-bar"];
    const inset = 7, all = Math.max(1, run.history.head - 1);
    // Many of them stand below the line, so that it can still be read.
    const many = run.history.failures.length > 40;
    let last = -9;
    for (const failure of run.history.failures) {
      const x = Math.round(inset + (failure - 1) / all * (width - 2 * inset));
      if (x < last + (many ? 3 : 2)) continue;
      last = x;
      if (many) g.fillRect(x, height / 2 + 5, 1, 5); else g.fillRect(x - 1, height / 2 - 6, 2, 12);
    }
  });
  const part = head <= 1 ? 0 : (seq - 1) / (head - 1);
  return <div class="slider" style={{ "--part": `${part * 100}%` }}>
    <canvas ref={ticks} aria-hidden="true" />
    <input type="range" min={1} max={head} value={seq} aria-label="Event"
      aria-valuetext={`event ${seq} of ${head}, ${focusTimes(run.history, seq).since}`}
      onInput={(event) => { playing.value = false; focusOn(Number(event.currentTarget.value), "replace") }} />
  </div>;
}

function Follow({ run }: { run: Session }): JSX.Element {
  const on = run.following.value, up = connected.value !== false, lag = run.lag.value;
  return <button class={`quiet follow${on ? " on" : ""}`} aria-pressed={on}
    title={on ? "The newest event is shown as it comes" : "Show the newest event as it comes"}
    onClick={() => { change({ e: on ? String(run.seq.value) : "last" }) }}>
    <Icon name="dot" class={up ? "tone-ok" : "tone-wait"} />{!up ? "connecting" : on ? "following" : "follow"}
    {up && lag !== undefined && <span class="faint">{lag} ms</span>}</button>;
}

/** Goes to the failure before or after the focus. */
export function goFailure(run: Session, by: 1 | -1): void {
  const to = nextFailure(run.history, run.seq.peek(), by);
  if (to === undefined) say(by === 1 ? "No failure after this event" : "No failure before this event");
  else focusOn(to);
}
/** Plays, or stops playing; from the end it begins anew. */
export function togglePlay(): void { playing.value = !playing.value }

/** The longest pause between two events while playing. */
const LONGEST_MS = 700;
/** Plays while `playing` says so: in the run's own time, times the speed, with long pauses cut short. */
function playLoop(run: Session): () => void {
  const stop = effect(() => playing.value ? playOn(run) : undefined);
  return () => { stop(); playing.value = false };
}
function playOn(run: Session): () => void {
  const { history } = run;
  let frame = 0, before = 0, owed = 0;
  if (run.seq.peek() >= history.head) focusOn(1, "replace");
  const tick = (now: number): void => {
    owed += before === 0 ? 0 : now - before;
    before = now;
    const from = run.seq.peek();
    let seq = from;
    for (let next = history.event(seq + 1); next !== undefined; next = history.event(seq + 1)) {
      const wait = Math.min(LONGEST_MS, (next.at - (history.event(seq)?.at ?? next.at)) / speed.peek());
      if (wait > owed) break;
      owed -= wait;
      seq = next.seq;
    }
    if (seq !== from) focusOn(seq, "replace");
    if (seq >= history.head) playing.value = false; else frame = requestAnimationFrame(tick);
  };
  frame = requestAnimationFrame(tick);
  return () => { cancelAnimationFrame(frame) };
}
