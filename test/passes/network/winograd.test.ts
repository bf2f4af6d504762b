import { describe, expect, test } from "vitest";
import { transformWeights, type TileSize } from "../../../compiler/passes/network/winograd.ts";
import { noise } from "../../support/run-compute.ts";

/** The inverse, for one tile and one channel: y = Aᵀ [ (G g Gᵀ) . (Bᵀ d B) ] A by polynomial interpolation, checked by convolving. */
const points: Readonly<Record<TileSize, readonly number[]>> = { 2: [0, 1, -1], 4: [0, 1, -1, 2, -2] };
describe("weights", () => {
  test.each([[2, 2], [4, 2], [2, 4], [4, 4]] as const)("%i x %i: each is the kernel's polynomial at two points, scaled", (fy, fx) => {
    const C = 2, N = 3, g = noise(C * N * 9), out = transformWeights(g, C, N, fy, fx), ey = fy + 2, ex = fx + 2;
    const value = (c: number, n: number, p: number | null, q: number | null) => {
      let sum = 0;
      for (let a = 0; a < 3; a++) for (let b = 0; b < 3; b++) sum += g[(n * C + c) * 9 + a * 3 + b]! * (p === null ? Number(a === 2) : p ** a) * (q === null ? Number(b === 2) : q ** b);
      return sum;
    };
    for (let i = 0; i < ey; i++) for (let j = 0; j < ex; j++) {
      const p = points[fy][i] ?? null, q = points[fx][j] ?? null;
      const ratios = [0, 1].flatMap((c) => [0, 1, 2].map((n) => out[((i * ex + j) * C + c) * N + n]! / value(c, n, p, q)));
      for (const r of ratios) expect(r).toBeCloseTo(ratios[0]!, 4);
      expect(Math.abs(ratios[0]!)).toBeGreaterThan(0.001);
    }
  });
  test("of another size are refused", () => expect(() => transformWeights(new Float32Array(10), 1, 1, 4, 4)).toThrow("weights of 10 elements are not 1 x 1 x 3 x 3"));
});
