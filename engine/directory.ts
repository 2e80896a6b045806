/** Composition root of the embedded database: opens its directory here, or finds the process that serves it. */
import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { describeHolder, holderOf, lockedBy, type Holder } from "./store/lock.ts";
import type { PgliteOptions } from "./store/pglite.ts";
import { StoreError, type Store } from "./store/port.ts";

export { describeHolder, holderOf, type Holder };

/** How long a holder may take until it serves, or until it is seen to be gone. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 100;

/** @throws STORE_LOCKED: it is held by a process that does not serve it; else as the adapters say */
export async function openDirectory(directory: string, options: PgliteOptions): Promise<Store> {
  const path = resolve(directory), until = performance.now() + PATIENCE_MS;
  for (;;) {
    const holder = await holderOf(path);
    if (holder !== undefined && !mayServe(holder)) throw lockedBy(path, holder);
    try {
      if (holder === undefined) return await openHere(path, options);
      const { openRemoteStore } = await import("./store/remote.ts");
      return await openRemoteStore({
        location: path, find: () => findServer(path), takeOver: () => takeOver(path, options),
      });
    } catch (error) {
      // Another process was faster, or the holder went: look again.
      const moved = error instanceof StoreError && /^STORE_(LOCKED|UNAVAILABLE)$/.test(error.code);
      if (!moved || performance.now() > until) throw error;
    }
    await new Promise((done) => { setTimeout(done, LOOK_MS) });
  }
}

async function openHere(path: string, options: PgliteOptions): Promise<Store> {
  return (await import("./store/pglite.ts")).openPgliteStore(path, options);
}

/** Where the directory is served; undefined when nobody holds it. @throws STORE_LOCKED, STORE_UNAVAILABLE: not yet */
async function findServer(path: string): Promise<string | undefined> {
  const holder = await holderOf(path);
  if (holder === undefined || (holder.socket !== undefined && holder.socket !== "")) return holder?.socket;
  if (!mayServe(holder)) throw lockedBy(path, holder);
  throw new StoreError("STORE_UNAVAILABLE", `${describeHolder(holder)} does not serve ${path} yet`, "none");
}

/** The server is gone and no other came: this process serves what is left. The lock lets only one do it. */
async function takeOver(path: string, options: PgliteOptions): Promise<Store> {
  const store = await openHere(path, { ...options, serve: true });
  await store.recover(randomUUID());
  return store;
}

/** It serves, is about to, or is too busy to say. */
function mayServe(holder: Holder): boolean { return holder.socket !== undefined || holder.pid === 0 }
