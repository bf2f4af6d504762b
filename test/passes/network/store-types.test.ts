/** Element types that a language lacks: values stay, ports keep the model's type, and what cannot be kept is refused with reasons. */
import { describe, expect, test } from "vitest";
import { CompileError } from "../../../compiler/diagnostics.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import { accumulator, at, axis, output, tensor, type Compute, type Reduction, type Stage } from "../../../compiler/ir/compute.ts";
import { convert, less, loadsIn, make, rebuild, select } from "../../../compiler/ir/algebra.ts";
import { expressionsOfStage, type NetTensor, type Network } from "../../../compiler/ir/network.ts";
import { rowMajor } from "../../../compiler/ir/compute.ts";
import { children, constant, load, show, type Expr } from "../../../compiler/ir/scalar.ts";
import { signatures } from "../../../compiler/ir/typing.ts";
import { arrayOf, computedTypes, newArray, types, type DType, type ElementArray, type Num } from "../../../compiler/ir/types.ts";
import { verifyCompute } from "../../../compiler/ir/verify.ts";
import { compileNetwork } from "../../../compiler/passes/network/pipeline.ts";
import { storeTypes, storeTypesOf, type Stores } from "../../../compiler/passes/network/store-types.ts";
import { verifyNetwork } from "../../../compiler/passes/network/verify-network.ts";
import { Builder } from "../../support/graph-builder.ts";
import { evaluateNetwork } from "../../support/evaluate-network.ts";
import { below, expression, generator, pick, valueOf } from "../../support/random.ts";
import { lowered } from "../../support/run-compute.ts";
import { cases, kernelOf, memory, N, typeOf } from "../../targets/cases.ts";
import { facts, feedsOf, plainNetwork, ready } from "./build.ts";

const refusedText = "there is no f64 here", stores: Stores = {
  i8: { as: "i32" }, i16: { as: "i32" }, i64: { as: "i32" }, u8: { as: "u32" }, u16: { as: "u32" }, u64: { as: "u32" }, bool: { as: "u32" }, f64: { refused: refusedText },
};
const storedOf = (t: DType): DType => { const s = stores[t]; return s && "as" in s ? s.as : t; };
const asStored = (t: DType, a: ElementArray): ElementArray => arrayOf(storedOf(t), Array.from(a as Iterable<Num>));
const wide = (t: DType) => t === "i64" || t === "u64";
function typesIn(e: Expr, found = new Set<DType>()): ReadonlySet<DType> {
  found.add(e.dtype);
  children(e).forEach((c) => typesIn(c, found));
  return found;
}
const left = (c: Compute): readonly DType[] => [...new Set([...c.tensors, ...c.outputs].map((t) => t.dtype).concat(c.stages.flatMap((s) => expressionsOfStage(s).flatMap((e) => [...typesIn(e)]))))];
/** Nothing is left that the language lacks, truths in memory included. */
function expectStored(c: Compute): void {
  verifyCompute(c);
  expect(left(c).filter((t) => stores[t] && t !== "bool"), c.name).toEqual([]);
  for (const t of [...c.tensors, ...c.outputs, ...loadsIn(c.stages.flatMap(expressionsOfStage))]) expect(t.dtype).not.toBe("bool");
}
/** What 64-bit integers hold fits in 32 bits. */
const fitting = (t: DType, a: ElementArray): ElementArray => arrayOf(t, Array.from(a as Iterable<Num>, types[storedOf(t)].wrap));

