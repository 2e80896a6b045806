/**
 * Changing the code of runs that are under way. Release 1 sent an email here; release 2 sends a letter. Runs that had
 * come past this line keep the email, new ones take the letter, and `npx reprise check` replays both without complaint.
 * When no run of release 1 is left, `deprecatePatch("letter")` takes the place of the `if`.
 * npx reprise run examples/patch/welcome.ts
 */
import { isMain, patched, sleep, task, workflow } from "reprise";

const email = task("email", async (name: string) => `an email to ${name}`);
const letter = task("letter", async (name: string) => `a letter to ${name}`);

export const welcome = workflow("welcome", async (name: string) => {
  const sent = patched("letter") ? await letter(name) : await email(name);
  await sleep("1s"); // days, in real life: the old runs that a new release meets
  return sent;
});

if (isMain(import.meta)) console.log(await welcome("Ada"));
