/** A recording that is not whole is refused by whoever reads it, with its name and the place. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { checkHistory, type Event } from "../engine/index.ts";
import { task, workflow } from "../sdk/index.ts";
import { recordingFrom } from "../sdk/recording.ts";
import { replay, testEngine } from "../sdk/testing.ts";
import { clear, project, reprise } from "./talking.ts";

afterAll(clear);

const step = task("step", async (n: number) => n);
const two = workflow("recorded-two", async () => await step(1) + await step(2));
interface Document { format: string; run: unknown; events: { seq: number; at: unknown; type: string }[] }
/** What a run of `two` exports. */
async function exported(): Promise<string> {
  const engine = await testEngine();
  try {
    const handle = await engine.start(two, undefined);
    await handle.result();
    return await handle.export();
  } finally { await engine.close() }
}
/** The export with something done to it. */
function damaged(text: string, damage: (document: Document) => void): string {
  const document = JSON.parse(text) as Document;
  damage(document);
  return JSON.stringify(document);
}

const DAMAGES: readonly (readonly [string, (document: Document) => void, string])[] = [
  ["an event is missing", ({ events }) => { events.splice(3, 1) }, "HISTORY_CORRUPT: event 4: its seq is 5, not 4"],
  ["the last event is missing", ({ events }) => { events.pop() }, "HISTORY_CORRUPT: event 9: it is missing"],
  ["an event stands twice", ({ events }) => { if (events[2]) events.splice(2, 0, events[2]) },
    "HISTORY_CORRUPT: event 4: its seq is 3, not 4"],
  ["a seq is another", ({ events }) => { Object.assign(events[5] ?? {}, { seq: 3 }) },
    "HISTORY_CORRUPT: event 6: its seq is 3, not 6"],
  ["an instant is none", ({ events }) => { Object.assign(events[3] ?? {}, { at: "never" }) },
    "HISTORY_CORRUPT: event 4: AttemptStarted.at is no number"],
  ["a type is not known", ({ events }) => { Object.assign(events[3] ?? {}, { type: "Guessed" }) },
    'HISTORY_CORRUPT: event 4: the type "Guessed" is unknown to this version'],
  ["a field is missing", ({ events }) => { Object.assign(events[2] ?? {}, { inputHash: undefined }) },
    "HISTORY_CORRUPT: event 3: TaskScheduled.inputHash is missing"],
  ["the first event is missing", ({ events }) => {
    events.shift();
    for (const [i, event] of events.entries()) event.seq = i + 1;
  },
    "HISTORY_CORRUPT: event 1: it is \"RunClaimed\""],
  ["an event is null", (document) => { Object.assign(document, { events: [null] }) },
    "HISTORY_CORRUPT: event 1: it is not an object"],
  ["there is no event", (document) => { document.events = [] }, "HISTORY_CORRUPT: event 1: it has no events"],
  ["the row is a number", (document) => { document.run = 7 }, "RECORDING_BROKEN: run: "],
  ["the row has no workflow", ({ run }) => { Object.assign(Object(run), { workflow: undefined }) },
    "RECORDING_BROKEN: run.workflow: "],
  ["the events are none", (document) => { Object.assign(document, { events: 7 }) }, "RECORDING_BROKEN: events: "],
];

describe("an exported history", () => {
  test("is read when it is whole, and then replays", async () => {
    expect(await replay(await exported())).toEqual({ ok: true, diff: undefined });
  });

  test.each(DAMAGES)("is refused where %s, by replay() too", async (_what, damage, says) => {
    const text = damaged(await exported(), damage), [code, place, ...why] = says.split(": ");
    const given = await replay(text).catch((error: unknown) => error);
    expect(given).toMatchObject({ code });
    expect(String(given)).toContain(place === undefined ? says : `${place}: ${why.join(": ")}`);
    expect(() => recordingFrom(text, "late.json")).toThrow(/^late\.json (cannot be read|is damaged) at /);
  });

  test("is looked at quickly: 100,000 events, each once", () => {
    let asked = 0;
    const events = Array.from({ length: 100_000 }, (_, i) => i === 0
      ? { type: "RunStarted", seq: 1, at: 1, workflow: "w", name: "n", seed: "s", engineFlags: 0 }
      : new Proxy({ type: "TimerFired", seq: i + 1, at: 1, key: "timer:sleep#0" },
        { get: (target, field) => { if (field === "seq") asked++; return Reflect.get(target, field) as unknown } }));
    checkHistory(events, "it");
    expect(asked).toBe(99_999);
    expect((events as readonly Event[]).length).toBe(100_000);
  });
});

test("`reprise replay` and `reprise view` refuse a damaged file without a stack, and blame no code", async () => {
  const folder = project("damaged", {
    "two.mjs": `import { task, workflow } from "reprise";
const step = task("step", async (n) => n);
export const two = workflow("recorded-two", async () => await step(1) + await step(2));
` });
  const text = await exported();
  writeFileSync(join(folder, "good.json"), text);
  expect(reprise(folder, "replay", "good.json", "two.mjs").stdout).toContain("every decision the same");
  for (const [damage, says] of [
    [(document: Document) => { document.events.splice(3, 1) }, "HISTORY_CORRUPT: bad.json cannot be read at event 4: "],
    [(document: Document) => { document.run = 7 }, "RECORDING_BROKEN: bad.json is damaged at run: "],
  ] as const) {
    writeFileSync(join(folder, "bad.json"), damaged(text, damage));
    const { status, stderr } = reprise(folder, "replay", "bad.json", "two.mjs");
    expect(stderr).toContain(says);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(status).toBe(1);
  }
  for (const events of [[], [null]]) {
    writeFileSync(join(folder, "bad.json"), damaged(text, (document) => { Object.assign(document, { events }) }));
    expect(reprise(folder, "view", "bad.json"), "nothing is served").toMatchObject({ status: 1, stdout: "",
      stderr: expect.stringMatching(/HISTORY_CORRUPT: \S*bad\.json cannot be read at event 1: /) });
  }
});