describe("operators", () => {
  const depth = (e: Expr): number => 1 + Math.max(0, ...children(e).map(depth));
  const one = cases(1), plain = Object.fromEntries(Object.entries(memory).map(([name, a]) => [name, name.startsWith("shift") && wide(typeOf.get(name)!) ? arrayOf(typeOf.get(name)!, Array.from(a as Iterable<bigint>, (x) => x % 32n)) : fitting(typeOf.get(name)!, a)]));
  const stored = Object.fromEntries(Object.entries(plain).map(([name, a]) => [name, asStored(typeOf.get(name)!, a)]));
  test.each(computedTypes.filter((t) => t !== "f64"))("on %s keep their values", (t) => {
    let compared = 0;
    for (const c of one) {
      const found = typesIn(c.value);
      if (!found.has(t) || found.has("f64") || (depth(c.value) > 4 && [...found].some(wide))) continue;
      let fits = true;
      const after = kernelOf(c, () => false, (compute) => { const next = storeTypesOf(compute, stores, () => { fits = false; }); if (fits) expectStored(next); return next; });
      if (!fits) continue;
      const before = kernelOf(c, () => false), { dtype } = before.buffers.at(-1)!, want = newArray(dtype, N), got = newArray(storedOf(dtype), N);
      interpret(before, { ...plain, out: want });
      interpret(after, { ...stored, out: got });
      expect(Array.from(got as Iterable<Num>), `${c.name} ${show(c.value)}`).toEqual(Array.from(want as Iterable<Num>, types[storedOf(dtype)].wrap));
      compared++;
    }
    expect(compared).toBeGreaterThan(10);
  });
  const i = axis("i", 4), k = axis("k", 7), ops: readonly Reduction[] = ["add", "mul", "max", "min", "and", "or", "xor"];
  test.each(computedTypes.filter((t) => t !== "f64"))("reductions of %s keep their values, with a tail and without", (t) => {
    const x = tensor("x", "input", [4, 7], { dtype: t }), random = generator(11), data = fitting(t, arrayOf(t, Array.from({ length: 28 }, () => valueOf(random, t))));
    for (const op of ops.filter((o) => signatures[o].kinds.includes(types[t].kind))) for (const tail of [undefined, (acc: Expr) => select(make("equal", acc, at(x, i, constant("index", 2))), at(x, i, constant("index", 0)), acc)]) {
      const stage: Stage = { name: "s", axes: [i], value: at(x, i, k), reduce: { op, axes: [k] }, ...(tail ? { finish: tail(accumulator(t)) } : {}) };
      const c: Compute = { name: op, origin: [], tensors: [x], stages: [stage], outputs: [output(stage)] }, after = storeTypesOf(c, stores), want = newArray(t, 4), got = newArray(storedOf(t), 4);
      expectStored(after);
      interpret(lowered(c, { stages: {} }), { x: data, out: want });
      interpret(lowered(after, { stages: {} }), { x: asStored(t, data), out: got });
      expect(Array.from(got as Iterable<Num>), op).toEqual(Array.from(want as Iterable<Num>, types[storedOf(t)].wrap));
    }
  });
});

