/** Go anywhere: calls of the run, events, views, actions, by a few letters. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { titleOf } from "../model/calls.ts";
import { resolveFocus } from "../model/focus.ts";
import { Sheet, shut } from "./dialogs.tsx";
import { Icon, type IconName } from "./icons.tsx";
import { openTab } from "./inspector.tsx";
import { callLook } from "./looks.tsx";
import { change, visit } from "./place.ts";
import { embedded } from "./recorded.tsx";
import { actionsOf } from "./run-actions.ts";
import { session, type Session } from "./session.ts";
import { nextScheme } from "./settings.ts";
import { focusOn, TABS, viewsOf } from "./view.ts";

interface Choice { readonly word: string; readonly kind: string; readonly icon: IconName; readonly go: () => void }
const MOST = 40;

/** The palette. */
export function Palette(): JSX.Element {
  const words = useSignal(""), index = useSignal(0), box = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => { box.current?.focus() }, []);
  const found = choices(words.value), at = Math.min(index.value, found.length - 1);
  const take = (choice: Choice | undefined): void => { if (choice !== undefined) { shut(); choice.go() } };
  return <Sheet title="Go to">
    <input ref={box} class="palette" role="combobox" aria-expanded="true" aria-controls="choices" aria-label="Go to"
      aria-activedescendant={found.length > 0 ? `choice-${at}` : undefined}
        placeholder="A task, an event, a view, an action"
      value={words.value} autocomplete="off" spellcheck={false}
      onInput={(event) => { words.value = event.currentTarget.value; index.value = 0 }}
      onKeyDown={(event) => {
        const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
        if (by !== 0) { event.preventDefault(); index.value = Math.max(0, Math.min(found.length - 1, at + by)) }
        if (event.key === "Enter") { event.preventDefault(); take(found[at]) }
      }} />
    <ul id="choices" class="choice-list" role="listbox" aria-label="Choices">{found.map((choice, i) =>
      <li key={i} id={`choice-${i}`} role="option" aria-selected={i === at}
        class={i === at ? "on" : ""} onClick={() => { take(choice) }}><Icon name={choice.icon} size={14} />
        <span class="cut">{choice.word}</span><span class="faint">{choice.kind}</span></li>)}</ul>
    {found.length === 0 && <p class="faint">Nothing has that name.</p>}
  </Sheet>;
}

function choices(text: string): readonly Choice[] {
  const run = session.peek(), wanted = text.trim().toLowerCase().split(/\s+/);
  const fits = (choice: Choice): boolean => wanted.every((word) => `${choice.word} ${choice.kind}`.toLowerCase()
    .includes(word));
  return [...(run === undefined ? [] : places(run, text.trim())), ...(run === undefined ? [] : partsOf(run)),
    ...general().filter(fits)].filter((choice, i, all) => choice.kind === "event" || fits(choice)
    && all.indexOf(choice) === i).slice(0, MOST);
}

function places(run: Session, text: string): readonly Choice[] {
  const { history } = run;
  const event: Choice[] = /^(\d+|t=.+|first-failure|last)$/.test(text)
    ? [{ word: `${text}`, kind: "event", icon: "right",
    go: () => { focusOn(resolveFocus(text, history)) } }] : [];
  const lower = text.toLowerCase();
  const calls = history.calls.filter((call) => lower === "" ? call.row < 8
    : `${titleOf(call)} ${call.name}`.toLowerCase().includes(lower));
  return [...event, ...calls.slice(0, MOST).map((call): Choice => ({ word: titleOf(call),
    kind: `${call.label === undefined ? call.kind : `task ${call.name}`}, ${callLook(call.state).word}`,
    icon: callLook(call.state).icon, go: () => { focusOn(call.endSeq ?? call.seq) } }))];
}
function partsOf(run: Session): readonly Choice[] {
  return [...viewsOf(run).map(({ id, word }): Choice => ({ word, kind: "view", icon: "right",
    go: () => { change({ view: id === "timeline" ? undefined : id }) } })),
  ...TABS.map(({ id, word }): Choice => ({ word, kind: "tab", icon: "right", go: () => { openTab(id) } })),
  ...actionsOf(run).map(({ word, icon, open }): Choice => ({ word, kind: "action", icon, go: open }))];
}
function general(): readonly Choice[] {
  return [...(embedded ? [] : [{ word: "All runs", kind: "page", icon: "right" as const, go: () => { visit("/runs") } },
    { word: "Start a run", kind: "page", icon: "play" as const,
      go: () => { visit("/workflows") } },
    { word: "Code", kind: "page", icon: "right" as const, go: () => { visit("/code") } },
    { word: "Limits", kind: "page", icon: "right" as const, go: () => { visit("/limits") } },
    { word: "Failed runs", kind: "page", icon: "bad" as const, go: () => { visit("/runs", { state: "failed" }) } }]),
  { word: "Change the colours", kind: "page", icon: "sun", go: nextScheme }];
}
