/** Composition root of the command line: parse, dispatch, and one place where errors become exit codes. */
import { Command, CommanderError } from "commander";
import { addAbout, packageVersion } from "./about.ts";
import { addCache } from "./cache.ts";
import { addDb } from "./db.ts";
import { addLimit } from "./limit.ts";
import { endUnread } from "./open.ts";
import { addDev } from "./dev.ts";
import { exitCodeOf, sayError } from "./output.ts";
import { addReplay } from "./replay.ts";
import { addResume } from "./resume.ts";
import { addRun } from "./run.ts";
import { addRuns } from "./runs.ts";
import { addServer } from "./server.ts";
import { addTorture } from "./torture.ts";
import { addView } from "./view.ts";
import { addWhy } from "./why.ts";
import { whenUnread } from "../unread.ts";

const program = new Command("reprise")
  .description("Durable execution: ordinary TypeScript that survives kill -9 and replays exactly.")
  .version(packageVersion()).showSuggestionAfterError().showHelpAfterError("(reprise --help lists the commands)")
  .exitOverride();
const commands = [addRun, addDev, addResume, addRuns, addReplay, addWhy, addTorture, addCache, addLimit, addDb,
  addServer, addView, addAbout];
for (const add of commands) add(program);
for (const command of program.commands) configure(command, "reprise");

function configure(command: Command, parent: string): void {
  const name = `${parent} ${command.name()}`;
  command.exitOverride().showSuggestionAfterError().showHelpAfterError(`(${name} --help says how it is used)`);
  for (const inner of command.commands) configure(inner, name);
}

async function main(): Promise<void> {
  // `-1`, the last run or a value, is no option: commander would take it for one.
  const argv = process.argv.map((arg) => /^-\d+(\.\d+)?$/.test(arg) ? `@${arg}` : arg);
  try { await program.parseAsync(argv) } catch (error) {
    if (error instanceof CommanderError) { process.exitCode = error.exitCode === 0 ? 0 : 2; return }
    sayError(error);
    process.exitCode = exitCodeOf(error);
  }
}
whenUnread(endUnread);
void main();