/** Computes in a row, each a random expression of a random type over the inputs and what came before it. */
function randomNetwork(seed: number): Network {
  const random = generator(seed), all = computedTypes.filter((t) => t !== "f64"), i = axis("i", 5), k = axis("k", 3), shape = [5];
  const net = (name: string, dtype: DType, kind: NetTensor["kind"], data?: ElementArray): NetTensor => ({ name, dtype, kind, shape, layout: rowMajor(1), ...(data ? { data } : {}) });
  const tensors = new Map<string, NetTensor>(all.map((t) => [`%${t}`, net(`%${t}`, t, "input")])), computes: Compute[] = [], made: NetTensor[] = [];
  for (const t of all.slice(0, 3)) tensors.set(`%c${t}`, net(`%c${t}`, t, "constant", fitting(t, arrayOf(t, shape.flatMap((n) => Array.from({ length: n }, () => valueOf(random, t)))))));
  const draw = (t: DType): Expr => {
    for (;;) {
      const e = expression(random, t, 3, i, false), found = typesIn(e);
      if (!found.has("f64") && !found.has("i64") && !found.has("u64") && loadsIn([e]).length) return e;
    }
  };
  for (let n = 0; n < 4; n++) {
    const t = pick(random, all.filter((x) => !wide(x))), name = `%r${n}`, last = n === 3;
    const source = (dtype: DType): NetTensor => pick(random, [...tensors.values()].filter((x) => x.dtype === dtype && x.kind !== "output"));
    const value = rebuild(draw(t), (x) => (x.kind === "load" ? load(x.dtype, source(x.dtype).name, x.at) : x)), reduced = below(random, 3) === 0 && t !== "bool" && t !== "f32";
    const stage: Stage = { name: `s${n}`, axes: [i], value: reduced ? make("add", value, convert(t, k)) : value, ...(reduced ? { reduce: { op: pick(random, ["add", "max", "mul"] as const), axes: [k] } } : {}) };
    const read = [...new Set(loadsIn([stage.value]).map((l) => l.buffer))].map((b) => tensors.get(b)!);
    computes.push({
      name: `c${n}`, origin: [`n${n}`], stages: [stage], outputs: [{ ...output(stage, name) }],
      tensors: read.map((r) => tensor(r.name, r.kind === "constant" ? "weight" : "input", shape, { dtype: r.dtype })),
    });
    const result = net(name, t, last ? "output" : "temporary");
    tensors.set(name, result);
    made.push(result);
  }
  return { name: "random", inputs: all.map((t) => `%${t}`), outputs: [made[3]!.name], outputNames: ["out"], tensors, computes };
}
describe("networks", () => {
  test.each(Array.from({ length: 60 }, (_, n) => n + 1))("random, seed %i", (seed) => {
    const n = randomNetwork(seed), random = generator(seed + 1000), t = n.tensors.get(n.outputs[0]!)!.dtype;
    const feeds = new Map(n.inputs.map((name) => { const { dtype } = n.tensors.get(name)!; return [name, fitting(dtype, arrayOf(dtype, Array.from({ length: 5 }, () => valueOf(random, dtype))))] as const; }));
    expect(verifyNetwork(n)).toEqual([]);
    const after = storeTypes(n, { types: stores });
    expect(verifyNetwork(after)).toEqual([]);
    after.computes.forEach(expectStored);
    const want = evaluateNetwork(n, feeds).get(n.outputs[0]!)!, got = evaluateNetwork(after, new Map([...feeds].map(([name, a]) => [name, asStored(n.tensors.get(name)!.dtype, a)]))).get(n.outputs[0]!)!;
    expect(Array.from(got as Iterable<Num>)).toEqual(Array.from(want as Iterable<Num>, types[storedOf(t)].wrap));
  });
  test("indices, shapes and truths of a model", () => {
    const b = new Builder(), x = b.input("x", [3, 7]), i = b.input("i", [4], "i64"), m = b.input("m", [3, 4], "bool"), q = b.input("q", [3, 4], "u8");
    const g = ready(b.graph(b.op("Where", [m, b.op("Gather", [x, i], { axis: 1 }), b.op("Cast", [b.op("Add", [q, q])], { to: 1 })]), b.op("Not", [m]), b.op("ArgMax", [x], { axis: 1 }), b.op("Cast", [q], { to: 3 })));
    const n = plainNetwork(g), after = storeTypes(n, { types: stores }), feeds = feedsOf(g, 3);
    feeds.set("i", { ...feeds.get("i")!, data: arrayOf("i64", [0, -1, 6, 3]) });
    after.computes.forEach(expectStored);
    const inputs = new Map([...feeds].map(([v, c]) => [`%${v}`, c.data])), want = evaluateNetwork(n, inputs);
    const got = evaluateNetwork(after, new Map([...feeds].map(([v, c]) => [`%${v}`, asStored(c.dtype, c.data)])));
    for (const name of n.outputs) expect(Array.from(got.get(name) as Iterable<Num>)).toEqual(Array.from(want.get(name) as Iterable<Num>, (v) => Number(v)));
    const ports = compileNetwork(g, { facts: { ...facts, types: stores }, variants: [{ name: "plain", description: "", schedule: (compute) => ({ compute, schedule: { stages: {} } }), lacks: () => false }] });
    expect(ports.inputs.map((p) => [p.name, p.dtype, p.stored])).toEqual([["x", "f32", undefined], ["i", "i64", "i32"], ["m", "bool", "u32"], ["q", "u8", "u32"]]);
    expect(ports.outputs.map((p) => [p.dtype, p.stored])).toEqual([["f32", undefined], ["bool", "u32"], ["i64", "i32"], ["i8", "i32"]]);
  });
  test("a target that has all types leaves everything as it is", () => {
    const n = randomNetwork(5);
    expect(storeTypes(n, { types: {} })).toBe(n);
  });
});

