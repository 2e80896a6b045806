/** What crosses the wire about runs in flight and the code that would go on with them. */
import { z } from "zod";

const lines = z.object({ file: z.string(), line: z.int(), from: z.int(), lines: z.array(z.string()).readonly() });
/** One side of a difference; `code` are the lines around it, where its sources are known. */
const side = z.object({ type: z.string(), key: z.string(), by: z.int(), site: z.string().exactOptional(),
  code: lines.exactOptional() });
/** Some of the runs by name, the newest first; `runs` says how many there are. */
const named = z.array(z.object({ runId: z.string(), name: z.string(), parked: z.boolean() })).readonly();
const some = { runs: z.int(), named };

/** Runs that part from their histories at one place. `after`: the event up to which the first of them agrees. */
const difference = z.object({ ...some, kind: z.string(), cause: z.string(),
  after: z.object({ seq: z.int(), type: z.string(), key: z.string().exactOptional() }),
  began: z.array(z.string()).readonly(), recorded: side.nullable(), issued: side.nullable() });

/** Runs that began with one version and were last taken with another, or the same. Empty = unknown. `parked` of them
 *  are set aside now, whatever would become of them. */
const versions = z.object({ began: z.string(), last: z.string(), runs: z.int(), fits: z.int(), differs: z.int(),
  pinned: z.int(), missing: z.int(), broken: z.int(), long: z.int(), parked: z.int() });

/** `version`: the code that is loaded, null where none is. `aside`: parked, though the code fits. */
const workflow = z.object({ name: z.string(), file: z.string().nullable(), version: z.string().nullable(),
  versions: z.array(versions).readonly(), differences: z.array(difference).readonly(), pinned: z.object(some),
  aside: z.object(some), missing: z.object(some), long: z.object(some),
  broken: z.array(z.object({ ...some, why: z.string() })).readonly() });

/** `code`: what this server has. "none": no workflow is loaded, so nothing is compared. "loaded": its process has some,
 *  as they were when it began. "watched": they are loaded anew when a file is saved. `checked` of `total` runs so
 *  far; `at`: when the last look at all of them ended, null before the first has; `more`: there are older runs. */
export const codeAnswer = z.object({ code: z.enum(["none", "loaded", "watched"]), checked: z.int(), total: z.int(),
  more: z.boolean(), at: z.number().nullable(), now: z.number(), workflows: z.array(workflow).readonly() });
export type CodeAnswer = z.output<typeof codeAnswer>;
export type CodeWorkflow = z.output<typeof workflow>;
