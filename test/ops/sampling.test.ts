/** Sampling, Fourier transforms and inverse windows against other operators and plain loops. */
import { describe, expect, it } from "vitest";
import { f32, i64, listOf, runNode, runOp, sample, scalarOf, valuesOf } from "./harness.ts";
import { expectClose, reader, tabulate } from "./reference.ts";

describe("GridSample", () => {
  const x = sample([1, 2, 4, 5]), read = reader(x);
  it.each(["nearest", "linear", "cubic"])("finds the elements themselves (%s)", (mode) => {
    const grid = f32([1, 4, 5, 2], tabulate([1, 4, 5, 2], ([, i, j, d]) => (d === 0 ? (2 * j!) / 4 - 1 : (2 * i!) / 3 - 1)));
    expectClose(valuesOf("GridSample", [x, grid], { mode, align_corners: 1 }, { runtime: [1] }), listOf(x), 1e-5);
  });
  it.each<readonly [string, number]>([["zeros", 0], ["border", -1], ["reflection", 1]])("goes on outside with %s", (padding_mode, step) => {
    // One and two elements left of the first column: reflection has the border between elements.
    const grid = f32([1, 1, 2, 2], [-1.2, -0.75, -1.6, -0.75]), got = valuesOf("GridSample", [x, grid], { mode: "nearest", padding_mode }, { runtime: [1] });
    const column = (k: number) => (step === 0 ? null : step < 0 ? 0 : k);
    expect(got).toEqual(tabulate([2, 2], ([c, k]) => { const j = column(k!); return j === null ? 0 : read(0, c!, 0, j); }));
  });
  it("follows AffineGrid", () => {
    const theta = f32([1, 2, 3], [-1, 0, 0, 0, 1, 0]), [grid] = runOp("AffineGrid", [theta, i64(1, 2, 4, 5)]);
    expectClose(valuesOf("GridSample", [x, grid!], {}, { runtime: [1] }), tabulate(x.shape, ([n, c, i, j]) => read(n!, c!, i!, 4 - j!)), 1e-5);
  });
});
describe("windows and their inverse", () => {
  it("Col2Im adds what overlaps", () => {
    const columns = f32([1, 4, 4], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]), got = valuesOf("Col2Im", [columns, i64(3, 3), i64(2, 2)]);
    const want = new Array<number>(9).fill(0);
    listOf(columns).forEach((v, e) => { const [k, l] = [Math.floor(e / 4), e % 4], y = Math.floor(k / 2) + Math.floor(l / 2), x = (k % 2) + (l % 2); want[y * 3 + x]! += v; });
    expect(got).toEqual(want);
  });
  it("a deformable convolution without offsets is a convolution", () => {
    const x = sample([1, 4, 5, 6]), w = sample([6, 2, 3, 3], 3), b = sample([6], 5), attributes = { pads: [1, 1, 1, 1], strides: [2, 1], group: 2 };
    const offsets = f32([1, 36, 3, 6], new Array<number>(36 * 18).fill(0));
    expectClose(valuesOf("DeformConv", [x, w, offsets, b], { ...attributes, offset_group: 2 }, { runtime: [2] }), valuesOf("Conv", [x, w, b], attributes), 1e-5);
    const shifted = f32([1, 18, 3, 6], new Array<number>(18 * 18).fill(1)), moved = f32(x.shape, tabulate(x.shape, ([n, c, i, j]) => reader(x)(n!, c!, i! + 1, j! + 1)));
    const inner = { strides: [2, 1], group: 2, pads: [0, 0, 2, 2] };
    expectClose(valuesOf("DeformConv", [x, w, shifted], inner, { runtime: [2] }), valuesOf("Conv", [moved, w], inner), 1e-5);
  });
  it("a causal convolution in two parts is one in one", () => {
    const x = sample([1, 3, 7]), w = sample([3, 1, 4], 3), at = reader(x), part = (from: number, to: number) => f32([1, 3, to - from], tabulate([1, 3, to - from], ([n, c, i]) => at(n!, c!, from + i!)));
    const whole = reader(runOp("CausalConvWithState", [x, w])[0]!), [a, state] = runOp("CausalConvWithState", [part(0, 2), w], {}, { outputs: 2 });
    const [b] = runOp("CausalConvWithState", [part(2, 7), w, undefined, state!], {}, { runtime: [3] });
    expectClose(listOf(a!), tabulate([1, 3, 2], ([n, c, i]) => whole(n!, c!, i!)));
    expectClose(listOf(b!), tabulate([1, 3, 5], ([n, c, i]) => whole(n!, c!, i! + 2)));
  });
});
describe("signals", () => {
  const x = sample([1, 6, 1]), read = reader(x), turn = (k: number, t: number) => (-2 * Math.PI * k * t) / 6;
  const spectrum = (bins: number) => tabulate([1, bins, 2], ([, k, p]) => [0, 1, 2, 3, 4, 5].reduce((s, t) => s + read(0, t, 0) * (p ? Math.sin(turn(k!, t)) : Math.cos(turn(k!, t))), 0));
  it("DFT and back, whole and one-sided", () => {
    expectClose(valuesOf("DFT", [x, undefined, scalarOf("i64", 1)]), spectrum(6), 1e-5);
    const half = f32([1, 4, 2], spectrum(4));
    expectClose(valuesOf("DFT", [x], { onesided: 1 }), spectrum(4), 1e-5);
    expectClose(valuesOf("DFT", [half], { onesided: 1, inverse: 1 }), listOf(x), 1e-5);
    const back = reader(runOp("DFT", [f32([1, 6, 2], spectrum(6))], { inverse: 1 })[0]!);
    expectClose(tabulate([6], ([t]) => back(0, t!, 0)), listOf(x), 1e-5);
  });
  it("STFT is a DFT of windowed frames", () => {
    const s = sample([1, 10]), w = sample([4], 3), frame = (f: number) => f32([1, 4, 1], [0, 1, 2, 3].map((t) => reader(s)(0, 3 * f + t) * reader(w)(t)));
    expectClose(valuesOf("STFT", [s, scalarOf("i64", 3), w]), [0, 1, 2].flatMap((f) => valuesOf("DFT", [frame(f)], { onesided: 1 })), 1e-5);
  });
  it("windows are sums of cosines", () => {
    const known = (op: string, periodic: number) => listOf(runNode(
      { name: "w", op, inputs: ["size"], outputs: ["y"], attributes: { periodic }, origin: [] }, { values: new Map([["size", scalarOf("i64", 4)]]), isKnown: () => true })[0]!);
    expectClose(known("HannWindow", 1), [0, 0.5, 1, 0.5]);
    expectClose(known("HannWindow", 0), [0, 0.75, 0.75, 0]);
    expectClose(known("HammingWindow", 1), [4 / 46, 25 / 46, 1, 25 / 46]);
    expectClose(known("BlackmanWindow", 1), [0, 0.34, 1, 0.34]);
  });
  it("determinants of many rows, with changes of rows and without any", () => {
    // A cyclic change of five rows is even, of six odd; a row that is twice another leaves nothing.
    const turned = (size: number) => f32([size, size], tabulate([size, size], ([i, j]) => (j === (i! + 1) % size ? 2 : 0)));
    expect([valuesOf("Det", [turned(5)]), valuesOf("Det", [turned(6)])]).toEqual([[32], [-64]]);
    const flat = f32([2, 5, 5], tabulate([2, 5, 5], ([b, i, j]) => (b === 0 ? (i! + 1) * (j! + 2) : i === j ? 3 : 0)));
    expect(valuesOf("Det", [flat])).toEqual([expect.closeTo(0, 3), 243]);
  });
  it.each([1, 2, 3, 4, 5, 9, 17])("determinant of %i rows", (size) => {
    // L U with unit L: the product of the diagonal of U.
    const L = (i: number, j: number) => (i === j ? 1 : i > j ? ((i + 2 * j + 1) % 3) / 4 : 0), U = (i: number, j: number) => (i === j ? i + 1.5 : i < j ? ((3 * j - i) % 4) / 8 : 0);
    const m = f32([size, size], tabulate([size, size], ([i, j]) => Array.from({ length: size }, (_, k) => L(i!, k) * U(k, j!)).reduce((a, b) => a + b)));
    expectClose(valuesOf("Det", [m]), [Array.from({ length: size }, (_, i) => i + 1.5).reduce((a, b) => a * b)], 1e-5);
  });
});