describe("numbers of 64 bits", () => {
  const i = axis("i", 5), x = tensor("%x", "input", [5], { dtype: "i64" }), most = constant("i64", 2n ** 63n - 1n), least = constant("i64", -(2n ** 63n)), load1 = at(x, i), zero = constant("i64", 0);
  const data = arrayOf("i64", [0, 7, -7, 2 ** 31 - 1, -(2 ** 31)]);
  const of = (value: Expr, reduce?: Reduction): Compute => {
    const k = axis("k", 3), stage: Stage = { name: "s", axes: [i], value, ...(reduce ? { reduce: { op: reduce, axes: [k] } } : {}) };
    return { name: "clamp", origin: ["node 1"], tensors: [x], stages: [stage], outputs: [output(stage, "%y")] };
  };
  const past = make("less", axis("k", 3), constant("index", 1));
  test.each<[string, Compute]>([
    ["least of all", of(make("min", load1, most))], ["greatest of all", of(make("max", load1, least))],
    ["a choice between limits", of(make("max", load1, select(less(load1, zero), least, zero)))],
    ["comparisons that no value passes", of(select(less(most, load1), zero, load1))], ["comparisons that all pass", of(select(less(load1, most), load1, zero))],
    ["equality", of(select(make("equal", load1, least), zero, load1))], ["at least the limit", of(select(make("lessEqual", least, load1), load1, zero))],
    ["padding of a maximum", of(select(past, load1, least), "max")], ["padding of a minimum", of(select(past, load1, most), "min")],
  ])("%s", (_, c) => {
    const after = storeTypesOf(c, stores), want = newArray("i64", 5), got = newArray("i32", 5);
    expectStored(after);
    interpret(lowered(c, { stages: {} }), { "%x": data, "%y": want });
    interpret(lowered(after, { stages: {} }), { "%x": asStored("i64", data), "%y": got });
    expect(Array.from(got as Iterable<number>)).toEqual(Array.from(want as Iterable<bigint>, Number));
  });
  const network = (c: Compute, constants: readonly NetTensor[] = []): Network => ({
    name: "n", inputs: ["%x"], outputs: ["%y"], outputNames: ["y"], computes: [c],
    tensors: new Map([...constants, ...["%x", "%y"].map((name): NetTensor => ({ name, dtype: "i64", kind: name === "%x" ? "input" : "output", shape: [5], layout: rowMajor(1) }))].map((t) => [t.name, t])),
  });
  const problems = (n: Network) => {
    try { storeTypes(n, { types: stores }); } catch (e) { if (e instanceof CompileError) return e.diagnostics.map((d) => ({ ...d, hint: undefined })); throw e; }
    return [];
  };
  test("that do not fit and matter are named, with node and type", () => {
    expect(problems(network(of(make("add", load1, make("min", load1, least)))))).toEqual([{
      severity: "error", code: "value-out-of-range", node: "node 1", op: "clamp", hint: undefined,
      message: "the number -9223372036854775808 of type i64 does not fit the i32 that the target has in its place",
    }]);
  });
  test("in constants are named by the constant", () => {
    const w = tensor("%w", "weight", [5], { dtype: "i64" }), c = { ...of(make("add", load1, at(w, i))), tensors: [x, w] };
    const given: NetTensor = { name: "%w", dtype: "i64", kind: "constant", shape: [5], layout: rowMajor(1), data: arrayOf("i64", [1, 2, 3, 2 ** 40, 5]) };
    expect(problems(network(c, [given])).map((d) => d.message)).toEqual(["the constant w holds 1099511627776 of type i64 does not fit the i32 that the target has in its place"]);
  });
});
describe("doubles", () => {
  const model = (make: (b: Builder) => readonly string[]) => { const b = new Builder(); return plainNetwork(ready(b.graph(...make(b)))); };
  test("are refused where they are tensors, all at once", () => {
    const n = model((b) => { const x = b.input("x", [3], "f64"), y = b.op("Exp", [b.op("Cast", [b.input("y", [3])], { to: 11 })]); return [b.op("Add", [x, y]), b.op("Cast", [x], { to: 1 })]; });
    try {
      storeTypes(n, { types: stores });
      expect.fail("is not refused");
    } catch (e) {
      const all = (e as CompileError).diagnostics;
      expect(all.every((d) => d.severity === "error" && d.code === "unsupported-type" && d.message.includes(refusedText) && d.hint)).toBe(true);
      expect(all.map((d) => d.op ?? d.message.split(":")[0])).toEqual(["the input x is f64", "the output v_add2 is f64", "cast", "exp", "add", "cast"]);
    }
  });
  test("inside an operator on integers are floats, or powers of whole numbers", () => {
    const n = model((b) => { const x = b.input("x", [4], "i32"), y = b.input("y", [4], "i32"); return [b.op("Pow", [x, y]), b.op("ReduceL2", [x])]; });
    const after = storeTypes(n, { types: stores });
    after.computes.forEach(expectStored);
    const feeds = new Map<string, ElementArray>([["%x", Int32Array.of(3, -2, 7, 1)], ["%y", Int32Array.of(15, 5, 0, 1000000)]]), [pow, norm] = after.outputs.map((o) => evaluateNetwork(after, feeds).get(o)!);
    expect(Array.from(pow as Int32Array)).toEqual([14348907, -32, 1, 1]);
    expect(Array.from(norm as Int32Array)).toEqual([7]);
  });
});
