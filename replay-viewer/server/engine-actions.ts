/** What an engine can do with a run, as the viewer's actions. */
import { encodeRecorded, type RunEngine } from "../../engine/index.ts";
import type { RunActions } from "./routes.ts";

/** The actions of this engine; each throws the engine's own errors. */
export function engineActions(engine: RunEngine): Required<RunActions> {
  return {
    pause: (runId) => engine.operator.pause(runId),
    resume: (runId) => engine.operator.resume(runId),
    retry: async (runId) => (await engine.retry(runId)).runId,
    signal: (runId, { name, value, key }) => engine.operator.signal(runId, name,
      value === undefined ? undefined : encodeRecorded(value, `signal '${name}'`), key),
    fork: async (runId, { at, edit = {}, input }) => {
      const results = Object.fromEntries(Object.entries(edit).map(([key, value]) =>
        [key, encodeRecorded(value, `result of '${key}'`)]));
      const payload = input === undefined ? undefined : encodeRecorded(input, "input of the fork");
      return (await engine.fork(runId, { at, results, ...(payload && { input: payload }) })).runId;
    },
  };
}
