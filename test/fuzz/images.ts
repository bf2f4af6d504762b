/** Steps over images: [N, C, ...], one to three spatial dimensions. */
import { sizeOf } from "../../compiler/ir/graph.ts";
import { activation } from "./values.ts";
import { misfit, type Scene, type Step } from "./scene.ts";

const spatial = (s: Scene, x: string): readonly number[] => { const shape = s.shape(x); return shape.length >= 3
  && shape.length <= 5 ? shape.slice(2) : misfit(); };
const channels = (s: Scene, x: string): number => s.dim(x, 1);

/** Kernel, strides, dilations and pads that leave something of each dimension. */
function window(s: Scene, sizes: readonly number[], largest: number) {
  const { draw } = s, usual = draw.chance(0.5), k0 = draw.pick([1, 3, 3, 3, 2, 5, 7]), s0 = draw.pick([1, 1, 1, 2, 2, 3]),
    symmetric = draw.chance(0.6);
  const per = sizes.map((n) => {
    const k = Math.min(largest, n + 2, usual ? k0 : draw.int(1, 7)), dilation = draw.chance(0.15) ? 2 : 1, span = (k - 1) * dilation + 1;
    const begin = draw.chance(usual ? 0.8 : 0.5) ? (k - 1) >> 1 : draw.int(0, k - 1), end = symmetric ? begin : draw.int(0, k - 1);
    return { k, dilation, stride: usual ? s0 : draw.int(1, 3), begin, end, fits: n + begin + end >= span };
  });
  if (per.some((p) => !p.fits)) misfit();
  const list = (f: (p: (typeof per)[number]) => number) => per.map(f);
  return { kernel: list((p) => p.k), strides: list((p) => p.stride), dilations: list((p) => p.dilation),
    pads: [...list((p) => p.begin), ...list((p) => p.end)] };
}
function groupsOf(s: Scene, c: number): { group: number; out: number } {
  const dice = s.draw.unit();
  if (dice < 0.25) return { group: c, out: c * (s.draw.chance(0.8) ? 1 : 2) };
  if (dice < 0.4) { const group = s.draw.divisor(c); return { group, out: group * s.draw.int(1, 9) }; }
  return { group: 1, out: s.draw.size(70) };
}
export function conv(s: Scene, x: string, more: { out?: number; group?: number; same?: boolean; kernel?: number } = {}): string {
  const sizes = spatial(s, x), c = channels(s, x), w = window(s, sizes, 7), free = groupsOf(s, c),
    group = more.group ?? (more.out ? 1 : free.group), out = more.out ?? free.out;
  const kernel = more.kernel ? sizes.map(() => more.kernel!) : more.same ? w.kernel.map((k) => k | 1) : w.kernel, taps = sizeOf(kernel) * (c / group);
  if (sizeOf(s.shape(x)) / c * out * taps > s.most.work) misfit();
  const inputs = [x, s.weights([out, c / group, ...kernel], taps), ...(s.draw.chance(0.6) ? [s.numbers([out])] : [])];
  if (more.same) return s.op("Conv", inputs, { group, pads: [...kernel, ...kernel].map((k) => (k - 1) >> 1) });
  const auto = s.draw.unit();
  const pads = auto < 0.1 ? { auto_pad: s.draw.pick(["SAME_UPPER", "SAME_LOWER"]) } : auto < 0.15 ? { auto_pad: "VALID" } : { pads: w.pads };
  return s.op("Conv", inputs, { group, ...pads, strides: w.strides, dilations: w.dilations });
}
const norm = (s: Scene, x: string): string => {
  const c = [channels(s, x)];
  return s.op("BatchNormalization", [x, s.numbers(c, 0.5, 1.5), s.numbers(c), s.numbers(c), s.numbers(c, 0.5, 1.5)]);
};
const transposed: Step = (s, x) => {
  const sizes = spatial(s, x), c = channels(s, x), { draw } = s, group = draw.chance(0.3) ? draw.divisor(c) : 1,
    out = draw.chance(0.5) ? draw.int(1, 9) : Math.min(33, draw.size(40));
  const per = sizes.map((n) => ({ n, k: draw.int(1, 4), stride: draw.int(1, 3), dilation: draw.chance(0.1) ? 2 : 1 }));
  const size = (p: (typeof per)[number]) => (p.n - 1) * p.stride + (p.k - 1) * p.dilation + 1, taps = sizeOf(per.map((p) => p.k));
  if (sizeOf(s.shape(x)) * out * taps > s.most.work) misfit();
  const begin = per.map((p) => draw.int(0, Math.min(p.k - 1, (size(p) - 1) >> 1))),
    end = per.map((p, i) => (draw.chance(0.6) ? begin[i]! : draw.int(0, Math.min(p.k - 1, (size(p) - 1) >> 1))));
  return s.op("ConvTranspose", [x, s.weights([c, out, ...per.map((p) => p.k)], (c / group) * taps),
    ...(draw.chance(0.5) ? [s.numbers([out * group])] : [])], {
    group, strides: per.map((p) => p.stride), dilations: per.map((p) => p.dilation), pads: [...begin, ...end],
    output_padding: per.map((p) => (draw.chance(0.3) ? draw.int(0, Math.max(p.stride, p.dilation) - 1) : 0)),
  });
};
const pool = (op: "MaxPool" | "AveragePool" | "LpPool"): Step => (s, x) => {
  const w = window(s, spatial(s, x), 5), { draw } = s;
  return s.op(op, [x], {
    kernel_shape: w.kernel, strides: w.strides, pads: w.pads, ceil_mode: draw.chance(0.3) ? 1 : 0,
    ...(draw.chance(0.3) ? { dilations: w.dilations } : {}), ...(op === "AveragePool" ? { count_include_pad: draw.int(0, 1) } : {}),
  });
};
const globalPool: Step = (s, x) => (spatial(s, x), s.op(s.draw.pick(["GlobalAveragePool", "GlobalAveragePool", "GlobalMaxPool"]), [x]));
const normalised: Step = (s, x) => {
  const c = channels(s, x);
  spatial(s, x);
  switch (s.draw.int(0, 3)) {
    case 0: return norm(s, x);
    case 1: return s.op("InstanceNormalization", [x, s.numbers([c], 0.5, 1.5), s.numbers([c])]);
    case 2: return s.op("GroupNormalization", [x, s.numbers([c], 0.5, 1.5), s.numbers([c])], { num_groups: s.draw.divisor(c) });
    default: return s.op("LRN", [x], { size: s.draw.pick([1, 3, 5]), alpha: 0.1 });
  }
};
const squeezeExcite: Step = (s, x) => {
  const c = channels(s, x), sizes = spatial(s, x), inner = s.draw.int(1, 9);
  const mean = s.draw.chance(0.5) ? s.op("GlobalAveragePool", [x]) : s.op("ReduceMean", [x, s.b.ints(...sizes.map((_, i) => i + 2))]);
  const gate = s.op(s.draw.pick(["Sigmoid", "HardSigmoid"]),
    [conv(s, s.op("Relu", [conv(s, mean, { out: inner, kernel: 1, same: true })]), { out: c, kernel: 1, same: true })]);
  return s.op("Mul", s.draw.chance(0.5) ? [x, gate] : [gate, x]);
};
const block: Step = (s, x) => {
  const made = conv(s, x), normed = s.draw.chance(0.5) ? norm(s, made) : made;
  return activation(s, normed);
};
const residual: Step = (s, x) => {
  const c = channels(s, x), inner = s.draw.chance(0.5) ? c : s.draw.size(40), group = s.draw.chance(0.2) ? inner : 1;
  const one = activation(s, norm(s, conv(s, x, { out: inner, kernel: s.draw.pick([1, 3]), same: true })));
  const two = s.draw.chance(0.5) ? one : activation(s, conv(s, one, { out: inner, group, kernel: 3, same: true }));
  const last = conv(s, two, { out: c, kernel: s.draw.pick([1, 1, 3]), same: true }), normed = s.draw.chance(0.5) ? norm(s, last) : last;
  const sum = s.op("Add", s.draw.chance(0.5) ? [x, normed] : [normed, x]);
  return s.draw.chance(0.6) ? activation(s, sum) : sum;
};
const dense: Step = (s, x) => {
  let all = x;
  const made: string[] = [];
  for (let i = s.draw.int(1, 3); i > 0; i--) {
    const fresh = conv(s, s.draw.chance(0.7) ? s.op("Relu", [s.draw.chance(0.5) ? norm(s, all) : all]) : all,
      { out: s.draw.int(1, 9), kernel: s.draw.pick([1, 3]), same: true });
    all = s.op("Concat", s.draw.chance(0.8) ? [all, fresh] : [fresh, all], { axis: 1 });
    made.push(fresh, all);
  }
  return made;
};
const inception: Step = (s, x) => {
  const branches = Array.from({ length: s.draw.int(2, 4) }, () => {
    const dice = s.draw.int(0, 4), sizes = spatial(s, x);
    if (dice === 0) return x;
    if (dice === 1) return s.op("MaxPool", [x], { kernel_shape: sizes.map(() => 3), pads: [...sizes, ...sizes].map(() => 1) });
    return activation(s, conv(s, x, { out: s.draw.int(1, 20), kernel: s.draw.pick([1, 3, 5]), same: true }));
  });
  return s.op("Concat", branches, { axis: 1 });
};
const shuffle: Step = (s, x) => {
  const [n, c, ...rest] = s.shape(x) as [number, number, ...number[]], groups = s.draw.divisor(c);
  spatial(s, x);
  const split = s.op("Reshape", [x, s.b.ints(n, groups, c / groups, ...rest)]);
  const mixed = s.op("Transpose", [split], { perm: [0, 2, 1, ...rest.map((_, i) => i + 3)] });
  return s.op("Reshape", [mixed, s.b.ints(n, c, ...rest)]);
};
const blocks: Step = (s, x) => {
  const sizes = spatial(s, x), c = channels(s, x), b = s.draw.int(2, 3);
  if (sizes.length !== 2) misfit();
  if (c % (b * b) === 0) return s.op("DepthToSpace", [x], { blocksize: b, mode: s.draw.pick(["DCR", "CRD"]) });
  return sizes.every((n) => n % b === 0) ? s.op("SpaceToDepth", [x], { blocksize: b }) : misfit();
};
const resize: Step = (s, x) => {
  const sizes = spatial(s, x), { draw } = s, mode = draw.pick(["nearest", "linear", "linear", "cubic"]);
  const coordinates = draw.pick(["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"]);
  const attributes = { mode, coordinate_transformation_mode: coordinates,
    ...(mode === "nearest" ? { nearest_mode: draw.pick(["floor", "round_prefer_floor", "ceil", "round_prefer_ceil"]) } : {}) };
  if (draw.chance(0.5)) return s.op("Resize", [x, "", s.b.constant([sizes.length + 2],
    [1, 1, ...sizes.map(() => draw.pick([2, 2, 3, 1, 0.5, 1.5]))])], attributes);
  return s.op("Resize", [x, "", "", s.b.ints(s.dim(x, 0), channels(s, x), ...sizes.map((n) => draw.int(1, 2 * n)))], attributes);
};

/** By how often they come. */
export const imageSteps: readonly (readonly [weight: number, step: Step])[] = [
  [8, (s, x) => conv(s, x)], [6, block], [5, residual], [3, dense], [2, inception], [2, transposed], [3, pool("MaxPool")],
    [3, pool("AveragePool")], [1, pool("LpPool")],
  [2, globalPool], [3, normalised], [3, squeezeExcite], [3, shuffle], [1, blocks], [2, resize],
];
