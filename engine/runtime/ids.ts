/** The one place that draws real randomness: ids, seeds, jitter. */
import { randomFillSync, randomUUID as nodeUUID } from "node:crypto";
import { monotonicFactory } from "ulid";

/** A run that is about to begin, as far as its seed may depend on it. */
export interface SeededRun {
  readonly runId: string;
  readonly parent?: { readonly id: string; readonly key: string } | undefined;
  readonly chain?: { readonly first: string; readonly link: number } | undefined;
}
export interface Ids {
  /** A ULID: sorts by time of making. */
  run(now: number): string;
  uuid(): string;
  /** What a new run's random numbers are drawn from; absent: a uuid. */
  seed?(run: SeededRun): string;
  /** In [0, 1). */
  random(): number;
}

/** ulid draws 16 times per id; from a pool that is 2.2M ids/s, with a system call each 30k. */
function pooledRandom(): () => number {
  const pool = Buffer.alloc(8192);
  let next = pool.length;
  return () => {
    if (next + 4 > pool.length) { randomFillSync(pool); next = 0 }
    const value = pool.readUInt32LE(next) / 2 ** 32;
    next += 4;
    return value;
  };
}

/** Ids and randomness from the system. */
export function realIds(): Ids {
  const random = pooledRandom();
  const ulid = monotonicFactory(random);
  return { run: (now) => ulid(now), uuid: () => nodeUUID(), random };
}
