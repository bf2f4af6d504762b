/** Pooling over regions against plain loops. */
import { describe, expect, it } from "vitest";
import { f32, sample, tensorOf, valuesOf } from "./harness.ts";
import { expectClose, reader, tabulate } from "./reference.ts";

const x = sample([2, 3, 9, 13]), read = reader(x), images = [1, 0, 1, 0, 1, 1, 0, 0];
/** In units of the image, of which the tensor has a quarter: small, large, outside on each side, larger than all, turned round, empty. */
const regions = [
  [4, 4, 32, 32], [8, 2, 11, 5], [-30, -20, 20, 14], [30, 22, 90, 80], [-400, -300, 500, 400], [30, 20, 10, 6], [12, 12, 12, 12], [200, 200, 240, 240],
] as const;
const boxes = f32([8, 4], regions.flat());
/** RoiAlign of one bin, from ONNX Runtime's description: samples in the middle of equal parts of a bin, as many as it is long where no number is given. */
function aligned(r: number, c: number, bin: readonly [number, number], bins: readonly [number, number], o: { ratio: number; max: boolean; half: boolean }): number {
  const side = (d: 0 | 1) => {
    const [low, high] = [regions[r]![1 - d]!, regions[r]![3 - d]!].map((v) => v * 0.25 - (o.half ? 0.5 : 0)) as [number, number], length = o.half ? high - low : Math.max(high - low, 1);
    const width = length / bins[d], count = o.ratio || Math.ceil(width);
    return { count, at: (k: number) => low + bin[d] * width + ((k + 0.5) * width) / count };
  };
  const [rows, columns] = [side(0), side(1)], found: number[] = [];
  for (let i = 0; i < rows.count; i++) for (let j = 0; j < columns.count; j++) found.push(...between(r, c, rows.at(i), columns.at(j), o.max));
  if (o.max) return found.length ? Math.max(...found) : 0;
  return found.reduce((a, b) => a + b, 0) / Math.max(1, rows.count * columns.count);
}
function between(r: number, c: number, y: number, x: number, max: boolean): readonly number[] {
  if (y < -1 || y > 9 || x < -1 || x > 13) return [0];
  const line = (v: number, size: number) => { const p = Math.min(Math.max(v, 0), size - 1), low = Math.floor(p); return [[low, 1 - (p - low)], [Math.min(low + 1, size - 1), p - low]] as const; };
  const products = line(y, 9).flatMap(([i, a]) => line(x, 13).map(([j, b]) => a * b * read(images[r]!, c, i, j)));
  return max ? products : [products.reduce((a, b) => a + b)];
}
describe("RoiAlign", () => {
  it("averages samples of a region", () => {
    const x = f32([1, 1, 4, 4], tabulate([16], ([i]) => i!)), region = f32([1, 4], [1, 0, 3, 2]), batch = tensorOf("i64", [1], [0]);
    // A plane is linear: the mean of the samples is its value in the middle of each bin.
    const got = valuesOf("RoiAlign", [x, region, batch], { output_height: 2, output_width: 2, sampling_ratio: 2, coordinate_transformation_mode: "output_half_pixel" }, { runtime: [1, 2] });
    expectClose(got, tabulate([2, 2], ([i, j]) => 4 * (i! + 0.5) + 1 + j! + 0.5));
  });
  it.each([0, 2].flatMap((ratio) => ["avg", "max"].flatMap((mode) => ["half_pixel", "output_half_pixel"].map((transformation) => ({ ratio, mode, transformation })))))(
    "$mode of $ratio samples, $transformation", ({ ratio, mode, transformation }) => {
      const got = valuesOf("RoiAlign", [x, boxes, tensorOf("i64", [8], images)],
        { output_height: 2, output_width: 3, sampling_ratio: ratio, mode, coordinate_transformation_mode: transformation, spatial_scale: 0.25 }, { runtime: [0, 1, 2] });
      expectClose(got, tabulate([8, 3, 2, 3], ([r, c, i, j]) => aligned(r!, c!, [i!, j!], [2, 3], { ratio, max: mode === "max", half: transformation === "half_pixel" })), 1e-4);
    });
});
describe("MaxRoiPool", () => {
  it("takes the largest of whole elements", () => {
    const away = (v: number) => Math.sign(v) * Math.floor(Math.abs(v) + 0.5);
    const side = (r: number, d: 0 | 1, bin: number, bins: number, size: number): readonly number[] => {
      const [low, high] = [away(regions[r]![1 - d]! * 0.25), away(regions[r]![3 - d]! * 0.25)] as const, length = Math.max(high - low + 1, 1), hold = (v: number) => Math.min(Math.max(v + low, 0), size);
      const from = hold(Math.floor((bin * length) / bins)), to = hold(Math.ceil(((bin + 1) * length) / bins));
      return Array.from({ length: Math.max(0, to - from) }, (_, k) => from + k);
    };
    const want = tabulate([8, 3, 2, 3], ([r, c, i, j]) => {
      const all = side(r!, 0, i!, 2, 9).flatMap((y) => side(r!, 1, j!, 3, 13).map((x) => read(images[r!]!, c!, y, x)));
      return all.length ? Math.max(...all) : 0;
    });
    const got = valuesOf("MaxRoiPool", [x, f32([8, 5], regions.flatMap((box, r) => [images[r]!, ...box]))], { pooled_shape: [2, 3], spatial_scale: 0.25 }, { runtime: [0, 1] });
    expect(got).toEqual(want);
    expect(got.some((v) => v === 0) && got.some((v) => v !== 0)).toBe(true);
  });
});
