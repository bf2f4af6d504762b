/** Random networks of what layouts, margins and aliases are about: windows, sums, boxes, moved elements. */
import type { Graph } from "../../../compiler/ir/graph.ts";
import { Builder, numbers } from "../../support/graph-builder.ts";

interface Value { readonly name: string; readonly shape: readonly number[] }
type Draw = (n: number) => number;
type Step = (b: Builder, v: Value, draw: Draw, all: readonly Value[]) => Value | null;
const map = (f: (b: Builder, x: string, v: Value, draw: Draw) => string): Step => (b, v, draw) => ({ name: f(b, v.name, v, draw), shape: v.shape });
const permuted = (rank: number, draw: Draw): number[] => {
  const left = Array.from({ length: rank }, (_, i) => i);
  return Array.from({ length: rank }, () => left.splice(draw(left.length), 1)[0]!);
};
const image = (f: (b: Builder, v: Value & { shape: readonly [number, number, number, number] }, draw: Draw) => Value | null): Step =>
  (b, v, draw) => (v.shape.length === 4 ? f(b, v as Value & { shape: readonly [number, number, number, number] }, draw) : null);
const slid = (size: number, k: number, stride: number, before: number, after: number, dilation = 1) => Math.floor((size + before + after - dilation * (k - 1) - 1) / stride) + 1;

const conv: Step = image((b, v, draw) => {
  const [n, c, h, w] = v.shape, k = 1 + draw(3), stride = 1 + draw(2), dilation = draw(4) === 0 ? 2 : 1, p = [draw(2), draw(2), draw(2), draw(2)];
  const group = draw(3) === 0 ? c : c % 2 === 0 && draw(4) === 0 ? 2 : 1, out = group * (1 + draw(group === 1 ? 6 : 2));
  const [oh, ow] = [slid(h, k, stride, p[0]!, p[2]!, dilation), slid(w, k, stride, p[1]!, p[3]!, dilation)];
  if (oh < 1 || ow < 1) return null;
  const inputs = [v.name, b.constant([out, c / group, k, k]), ...(draw(2) ? [b.constant([out])] : [])];
  return { name: b.op("Conv", inputs, { group, pads: p, strides: [stride, stride], dilations: [dilation, dilation] }), shape: [n, out, oh, ow] };
});
const pool = (op: string): Step => image((b, v, draw) => {
  const [n, c, h, w] = v.shape, k = 2 + draw(2), stride = 1 + draw(2), p = [draw(2), draw(2), draw(2), draw(2)];
  const [oh, ow] = [slid(h, k, stride, p[0]!, p[2]!), slid(w, k, stride, p[1]!, p[3]!)];
  if (oh < 1 || ow < 1) return null;
  const counted = op === "AveragePool" && draw(2) ? { count_include_pad: 1 } : {};
  return { name: b.op(op, [v.name], { kernel_shape: [k, k], strides: [stride, stride], pads: p, ...counted }), shape: [n, c, oh, ow] };
});
/** Others of the same shape but for one axis. */
const concat: Step = (b, v, draw, all) => {
  const axis = draw(v.shape.length), fits = all.filter((o) => o.shape.length === v.shape.length && o.shape.every((d, i) => i === axis || d === v.shape[i]));
  const parts = Array.from({ length: 1 + draw(2) }, () => fits[draw(fits.length)]!).concat(v);
  return { name: b.op("Concat", parts.map((o) => o.name), { axis }), shape: v.shape.map((d, i) => (i === axis ? parts.reduce((s, o) => s + o.shape[i]!, 0) : d)) };
};
const split: Step = (b, v, draw) => {
  const axis = draw(v.shape.length), size = v.shape[axis]!;
  if (size < 2) return null;
  const at = 1 + draw(size - 1), parts = b.ops("Split", [v.name, b.ints(at, size - at)], 2, { axis }), which = draw(2);
  return { name: parts[which]!, shape: v.shape.map((d, i) => (i === axis ? [at, size - at][which]! : d)) };
};
const slice: Step = (b, v, draw) => {
  const axis = draw(v.shape.length), size = v.shape[axis]!, from = draw(size), to = from + 1 + draw(size - from), step = 1 + draw(2);
  return { name: b.op("Slice", [v.name, b.ints(from), b.ints(to), b.ints(axis), b.ints(step)]), shape: v.shape.map((d, i) => (i === axis ? Math.ceil((to - from) / step) : d)) };
};
const transpose: Step = (b, v, draw) => {
  const perm = permuted(v.shape.length, draw);
  return { name: b.op("Transpose", [v.name], { perm }), shape: perm.map((p) => v.shape[p]!) };
};
const reshape: Step = (b, v, draw) => {
  const total = v.shape.reduce((x, y) => x * y, 1), divisors = Array.from({ length: total }, (_, i) => i + 1).filter((d) => total % d === 0);
  const first = divisors[draw(divisors.length)]!, rest = total / first, inner = divisors.filter((d) => rest % d === 0), second = inner[draw(inner.length)]!;
  const shape = [[first, rest], [1, first, second, rest / second], [first, second, rest / second]][draw(3)]!;
  return { name: b.op("Reshape", [v.name, b.ints(...shape)]), shape };
};
const pad: Step = (b, v, draw) => {
  const sides = v.shape.map(() => [draw(2), draw(2)] as const), value = draw(3) === 0 ? [b.scalar(draw(2) - 0.5)] : [];
  return { name: b.op("Pad", [v.name, b.ints(...sides.map((s) => s[0]), ...sides.map((s) => s[1])), ...value]), shape: v.shape.map((d, i) => d + sides[i]![0] + sides[i]![1]) };
};
const together: Step = (b, v, draw, all) => {
  const fits = all.filter((o) => o.shape.length <= v.shape.length && o.shape.every((d, i) => d === 1 || d === v.shape[v.shape.length - o.shape.length + i]));
  return { name: b.op(["Add", "Mul", "Sub", "Max"][draw(4)]!, draw(2) ? [v.name, fits[draw(fits.length)]!.name] : [fits[draw(fits.length)]!.name, v.name]), shape: v.shape };
};
const product: Step = (b, v, draw, all) => {
  const k = v.shape.at(-1)!, fits = all.filter((o) => o.shape.length === 2 && o.shape[0] === k);
  if (fits.length && draw(2)) { const o = fits[draw(fits.length)]!; return { name: b.op("MatMul", [v.name, o.name]), shape: [...v.shape.slice(0, -1), o.shape[1]!] }; }
  const n = 1 + draw(9);
  return { name: b.op("MatMul", [v.name, b.constant([k, n])]), shape: [...v.shape.slice(0, -1), n] };
};
const reduce: Step = (b, v, draw) => {
  const axis = draw(v.shape.length);
  return { name: b.op(["ReduceMean", "ReduceMax", "ReduceSum"][draw(3)]!, [v.name, b.ints(axis)]), shape: v.shape.map((d, i) => (i === axis ? 1 : d)) };
};
const grow: Step = image((b, v, draw) => {
  const [n, c, h, w] = v.shape;
  if (c * h * w > 200) return null;
  const mode = draw(2) ? { mode: "nearest" } : { mode: "linear" };
  return { name: b.op("Resize", [v.name, "", b.constant([4], [1, 1, 2, 2])], mode, [n, c, h * 2, w * 2]), shape: [n, c, h * 2, w * 2] };
});
const channelwise = (op: string) => map((b, x, v, draw) => (draw(4) === 0 || v.shape.length < 3
  ? b.op(op, [x, b.constant([v.shape.at(-1)!], "positive")]) : b.op(op, [x, b.constant([v.shape.at(-3)!, 1, 1], "positive")])));
