/** Random choices that a seed repeats. */
import { numbers } from "../support/graph-builder.ts";

export class Draw {
  private readonly next: () => number;
  constructor(seed: number) { this.next = numbers(seed); }
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
  /** A size as networks have them: small ones and odd ones are more likely. */
  size(most: number): number { return Math.min(most, this.pick([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 17, 19, 23, 24, 31, 32, 33, 48, 64, 65, 70])); }
  divisor(n: number): number { return this.pick(Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0)); }
}
