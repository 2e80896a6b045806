/** Every real execution of a task leaves a line in $LEDGER, if that is set: the tests count them. */
import { appendFileSync } from "node:fs";
import { taskContext } from "reprise";

export function ran(): void {
  const { run, task } = taskContext();
  if (process.env["LEDGER"]) appendFileSync(process.env["LEDGER"], `${run.id} ${task.key}\n`);
}
