/** The thread that renews the lease of a worker on a remote store, over a connection of its own. */
import { workerData } from "node:worker_threads";
import { renewWhileMoving } from "./lease-beat.ts";
import type { Store } from "./port.ts";
import { openRemoteStore } from "./remote.ts";

/** What the thread is told. */
export interface RemoteLeaseData {
  readonly address: string; readonly session: string; readonly worker: string; readonly ttlMs: number;
  readonly everyMs: number; readonly beat: SharedArrayBuffer;
}

const { address, session, worker, ttlMs, everyMs, beat } = workerData as RemoteLeaseData; // given by remote.ts
let store: Store | undefined;
renewWhileMoving(beat, everyMs, async () => {
  // The same address whoever holds the directory: a server that comes back is found by it.
  store ??= await openRemoteStore({ location: address, session, find: () => Promise.resolve(address) });
  await store.heartbeat(worker, ttlMs);
});
