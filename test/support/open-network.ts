/** Networks whose dimensions are given as numbers or as symbols with bounds, as operators' entries write them. */
import { axis, output, rowMajor, tensor, at, type Compute, type Stage } from "../../compiler/ir/compute.ts";
import { both, div, f32, less, make, mul, select } from "../../compiler/ir/algebra.ts";
import { int, plus, times } from "../../compiler/ir/linear.ts";
import { constant, type Expr, type Var } from "../../compiler/ir/scalar.ts";
import { sizeOf } from "../../compiler/ir/graph.ts";
import type { NetTensor, Network, TensorKind } from "../../compiler/ir/network.ts";
import { someSizes } from "../../compiler/ir/symbols.ts";
import { numbers } from "./graph-builder.ts";

/** A dimension as its bound and its size: the same number where it is fixed. */
export interface Size { readonly bound: number; readonly size: Expr }
/** A size that is always the same. */
export const fixed = (n: number): Size => ({ bound: n, size: int(n) });
/** (size * times + more) / by, rounded down. */
export const derived = ({ bound, size }: Size, by: number, more = 0): Size => ({ bound: Math.floor((bound + more) / by), size: make("quo", plus(size, int(more)), int(by)) });

/** A network whose dimensions are given; Computes row-major. */
export class Net {
  readonly tensors = new Map<string, NetTensor>();
  readonly computes: Compute[] = [];
  private readonly next = numbers(7);
  put(kind: TensorKind, name: string, dims: readonly Size[]): string {
    const sizes = dims.map(({ bound, size }) => (size === int(bound) ? undefined : size)), shape = dims.map((d) => d.bound);
    this.tensors.set(name, { name, kind, dtype: "f32", shape, layout: rowMajor(shape.length), ...(kind === "constant" ? { data: Float32Array.from({ length: sizeOf(shape) }, () => this.next()) } : someSizes(sizes)) });
    return name;
  }
  read(name: string) { const t = this.tensors.get(name)!; return tensor(name, t.kind === "constant" ? "weight" : "input", t.shape); }
  compute(name: string, out: string, reads: readonly string[], ...stages: Stage[]): string {
    this.computes.push({ name, origin: [name], tensors: reads.map((r) => this.read(r)), stages, outputs: [output(stages.at(-1)!, out)] });
    return out;
  }
  /** x[n, k] times a constant [k, m]; `k` may end early. */
  product(out: string, x: string, w: string, dims: readonly [Size, Size, Size], kind: TensorKind = "temporary"): string {
    const [n, k, m] = dims, i = axis("i", n.bound), j = axis("j", m.bound), r = axis("r", k.bound);
    this.put(kind, out, [n, m]);
    const value = mul(at({ name: x }, i, r), at({ name: w }, r, j));
    return this.compute("matmul", out, [x, w], { name: "y", axes: [i, j], value: select(less(r, k.size), value, constant("f32", -0)), reduce: { op: "add", axes: [r] } });
  }
  softmax(out: string, x: string, dims: readonly [Size, Size], kind: TensorKind = "temporary"): string {
    const [n, k] = dims, i = axis("i", n.bound), j = axis("j", k.bound), r = axis("r", k.bound), inside = less(r, k.size);
    this.put(kind, out, dims);
    const top: Stage = { name: "top", axes: [i], value: select(inside, at({ name: x }, i, r), constant("f32", -Infinity)), reduce: { op: "max", axes: [r] } };
    const e: Stage = { name: "e", axes: [i, j], value: make("exp", make("sub", at({ name: x }, i, j), at({ name: "top" }, i))) };
    const sum: Stage = { name: "sum", axes: [i], value: select(inside, at({ name: "e" }, i, r), constant("f32", -0)), reduce: { op: "add", axes: [r] } };
    return this.compute("softmax", out, [x], top, e, sum, { name: "y", axes: [i, j], value: div(at({ name: "e" }, i, j), at({ name: "sum" }, i)) });
  }
  map(out: string, x: string, dims: readonly Size[], f: (x: Expr, ...axes: Expr[]) => Expr, kind: TensorKind = "temporary"): string {
    const axes = dims.map((d, i) => axis(`d${i}`, d.bound));
    this.put(kind, out, dims);
    return this.compute("map", out, [x], { name: "y", axes, value: f(at({ name: x }, ...axes), ...axes) });
  }
  /** A convolution of x[1, c, h, w] with `to` filters, `side` x `side`, padded by `pad`, every `step` pixels. */
  conv(out: string, x: string, dims: readonly [Size, Size], channels: readonly [number, number], side: number, pad: number, step: number, kind: TensorKind = "temporary"): readonly [Size, Size] {
    const [c, to] = channels, made = dims.map((d) => derived(d, step, 2 * pad - side + step)) as [Size, Size], w = this.put("constant", `${out}_w`, [fixed(to), fixed(c), fixed(side), fixed(side)]);
    const b = axis("b", 1), o = axis("o", to), y = axis("y", made[0].bound), xx = axis("x", made[1].bound), k = axis("k", c), ky = axis("ky", side), kx = axis("kx", side);
    this.put(kind, out, [fixed(1), fixed(to), ...made]);
    const row = plus(plus(times(y, step), ky), int(-pad)), column = plus(plus(times(xx, step), kx), int(-pad));
    const inside = pad ? both(both(less(int(-1), row), less(row, dims[0].size)), both(less(int(-1), column), less(column, dims[1].size))) : constant("bool", 1);
    const product = mul(at({ name: x }, b, k, row, column), at({ name: w }, o, k, ky, kx));
    this.compute("conv", out, [x, w], { name: "y", axes: [b, o, y, xx], value: select(inside, product, f32(0)), reduce: { op: "add", axes: [k, ky, kx] } });
    return made;
  }
  network(symbols: readonly { readonly variable: Var; readonly input: string; readonly dim: number }[]): Network {
    const of = (kind: TensorKind) => [...this.tensors.values()].filter((t) => t.kind === kind).map((t) => t.name);
    return {
      name: "net", inputs: of("input"), outputs: of("output"), outputNames: of("output").map((x) => x.slice(1)), tensors: this.tensors, computes: this.computes,
      ...(symbols.length ? { symbols: symbols.map(({ variable, input, dim }) => ({ variable, from: { input, dim } })) } : {}),
    };
  }
}
