/** Random choices that a seed repeats. */
import { numbers } from "../support/graph-builder.ts";

export class Draw {
  private readonly next: () => number;
  /** Whether sizes are those of real networks rather than small ones. */
  readonly large: boolean;
  constructor(seed: number, large = false) { this.next = numbers(seed); this.large = large; }
  /** Uniform in 0 .. 1, 1 excluded. */
  unit(): number { return Math.min((this.next() + 1) / 2, 1 - 2 ** -32); }
  /** A whole number, both ends included. */
  int(low: number, high: number): number { return low + Math.floor(this.unit() * (high - low + 1)); }
  chance(p: number): boolean { return this.unit() < p; }
  pick<T>(list: readonly T[]): T { return list[this.int(0, list.length - 1)]!; }
  /** Another order of the same. */
  shuffle<T>(list: readonly T[]): T[] {
    const out = [...list];
    for (let i = out.length - 1; i > 0; i--) { const j = this.int(0, i); [out[i], out[j]] = [out[j]!, out[i]!]; }
    return out;
  }
  /** A size as networks have them: small ones and odd ones are more likely. `most` is for small networks. */
  size(most: number): number {
    const small = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 17, 19, 23, 24, 31, 32, 33, 48, 64, 65, 70],
      large = [3, 16, 24, 32, 40, 64, 72, 80, 96, 100, 128, 144, 160, 192, 256, 320, 384, 480, 512];
    return this.large ? Math.min(7 * most, this.pick(large)) : Math.min(most, this.pick(small));
  }
  divisor(n: number): number { return this.pick(Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0)); }
}
