/** A day's sales as a shop would hand them over: 100 rows over four regions, the same for the same seed, some
 *  broken. */

export interface SaleRow { readonly id: number; readonly region: string; readonly amount: string;
  readonly items: number }

const REGIONS = ["north", "south", "east", "west"] as const;

/** `seed` from 0; the same seed gives the same rows. Row 13, 47 and 88 are broken in three ways. */
export function salesRows(seed: number): SaleRow[] {
  let state = seed >>> 0;
  // A linear congruential generator (Numerical Recipes' constants): good enough to make up sales.
  const next = (below: number): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) % below;
  const rows = Array.from({ length: 100 }, (_, i): SaleRow => ({
    id: i + 1, region: REGIONS[next(997) % 4] ?? "north", amount: (next(50_000) / 100 + 1).toFixed(2), items: next(9)
      + 1,
  }));
  return rows.map((row) => row.id === 13 ? { ...row, amount: "n/a" } : row.id === 47 ? { ...row, region: "moon" }
    : row.id === 88 ? { ...row, items: 0 } : row);
}
