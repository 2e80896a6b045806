/** The head of pages that show no run, and the button that changes the colours. */
import type { ComponentChildren, JSX } from "preact";
import { Icon } from "./icons.tsx";
import { openers } from "./keys.ts";
import { address } from "./place.ts";
import { nextScheme, scheme } from "./settings.ts";

const SCHEMES = { auto: "as the system has it", light: "light", dark: "dark" } as const;

/** The button that changes the colours. */
export function SchemeButton(): JSX.Element {
  const icon = scheme.value === "auto" ? "auto" : scheme.value === "light" ? "sun" : "moon";
  return <button class="quiet square" onClick={nextScheme} title={`Colours: ${SCHEMES[scheme.value]}`}
    aria-label={`Colours: ${SCHEMES[scheme.value]}. Change them`}><Icon name={icon} /></button>;
}

const PAGES = ["Runs", "Workflows", "Code", "Limits"];

/** The head of pages that show no run. A title that is none of the pages stands after them. */
export function Top({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  return <header class="top">
    <a class="brand" href={address("/runs")}><Icon name="again" size={17} /><span>Reprise</span></a>
    <nav aria-label="Pages">{PAGES.map((page) => <a key={page} href={address(`/${page.toLowerCase()}`)}
      aria-current={page === title ? "page" : undefined}>{page}</a>)}</nav>
    <h1 class={PAGES.includes(title) ? "hidden" : ""}>{title}</h1>
    <span class="grow" />{children}<SchemeButton />
  </header>;
}

/** A few keys at the foot, and the way to all of them. */
export function Hints({ hints }: { hints: readonly (readonly [string, string])[] }): JSX.Element {
  return <><span class="hints">{hints.map(([keys, word]) => <span key={word}>{keys.split(" ").map((one) =>
    <kbd key={one}>{one}</kbd>)}{word}</span>)}</span>
  <button class="quiet tiny" onClick={() => { openers.sheet?.() }}><kbd>?</kbd> all keys</button></>;
}
