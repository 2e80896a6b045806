/** What the thread of the embedded database is asked, and what it answers. */
import { SCHEMA } from "./migrate.ts";
import type { Row } from "./sql-store.ts";

/** A script, a statement, or the end. */
export type Ask = { readonly id: number; readonly exec: string }
  | { readonly id: number; readonly text: string; readonly params: readonly unknown[]; readonly sync: boolean }
  | { readonly id: number; readonly close: true };
/** Rows, or what was wrong. */
export type Answer = { readonly id: number; readonly rows: readonly Row[] }
  | { readonly id: number; readonly error: { readonly message: string; readonly code?: string } };

/** How the engine wants its connection, also after somebody's transaction has had it. */
export const SETTINGS = `set search_path = ${SCHEMA}, public; set client_min_messages = warning`;