const steps: readonly Step[] = [
  conv, conv, conv, pool("MaxPool"), pool("MaxPool"), pool("AveragePool"), concat, concat, concat, split, split, slice, transpose, transpose, reshape, reshape, pad,
  together, together, product, reduce, grow, channelwise("Add"), channelwise("Mul"),
  map((b, x) => b.op("Relu", [x])), map((b, x) => b.op("Relu", [x])), map((b, x) => b.op("Sigmoid", [x])), map((b, x) => b.op("Neg", [x])),
  map((b, x, v, draw) => b.op("Softmax", [x], { axis: draw(v.shape.length) })),
];
const most = 3000;

/** `wide`: channels enough for vectors of 16 lanes, and for Winograd. */
export function randomNetwork(seed: number, wide = false): Graph {
  const next = numbers(seed), draw: Draw = (n) => Math.min(n - 1, Math.floor(((next() + 1) / 2) * n)), b = new Builder(seed);
  const shape = [1 + draw(2), wide ? 16 + draw(4) : 1 + draw(6), 3 + draw(5), 3 + draw(5)], all: Value[] = [{ name: b.input("x", shape), shape }];
  if (draw(3) === 0) all.push({ name: b.input("y", shape), shape });
  for (let count = 4 + draw(12), tries = 60; count > 0 && tries > 0; tries--) {
    const from = draw(3) === 0 ? all[draw(all.length)]! : all.at(-1)!, made = steps[draw(steps.length)]!(b, from, draw, all);
    if (!made || made.shape.some((d) => d < 1) || made.shape.reduce((x, y) => x * y, 1) > most) continue;
    all.push(made);
    count--;
  }
  const outputs = [all.at(-1)!.name];
  if (draw(2)) outputs.push(all[draw(all.length)]!.name);
  if (draw(4) === 0) outputs.push(all[draw(all.length)]!.name);
  return b.graph(...new Set(outputs));
}
