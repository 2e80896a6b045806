/** The inspector: everything about the focus, in tabs. On a narrow page it is a sheet at the foot. */
import type { JSX } from "preact";
import { Icon } from "./icons.tsx";
import { later } from "./later.tsx";
import { change } from "./place.ts";
import type { Session } from "./session.ts";
import { inspectorWidth } from "./settings.ts";
import { sheetOpen, tab, TABS, type Tab } from "./view.ts";

const EventTab = later(async () => (await import("./tab-event.tsx")).EventTab);
const StateTab = later(async () => (await import("./tab-state.tsx")).StateTab);
const DiffTab = later(async () => (await import("./tab-state.tsx")).DiffTab);
const CauseTab = later(async () => (await import("./tab-cause.tsx")).CauseTab);
const LogsTab = later(async () => (await import("./tab-logs.tsx")).LogsTab);
const ShownTab = later(async () => (await import("./tab-shown.tsx")).ShownTab);
const RawTab = later(async () => (await import("./tab-raw.tsx")).RawTab);
const SourceTab = later(async () => (await import("./tab-source.tsx")).SourceTab);
const PARTS: { readonly [T in Tab]: (props: { run: Session }) => JSX.Element | null } = { event: EventTab,
  state: StateTab, diff: DiffTab, source: SourceTab, logs: LogsTab, cause: CauseTab, raw: RawTab, shown: ShownTab };

/** Shows a tab. */
export function openTab(id: Tab): void {
  change({ tab: id === "event" ? undefined : id });
  sheetOpen.value = true;
}

/** The inspector. */
export function Inspector({ run }: { run: Session }): JSX.Element {
  const current = tab.value, Part = PARTS[current];
  return <aside class={`inspector${sheetOpen.value ? " open" : ""}`} aria-label="Inspector"
    style={{ "--inspector": `${inspectorWidth.value}px` }}>
    <Divider />
    <div class="tabs"><div role="tablist" aria-label="Inspector" onKeyDown={(event) => { byArrows(event, current) }}>
      {TABS.map(({ id, word }) => <button key={id} id={`tab-${id}`} role="tab" aria-selected={id === current}
        aria-controls="panel" tabIndex={id === current ? 0 : -1} onClick={() => { openTab(id) }}>{word}</button>)}</div>
      <span class="grow" />
      <button class="quiet square only-narrow" aria-label={sheetOpen.value ? "Close the inspector"
        : "Open the inspector"}
        aria-expanded={sheetOpen.value} onClick={() => { sheetOpen.value = !sheetOpen.value }}>
        <Icon name={sheetOpen.value ? "down" : "expand"} /></button>
    </div>
    <div class="panel" id="panel" role="tabpanel" aria-labelledby={`tab-${current}`} tabIndex={0}><Part
      run={run} /></div>
  </aside>;
}

function byArrows(event: KeyboardEvent, current: Tab): void {
  const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
  if (by === 0) return;
  event.preventDefault();
  event.stopPropagation();
  const next = TABS[(TABS.findIndex(({ id }) => id === current) + by + TABS.length) % TABS.length];
  if (next === undefined) return;
  openTab(next.id);
  document.getElementById(`tab-${next.id}`)?.focus();
}

/** The line between timeline and inspector; drag it, or move it by arrows. */
function Divider(): JSX.Element {
  const set = (width: number): void => { inspectorWidth.value = Math.round(Math.min(900, Math.max(320, width))) };
  return <div class="divider" role="separator" aria-orientation="vertical" aria-label="Width of the inspector"
    aria-valuenow={inspectorWidth.value} aria-valuemin={320} aria-valuemax={900} tabIndex={0}
    onKeyDown={(event) => {
      const by = event.key === "ArrowLeft" ? 24 : event.key === "ArrowRight" ? -24 : 0;
      if (by === 0) return;
      event.preventDefault();
      event.stopPropagation();
      set(inspectorWidth.value + by);
    }}
    onPointerDown={(event) => { event.currentTarget.setPointerCapture(event.pointerId) }}
    onPointerMove={(event) => { if (event.buttons === 1) set(innerWidth - event.clientX) }} />;
}
