/** Resize against values that ONNX Runtime gives, and the form that index arithmetic leaves. */
import { describe, expect, it } from "vitest";
import { ops } from "../../compiler/ops/index.ts";
import { NodeView } from "../../compiler/ops/op.ts";
import type { Compute } from "../../compiler/ir/compute.ts";
import { f32, i64, sample, valuesOf } from "./harness.ts";
import { expectClose, reader, tabulate } from "./reference.ts";

const line = [1, 4, -2, 7, 3];
type Attributes = Readonly<Record<string, number | string | readonly number[]>>;
describe("one line", () => {
  it.each<readonly [attributes: Attributes, scale: number | null, size: number | null, want: readonly number[]]>([
    [{ mode: "linear" }, 2, null, [1, 1.75, 3.25, 2.5, -0.5, 0.25, 4.75, 6, 4, 3]],
    [{ mode: "linear", coordinate_transformation_mode: "align_corners" }, null, 8, [1, 2.714286, 3.142857, -0.285714, 0.571429, 5.714286, 5.285714, 3]],
    [{ mode: "linear", coordinate_transformation_mode: "asymmetric" }, 1.6, null, [1, 2.875, 2.5, -1.25, 2.5, 6.5, 4, 3]],
    [{ mode: "cubic" }, null, 7, [0.763847, 3.370262, 2.351315, -2, 4.800294, 6.265306, 2.68513]],
    [{ mode: "cubic", exclude_outside: 1, cubic_coeff_a: -0.5 }, null, 8, [0.784133, 2.486471, 3.844727, -0.930664, 0.141113, 6.76709, 5.03231, 2.712177]],
    [{ mode: "nearest", nearest_mode: "ceil", coordinate_transformation_mode: "asymmetric" }, null, 8, [1, 4, -2, -2, 7, 3, 3, 3]],
    // 3 / 0.6 is 5 in single precision, and so the third element is the fourth of the input.
    [{ mode: "nearest", nearest_mode: "floor", coordinate_transformation_mode: "asymmetric" }, 0.6, null, [1, 4, 7]],
    [{ mode: "linear", antialias: 1 }, null, 2, [1.72, 3.48]],
    [{ mode: "nearest", coordinate_transformation_mode: "pytorch_half_pixel" }, null, 1, [1]],
  ])("%j, scale %j, size %j", (attributes, scale, size, want) => {
    const x = f32([1, 1, 5], line), inputs = scale ? [x, undefined, f32([3], [1, 1, scale])] : [x, undefined, undefined, i64(1, 1, size!)];
    expectClose(valuesOf("Resize", inputs, attributes), want, 1e-5);
  });
});
describe("several dimensions", () => {
  it("are resized one by one", () => {
    const x = sample([1, 2, 4, 5]), attributes = { mode: "linear" }, rows = f32([4], [1, 1, 2, 1]), columns = f32([4], [1, 1, 1, 3]);
    const half = valuesOf("Resize", [x, undefined, rows], attributes);
    expectClose(valuesOf("Resize", [x, undefined, f32([4], [1, 1, 2, 3])], attributes), valuesOf("Resize", [f32([1, 2, 8, 5], half), undefined, columns], attributes));
  });
  it("keep the ratio where the policy asks for it", () => {
    const x = f32([1, 1, 2, 4], [1, 2, 3, 4, 5, 6, 7, 8]), run = (keep_aspect_ratio_policy: string) => valuesOf("Resize", [x, undefined, undefined, i64(4, 12)], { axes: [2, 3], keep_aspect_ratio_policy });
    expect(run("not_larger")).toHaveLength(4 * 8);
    expect(run("not_smaller")).toHaveLength(6 * 12);
  });
  it("cut out a region, with a value for what lies outside", () => {
    const x = f32([1, 1, 2, 2], [1, 2, 3, 4]), roi = f32([8], [0, 0, 0, 0, 1, 1, 1, 2]);
    const got = valuesOf("Resize", [x, roi, undefined, i64(1, 1, 2, 3)], { mode: "linear", coordinate_transformation_mode: "tf_crop_and_resize", extrapolation_value: 9 });
    expect(got).toEqual([1, 2, 9, 3, 4, 9]);
  });
});
describe("form", () => {
  const computeOf = (shape: readonly number[], scales: readonly number[], attributes: Attributes): Compute => {
    const op = ops.get("Resize")!, node = { name: "r", op: "Resize", inputs: ["x", "", "s"], outputs: ["y"], attributes, origin: [] };
    const types = [{ dtype: "f32", shape }, undefined, { dtype: "f32", shape: [scales.length] }] as const, known = (v: string) => (v === "s" ? f32([scales.length], scales) : undefined);
    return op.lower!(new NodeView(node, op, types, op.infer(new NodeView(node, op, types, [], known)), known));
  };
  it("needs no table to repeat or to skip elements", () => {
    for (const mode of ["half_pixel", "asymmetric"]) {
      expect(computeOf([1, 3, 5, 7], [1, 1, 2, 4], { coordinate_transformation_mode: mode, nearest_mode: "floor" }).tensors.map((t) => t.name)).toEqual(["x"]);
    }
    expect(computeOf([1, 3, 6, 8], [1, 1, 0.5, 0.25], {}).tensors.map((t) => t.name)).toEqual(["x"]);
  });
  it("needs a table of weights only to double a line", () => {
    expect(computeOf([1, 3, 5], [1, 1, 2], { mode: "linear" }).tensors.slice(1).map((t) => [t.dtype, t.shape])).toEqual([["f32", [10]], ["f32", [10]]]);
  });
  it("makes no dimension so long that its tables would take all memory", () => {
    expect(() => computeOf([1, 1, 1 << 20], [1, 1, 16], { mode: "cubic" })).toThrow(/makes a dimension 16777216 long.*4194304 places at most/);
  });
  it("repeats rows and columns", () => {
    const x = sample([1, 2, 3, 2]), read = reader(x);
    const want = tabulate([1, 2, 6, 6], ([n, c, i, j]) => read(n!, c!, Math.floor(i! / 2), Math.floor(j! / 3)));
    expect(valuesOf("Resize", [x, undefined, f32([4], [1, 1, 2, 3])], { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" })).toEqual(want);
  });
});
