/** Clocks and averages. */

export function ms(): number { return performance.now() }
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
export function round(value: number, digits = 2): number { return Number(value.toFixed(digits)) }
