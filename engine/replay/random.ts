/** Deterministic randomness of a turn. Never changes: histories depend on it (golden values in
 *  test/globals.test.ts). */

/** Numbers and bytes that depend only on seed and seq. */
export interface RandomSource { next(): number; fill(bytes: Uint8Array): void }

/** sfc32 (Chris Doty-Humphrey, PractRand), its state hashed from seed and seq, warmed up by 12 steps. */
export function seededRandom(seed: string, seq: number): RandomSource {
  let a = hash(seed, seq, 0x9e3779b9), b = hash(seed, seq, 0x243f6a88), c = hash(seed, seq, 0xb7e15162), d = 1;
  const step = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) step();
  return {
    next: () => (step() * 0x200000 + (step() >>> 11)) / 2 ** 53,
    fill: (bytes) => {
      for (let i = 0; i < bytes.length; i += 4) {
        const word = step();
        for (let j = 0; j < 4 && i + j < bytes.length; j++) bytes[i + j] = (word >>> (8 * j)) & 0xff;
      }
    },
  };
}

/** murmur3's mixing over the seed's code units and the seq. */
function hash(seed: string, seq: number, salt: number): number {
  let h = salt ^ seq;
  const mix = (k: number): void => {
    h ^= Math.imul((Math.imul(k, 0xcc9e2d51) << 15) | (Math.imul(k, 0xcc9e2d51) >>> 17), 0x1b873593);
    h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
  };
  for (let i = 0; i < seed.length; i++) mix(seed.charCodeAt(i));
  mix(seq);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
