/** `reprise replay <run> --at N --locals`: variables of a past run in the terminal; `--watch`, `--log-point`,
 *  `--inspect`. */
import { existsSync } from "node:fs";
import { InvalidArgumentError, type Command } from "commander";
import { RepriseError, type Event, type RunRow } from "../../engine/index.ts";
import type { Locals, LogPoint, ReplayedRun, RunDebugger, Watched } from "../debug/host.ts";
import { taskInside } from "../../replay-viewer/server/debug.ts";
import { inLine } from "../debug/seen.ts";
import { filesOfRun, redaction } from "./debug-offer.ts";
import { frameLines } from "./frames.ts";
import { findRun, withEngine } from "./open.ts";
import { dim, out, outJson, say, type Style } from "./output.ts";
import { wholeNumber } from "./numbers.ts";
import { recordingAt } from "../recording.ts";

/** What `reprise replay` takes for debugging. */
export interface DebugOptions extends Style {
  at?: number; locals?: boolean; watch?: readonly string[]; logPoint?: readonly LogPoint[]; inspect?: boolean;
  showSecrets?: boolean;
}

/** Puts the options on the command. */
export function debugOptions(command: Command): Command {
  return command
    .option("--at <seq>", "the event to look at; default the last", wholeNumber)
    .option("--locals", "print the frames of your code at that event, with their variables")
    .option("--watch <expression>", "evaluate it there; may be given again", collect)
    .option("--log-point <file:line=expression>", "print it whenever the code passes; may be given again", logPoint)
    .option("--show-secrets", "print values that are redacted otherwise, as the viewer does")
    .option("--inspect", "open the replay for Chrome DevTools or VS Code, and stop at that event");
}
/** Do these options ask for a debugger? */
export function asksDebugger(options: DebugOptions): boolean {
  return options.at !== undefined || options.locals === true || options.watch !== undefined
    || options.logPoint !== undefined || options.inspect === true;
}

function collect(text: string, before: readonly string[] = []): readonly string[] { return [...before, text] }
function logPoint(text: string, before: readonly LogPoint[] = []): readonly LogPoint[] {
  const [, file, line, expression] = /^(.+?):(\d+)=([\s\S]+)$/.exec(text) ?? [];
  if (file === undefined || expression === undefined) throw new InvalidArgumentError(
    "Write it as file.ts:12=order.total");
  return [...before, { file, line: Number(line), expression }];
}

/** Replays a run under a debugger and prints what was asked for. */
export async function debugRun(wanted: string, files: readonly string[], options: DebugOptions): Promise<void> {
  const { run, events } = existsSync(wanted) ? recordingAt(wanted) : await stored(wanted);
  const replayed: ReplayedRun = { runId: run.runId, workflow: run.workflow, codeVersion: run.codeVersion, events,
    files: filesOfRun(run, files) };
  const at = options.at ?? events.length;
  if (at > events.length) throw new RepriseError("NO_SUCH_EVENT",
    `the run has the events 1 to ${events.length}, not ${at}`, "Give a seq in that range.");
  if (options.inspect === true) {
    const { inspectRun } = await import("../debug/inspect.ts");
    await inspectRun(replayed, options.at);
    return;
  }
  const { openDebugger } = await import("../debug/host.ts");
  const host = openDebugger();
  try { await print(host, run, replayed, at, options) } finally { await host.close() }
}

async function stored(wanted: string): Promise<{ readonly run: RunRow; readonly events: readonly Event[] }> {
  return withEngine("none", async (engine) => {
    const run = await findRun(engine, wanted);
    return { run, events: await engine.history(run.runId) };
  });
}

async function print(host: RunDebugger, run: RunRow, replayed: ReplayedRun, at: number,
  options: DebugOptions): Promise<void> {
  const query = { runId: run.runId, head: replayed.events.length }, give = (): Promise<ReplayedRun> =>
    Promise.resolve(replayed);
  const { watch: watches = [], logPoint: points = [] } = options;
  const asked = options.locals === true || watches.length > 0 || points.length === 0;
  const clean = options.showSecrets === true ? undefined : await redaction();
  const seen = asked ? await host.locals({ ...query, at, watches }, give) : undefined;
  const locals = seen && clean ? clean.locals(seen) : seen;
  const passed = points.length === 0 ? undefined : await host.logPoints({ ...query, points }, give);
  const passes = passed && clean ? clean.logPoints(passed) : passed;
  if (options.json === true) outJson({ run: run.runId, ...locals, ...passes });
  else {
    const worded = ({ expression, value, refused }: Watched): string =>
      `${expression} = ${value === undefined ? `refused: ${refused ?? "it has no value"}` : inLine(value, 400)}`;
    if (locals !== undefined) out(inWords(locals, run, replayed.events));
    for (const one of locals?.watches ?? []) out(`watch  ${worded(one)}`);
    for (const { after, site, watched } of passes?.hits ?? []) out(`after event ${after}  ${site}  ${worded(watched)}`);
    if (passes?.hits.length === 0) say("The code passed none of the log points.");
  }
  if (passes?.diverged === undefined) return;
  throw new RepriseError("REPLAY_DIVERGED", `the code on disk diverged from run '${run.name}' at event ` +
    `${passes.diverged.at}; log points were printed up to there\n${passes.diverged.diff}`,
    "Put the version of the code back that ran.");
}

function inWords(locals: Locals, run: RunRow, events: readonly Event[]): string {
  const { at, moment, standing, previous, next } = locals, shown = events[moment - 1];
  const named = (event: Event | undefined): string => event === undefined ? "" : event.type
    + ("key" in event && event.key !== undefined ? ` ${event.key}` : "");
  const where = standing === "here" ? ""
    : `\nThe code was ${standing === "waiting" ? "waiting" : "last"} at event ${moment}, ${named(shown)}:`;
  const steps = [previous && `before: --at ${previous}`, next && `after: --at ${next}`].filter(Boolean).join(", ");
  const lines = [`Run '${run.name}' at event ${at}, ${named(events[at - 1])}${steps === "" ? "" : dim(`  (${steps})`)}`
    + where];
  const shownEvent = events[at - 1], inside = shownEvent && taskInside(shownEvent);
  if (inside !== undefined) lines.push(`This happened inside ${inside}. Only the code of the workflow is replayed: ` +
    "the variables of the task's own code are not kept.");
  if (locals.otherVersion) lines.push("The code on disk is another version than the one that ran; the history fits " +
    "both, but lines and names are those of today.");
  if (locals.frames.length === 0) lines.push("None of your functions was on the stack there.");
  for (const frame of locals.frames) lines.push("", ...frameLines(frame));
  return `${lines.join("\n")}${locals.frames.length === 0 ? "" : "\n"}`;
}
