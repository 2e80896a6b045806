/**
 * Frames are rendered by workers of pool "gpu", in other processes; the workflow does not know who they are. In three
 * terminals:
 *   npx reprise server start                              serves the embedded database to all of them
 *   POOL=gpu npx reprise run examples/pool/frames.ts      a worker; start as many as you like, kill one
 *   npx reprise run examples/pool/frames.ts               the film
 */
import { isMain, logger, openEngine, task, taskContext, workflow } from "reprise";

const render = task("render", { pool: "gpu", retries: 2, timeout: "1m" }, async (frame: number) => {
  let colour = frame + 1;
  for (let i = 0; i < 200_000; i++) colour = colour * 48_271 % 2_147_483_647;
  logger().info(`frame ${frame}, attempt ${taskContext().attempt}, process ${process.pid}`);
  return { frame, colour };
});

export const film = workflow("film", async (frames: number = 12) => {
  const rendered = await render.map(Array.from({ length: frames }, (_, frame) => frame), { concurrency: 4 });
  return `${rendered.length} frames, checksum ${rendered.reduce((sum, { colour }) => (sum + colour) % 1_000_000, 0)}`;
});

if (isMain(import.meta)) {
  const pool = process.env["POOL"];
  if (pool === undefined) console.log(await film());
  else {
    await openEngine({ work: { pool }, name: pool, signals: true });
    console.log(`works for ${pool}, until Ctrl-C`);
  }
}
