/** What a task and a run are, as the rooms hand them to one another: plain interfaces, no behaviour. */
import type { CallerIdentity, Payload, RunStarted } from "./events.ts";
import type { RetryDelay } from "./retry.ts";
import type { Runner } from "./runner.ts";
import type { Isolation, OpenTransaction } from "./transaction.ts";

/** What a cached result stands under: each part that is named must be equal. */
export type CachePart = "inputs" | "version" | "source" | "run" | "workflowInput";
/** Whether and how results of a task are shared across runs. */
export interface CachePolicy {
  /** `file#name`: whose results these are. */
  readonly task: string;
  readonly parts: readonly CachePart[];
  /** Instead of the hash of the arguments. */
  readonly key?: (...args: readonly unknown[]) => string;
  /** The task's version as its author gave it. */
  readonly version: string;
  /** How long an entry is good; absent = for ever. */
  readonly ttlMs?: number;
  /** Never look, always keep. */
  readonly refresh: boolean;
  /** While one run makes an entry, others wait for it. */
  readonly single: boolean;
}

/** How often and how long a task may try. All times in milliseconds. */
export interface TaskPolicy {
  /** Further attempts after the first; 0 = one attempt. */
  readonly retries: number;
  readonly retryDelay: RetryDelay;
  readonly retryIf?: (error: Error, attempt: number) => boolean | Promise<boolean>;
  /** One attempt. */
  readonly timeoutMs?: number;
  /** All attempts together, delays included, from when the task was scheduled. */
  readonly deadlineMs?: number;
  /** From when it was scheduled until its first attempt begins. */
  readonly queueTimeoutMs?: number;
  /** Silence of one attempt, counted from its last heartbeat. */
  readonly heartbeatMs?: number;
  readonly cache?: CachePolicy;
  readonly captureConsole?: boolean;
  /** What every attempt must pass before it begins. */
  readonly limits?: readonly LimitSpec[];
  readonly onCompleted?: (result: unknown) => void | Promise<void>;
  readonly onFailed?: (error: Error) => void | Promise<void>;
}

/** What limits how long a call may wait until its next attempt begins; undefined: nothing does. `first`: none has been
 *  made. */
export function waitLimit(name: string, { queueTimeoutMs = Infinity, deadlineMs = Infinity }: TaskPolicy,
  first: boolean): { readonly limitMs: number; readonly what: string } | undefined {
  const queueMs = first ? queueTimeoutMs : Infinity, limitMs = Math.min(queueMs, deadlineMs);
  return limitMs === Infinity ? undefined : { limitMs, what: queueMs <= deadlineMs
    ? `the wait of task '${name}' to begin` : `task '${name}' with all its attempts` };
}

/** A limit shared by all workers: `max` at once, or `max` in `perMs` milliseconds. */
export interface LimitSpec { readonly name: string; readonly max: number; readonly perMs?: number }

/** A task as the engine runs it. */
export interface TaskSpec {
  readonly name: string;
  readonly fn: (...args: readonly unknown[]) => unknown;
  readonly policy: TaskPolicy;
  /** What a call of it is called where it is shown; `now` in milliseconds since 1970. */
  readonly label?: (args: readonly unknown[], now: number) => string;
  readonly tags?: readonly string[];
  /** What it does, in words. */
  readonly description?: string;
  /** Its author's. */
  readonly version?: string;
  /** Absent = attempts are made here. */
  readonly runner?: Runner;
  /** `fn` is given a transaction before its arguments; what it writes there commits together with its result. */
  readonly transaction?: TransactionSpec;
}
/** Where a task's transaction is. */
export interface TransactionSpec {
  /** In another database; absent = in the engine's. */
  readonly open?: OpenTransaction;
  readonly isolation?: Isolation | undefined;
}

/** A workflow as the engine runs it. */
export interface WorkflowSpec {
  readonly name: string;
  readonly fn: (input: unknown) => unknown;
  /** What happens to calls still open when the function has ended. */
  readonly dangling: "cancel" | "await" | "error";
  /** All of a run together, from its start, in milliseconds; its children have no more. */
  readonly deadlineMs?: number;
  /** Further tries of a run that fails, each from the call that failed. */
  readonly retries?: number;
  readonly retryDelay?: RetryDelay;
  /** May a run go on with other code? "append": where it only adds; "strict": where nothing at all differs; "pin":
   *  never. */
  readonly evolve?: "strict" | "append" | "pin";
  /** Runs with the same key take turns, `max` at once; `onFull`: what becomes of a run for which there is none. */
  readonly concurrency?: {
    readonly max: number; readonly key?: (input: unknown) => string;
    readonly onFull?: "queue" | "skip" | "cancelNew" | "cancelRunning";
  };
  /** Names of the signals that it reads, where it says so: others are refused. */
  readonly signals?: readonly string[];
  /** Its author's. */
  readonly version?: string;
  /** Its runs are calls of a task that were made in a pool, one each. */
  readonly callsTask?: boolean;
  /** Hash of the sources that define it; empty when unknown. */
  readonly codeVersion: string;
  /** Defining file relative to the package root, with forward slashes. */
  readonly file?: string;
}

/** Who a run is: what `context().run` shows. */
export interface RunInfo {
  readonly id: string;
  readonly name: string;
  readonly workflow: string;
  readonly startedAt: Date;
  readonly tags: readonly string[];
  readonly parentId: string | undefined;
}

const NO_TAGS: readonly string[] = [];

/** A run's identity as its first event tells it. The date is made when asked for: few ask, and a run that waits is
 *  small. */
export class Identity implements RunInfo {
  readonly id: string;
  readonly name: string;
  readonly workflow: string;
  readonly tags: readonly string[];
  readonly parentId: string | undefined;
  readonly #startedAt: number;
  readonly #started: IdentityFacts | undefined;
  constructor(id: string, started: IdentityFacts) {
    this.id = id;
    this.name = started.name;
    this.workflow = started.workflow;
    this.tags = started.tags ?? NO_TAGS;
    this.parentId = started.parent?.id;
    this.#startedAt = started.at;
    if (started.task !== undefined) this.#started = started;
  }
  get startedAt(): Date { return new Date(this.#startedAt) }

  /** The call of a task that this run makes for another, if it was started for that. */
  static callOf(run: RunInfo): CallForAnother | undefined {
    const started = #started in run ? run.#started : undefined;
    if (started?.task === undefined) return undefined;
    const { task: { caller, options }, parent, at } = started;
    return { options, ...(parent && { caller: { key: parent.key, calledAt: at,
      run: { id: parent.id, name: caller.name, workflow: caller.workflow, startedAt: new Date(caller.startedAt),
        tags: caller.tags ?? NO_TAGS, parentId: caller.parentId } } }) };
  }
}
type IdentityFacts = Pick<RunStarted, "name" | "workflow" | "at" | "tags" | "parent" | "task">;

/** What a run that makes one call of a task knows of it. */
export interface CallForAnother {
  /** Options that were given at the call, by name. */
  readonly options: Payload | undefined;
  /** The run that called, its call, and when, in milliseconds since 1970: the task's limits count from there. Nobody,
   *  where this run was started anew by itself. */
  readonly caller?: { readonly run: RunInfo; readonly key: string; readonly calledAt: number };
}
/** Of this run, what one that is made for it should know. */
export function callerIdentity({ name, workflow, startedAt, tags, parentId }: RunInfo): CallerIdentity {
  return { name, workflow, startedAt: startedAt.getTime(), ...(tags.length > 0 && { tags }),
    ...(parentId !== undefined && { parentId }) };
}
