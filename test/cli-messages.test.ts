/** Talking to runs from the command line: beside a program that works, and over a directory where nobody does. */
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { clear, cli, endAll, project, reprise, start, type Talking } from "./talking.ts";

afterEach(endAll);
afterAll(clear);

const ORDER = `import {
  artifact, attributes, condition, expose, progress, signal, stream, task, update, waitFor, workflow, z,
} from "reprise";
const approved = signal("approved", z.object({ by: z.string() }));
const setQuantity = update("set-quantity", z.number());
const packed = signal("packed");
const step = task("step", async (n) => n);
const pack = workflow("pack", { signals: [packed] }, async (n) => { await packed.wait(); return step(n) });
const stuck = task("stuck", { retries: 9, retryDelay: "1h" }, async () => { throw new Error("the bank is closed") });
export const order = workflow("order", async () => {
  let quantity = 1;
  expose({ quantity: () => quantity });
  setQuantity.handle((n) => (quantity = n), { validate: (n) => { if (n < 0) throw new Error("never negative") } });
  attributes({ customer: "ada" });
  progress(1, 4);
  artifact.table("rows", [{ sku: "lamp", pieces: 2 }, { sku: "chair", pieces: 1 }]);
  stream("steps").write("begun");
  const { by } = await approved.wait({ timeout: "1h" });
  stream("steps").write("approved");
  const { ok } = await waitFor(z.object({ ok: z.boolean(), note: z.string() }),
    { name: "expense", description: "45 EUR" });
  await condition(() => quantity > 5);
  const parcel = await pack(7);
  return { by, ok, quantity, parcel, paid: await stuck() };
});
`;
const PROGRAM = `${ORDER}console.log("result", JSON.stringify(await order()));\n`;

/** A command whose output is one JSON document. */
function json<T>(folder: string, ...args: readonly string[]): T {
  const { stdout, stderr, status } = reprise(folder, ...args, "--json");
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as T; // printed by our own command
}
interface Reason {
  readonly because: string; readonly next: string; readonly commands: readonly string[];
  readonly waits: readonly { readonly kind: string; readonly name: string }[];
}
/** What `why` says once the run waits for something of this kind. */
async function waitingFor(folder: string, run: string, kind: string): Promise<Reason> {
  let last: Reason | undefined;
  await expect.poll(() => {
    last = json<Reason>(folder, "why", run);
    return last.waits.map((wait) => wait.kind);
  }).toContain(kind);
  if (last === undefined) throw new Error("never asked");
  return last;
}
async function working(name: string): Promise<{ readonly folder: string; readonly program: Talking }> {
  const folder = project(name, { "a.mjs": PROGRAM });
  const program = start(folder, [cli, "dev", "a.mjs", "--port", "0"]);
  await program.until(/Beginning run/);
  return { folder, program };
}

describe("beside a program that works, the command line", () => {
  test("says at each wait what is waited for and what to type; what is typed moves the run", async () => {
    const { folder, program } = await working("beside");

    const forSignal = await waitingFor(folder, "-1", "signal");
    expect(forSignal.because).toMatch(/waits for signal 'approved' since .* until .* \(in 59 min .*holds it/);
    expect(forSignal.next).toMatch(/^npx reprise runs signal \w{26} approved '<json>'$/);
    const [run = ""] = reprise(folder, "runs", "ls", "--quiet").stdout.split("\n");
    expect(reprise(folder, "runs", "waits", run).stdout).toMatch(/signal +approved +.* ago/);

    expect(reprise(folder, "runs", "signal", run, "aproved", "1").stderr)
      .toContain("It does not wait for 'aproved' yet: the signal is kept. It waits for 'approved'.");
    expect(reprise(folder, "runs", "signal", run, "approved", '{"by":"ada"}', "--key", "one")).toMatchObject(
      { status: 0, stderr: expect.stringContaining("Sent signal 'approved'") });
    await program.until(/Received signal 'approved'/);

    const forForm = await waitingFor(folder, run, "form");
    expect(forForm.because).toContain("waits for an answer to the form 'expense' (45 EUR) since");
    expect(forForm.next).toBe(`npx reprise runs answer ${run} expense '{"ok":true,"note":"..."}'`);
    expect(program.said()).toContain(`Waiting for an answer to 'expense': ${forForm.next}`);
    expect(json<object[]>(folder, "runs", "waits", run)).toMatchObject([{ kind: "form", name: "expense",
      schema: { required: ["ok", "note"] }, next: forForm.next }]);
    expect(reprise(folder, "runs", "answer", run, "expense", '{"ok":"maybe"}')).toMatchObject(
      { status: 2, stderr: expect.stringMatching(/ANSWER_REFUSED.*\n.*ok.*\n.*note/) });
    expect(reprise(folder, "runs", "answer", run, "expense", '{"ok":true,"note":"fine"}', "--by", "ada").stderr)
      .toContain("took the answer to 'expense'");

    expect((await waitingFor(folder, run, "condition")).because).toMatch(/waits for a condition at a\.mjs:22:9 since/);
    expect(reprise(folder, "runs", "update", run, "set-quantity", "-1")).toMatchObject(
      { status: 2, stderr: expect.stringContaining("never negative") });
    expect(reprise(folder, "runs", "update", run, "set-quantity", "9").stdout).toBe("9\n");

    const forChild = await waitingFor(folder, run, "child");
    const [, child = ""] = /child run (\w{26})/.exec(forChild.because) ?? [];
    expect(forChild.next).toBe(`npx reprise why ${child}`);
    expect(reprise(folder, "runs", "tree", run).stdout).toMatch(
      /^[a-z]+-[a-z]+ {2}order {2}(running|waiting) .* so far .*\n└─ [a-z]+-[a-z]+ {2}pack {2}(running|waiting) /);
    expect(json(folder, "runs", "tree", run)).toMatchObject({ run, children: [{ run: child, key: "child:pack#0",
      workflow: "pack", children: [] }] });
    expect(reprise(folder, "runs", "signal", child, "approved", "1")).toMatchObject(
      { status: 2, stderr: expect.stringContaining("SIGNAL_UNDECLARED") });
    reprise(folder, "runs", "signal", child, "packed");

    expect((await waitingFor(folder, run, "retry")).because).toMatch(/waits to retry task 'stuck' in \d+ min/);
    expect(reprise(folder, "runs", "inspect", run).stdout)
      .toMatch(/stuck-\w+ .* retrying +attempt 2 at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);
    expect(reprise(folder, "runs", "inject", run, "task:none#0", "1", "--by", "ada", "--reason", "x")).toMatchObject(
      { status: 2, stderr: expect.stringContaining("no call with the key task:none#0 is open") });
    expect(reprise(folder, "runs", "skip", run, "task:none#0", "--by", "ada", "--reason", "x")).toMatchObject(
      { status: 2, stderr: expect.stringContaining("INJECT_REFUSED") });
    expect(reprise(folder, "runs", "inject", run, "task:stuck#0", '{"eur":45}', "--by", "ada", "--reason", "by phone")
      .stderr).toContain("took the value for 'task:stuck#0'");
    await program.until(/result (.*)\n/);
    expect(program.said()).toContain('result {"by":"ada","ok":true,"quantity":9,"parcel":7,"paid":{"eur":45}}');

    const inspected = reprise(folder, "runs", "inspect", run).stdout;
    for (const line of [/signal approved .* received/, /form expense .* answered +by ada/, /condition .* met/,
      /child pack .* completed/, /update set-quantity .* completed/, /stuck-\w+ .* injected +by ada: by phone/]) {
      expect(inspected).toMatch(line);
    }
    expect(inspected).toMatch(/\n\nEvent (\d+) of \1: The run completed after .*\n$/);
    expect(reprise(folder, "runs", "inspect", run, "--at", "wait:approved#0").stdout)
      .toMatch(/\n\nEvent \d+ of \d+: .*approved.*\n$/);
    expect(reprise(folder, "runs", "events", run).stdout).toMatch(/SignalReceived +approved {2}\{"by":"ada"\}/);
    expect(reprise(folder, "runs", "signal", run, "approved", "1")).toMatchObject(
      { status: 7, stderr: expect.stringContaining("RUN_ENDED") });
  });

  test("shows what the run shows, follows a stream, asks its variables now and in the past, holds it", async () => {
    const { folder, program } = await working("shown");
    await waitingFor(folder, "-1", "signal");
    const shown = reprise(folder, "runs", "artifacts", "-1");
    expect(shown.stdout).toMatch(/rows {2}table.*\n {2}sku +pieces\n {2}lamp +2\n {2}chair +1\n/);
    expect(shown.stdout).toMatch(/run {2}progress.*\n {2}█{5}░{15} 25 %, 1 of 4/);
    expect(json(folder, "runs", "artifacts", "-1", "customer")).toMatchObject([{ kind: "attribute", value: "ada" }]);
    expect(reprise(folder, "runs", "stream", "-1", "nothing").stderr).toContain("it has: 'steps'");

    const follower = start(folder, [cli, "runs", "stream", "-1", "steps", "--follow", "--jsonl"]);
    await follower.until(/\{"offset":0,"seq":\d+,"at":"[^"]+","value":"begun"\}/);
    expect(reprise(folder, "runs", "query", "-1", "quantity").stdout).toBe("1\n");
    reprise(folder, "runs", "update", "-1", "set-quantity", "3");
    expect(reprise(folder, "runs", "query", "-1", "quantity").stdout).toBe("3\n");
    expect(json(folder, "runs", "query", "-1", "quantity", "--at", "3")).toMatchObject({ at: 3, value: 1 });
    expect(reprise(folder, "runs", "query", "-1", "weight")).toMatchObject(
      { status: 4, stderr: expect.stringContaining("It exposes 'quantity'") });

    reprise(folder, "runs", "pause", "-1", "--by", "ada");
    await program.until(/Paused by ada/);
    await expect.poll(() => reprise(folder, "why", "-1").stdout).toMatch(
      /is paused by ada since .*; then it waits for signal 'approved'.*\n +next: npx reprise runs resume/);
    reprise(folder, "runs", "signal", "-1", "approved", '{"by":"ada"}');
    expect(json<Reason>(folder, "why", "-1").because).toContain("is paused by ada");
    reprise(folder, "runs", "resume", "-1", "--by", "bob");
    await follower.until(/"offset":1.*"approved"/);
    expect(program.said()).toContain("Goes on by bob");
    expect(reprise(folder, "runs", "stream", "-1", "steps", "--from", "1").stdout).toBe('"approved"\n');
    reprise(folder, "runs", "cancel", "-1", "--reason", "enough");
    expect(await follower.ended, follower.said()).toBe(0);
    expect(reprise(folder, "runs", "inspect", "-1").stdout).toMatch(/\(asked to stop\).* enough/);
  });
});

describe("where nobody works, the command line", () => {
  test("pauses a run before anybody reads more of it; `resume` with its name goes on with a paused one", async () => {
    const folder = project("held", { "a.mjs": PROGRAM });
    const told: NodeJS.ProcessEnv = { REPRISE_LOG_LEVEL: "debug" };
    const program = start(folder, [cli, "run", "a.mjs"], told);
    await program.until(/Waiting for signal 'approved'/);
    program.child.kill("SIGKILL");
    await program.ended;
    reprise(folder, "runs", "pause", "-1", "--by", "ada");
    reprise(folder, "runs", "signal", "-1", "approved", '{"by":"ada"}');
    const paused = start(folder, [cli, "resume", "-1"], told);
    await paused.until(/Paused by ada/);
    paused.child.kill("SIGINT");
    expect(await paused.ended, paused.said()).toBe(130);
    expect(paused.said()).not.toContain("Received signal");
    expect(json<Reason>(folder, "why", "-1").because).toContain("is paused by ada");
    const again = start(folder, [cli, "resume", "-1"], told);
    await again.until(/Waiting for an answer to 'expense'/);
    again.child.kill("SIGINT");
    expect(await again.ended, again.said()).toBe(130);
    expect(again.said()).toContain("1 unfinished run: npx reprise resume");
  });

  test("leaves what it is told in the run's mailbox, says so, and `resume` goes on with it", async () => {
    const folder = project("alone", { "a.mjs": PROGRAM });
    const program = start(folder, [cli, "run", "a.mjs"], { REPRISE_LOG_LEVEL: "debug" });
    await program.until(/Waiting for signal 'approved'/);
    program.child.kill("SIGKILL");
    await program.ended;

    const reason = json<Reason>(folder, "why", "-1");
    expect(reason.commands).toEqual(
      [expect.stringContaining("runs signal"), expect.stringContaining("reprise resume")]);
    const sent = reprise(folder, "runs", "signal", "-1", "approved", '{"by":"ada"}').stderr;
    expect(sent).toMatch(/Sent signal .*\n(.*\n)*No worker is there; the run goes on with: npx reprise resume \w+/);
    expect(reprise(folder, "runs", "answer", "-1", "expense", '{"ok":true,"note":""}').stderr)
      .toContain("Left the answer to 'expense'");
    expect(reprise(folder, "runs", "update", "-1", "set-quantity", "9")).toMatchObject(
      { status: 6, stderr: expect.stringContaining("UPDATE_PENDING") });
    expect(reprise(folder, "runs", "signal", "-1", "approved", "{by: ada}")).toMatchObject(
      { status: 2, stderr: expect.stringContaining("no JSON") });

    const again = start(folder, [cli, "resume", "-1"], { REPRISE_LOG_LEVEL: "debug" });
    await again.until(/Received update 'set-quantity'/);
    again.child.kill("SIGKILL");
    await again.ended;
    const events = reprise(folder, "runs", "events", "-1").stdout;
    expect(events).toMatch(/SignalReceived +approved/);
    expect(events).toMatch(/UpdateReceived +set-quantity {2}9/);
    expect(events, "no form was open when it was read").toMatch(/MailIgnored +answer: no form 'expense' is open/);
  });
});
