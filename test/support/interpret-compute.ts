/**
 * Runs a Compute by definition, straight from its expressions: no schedule, no lowering, no generated code. A load outside
 * its tensor is an error, unless it stands under a select that does not choose it: so an unguarded index shows.
 * Sums of floats are rounded once, at their end: what every order of summing is close to.
 */
import { fail, scalarOps, show, type Expr } from "../../compiler/ir/scalar.ts";
import { extentOf, neutral, reductions, resultType, type Compute, type Stage } from "../../compiler/ir/compute.ts";
import { recurrencesOf, type Recurrence } from "../../compiler/ir/recurrence.ts";
import { sizeOf, type Constant } from "../../compiler/ir/graph.ts";
import { isFloat, newArray, types, type DType, type Num } from "../../compiler/ir/types.ts";
import { poison } from "./layouts.ts";

type Env = Map<string, Num>;
type Code = (env: Env) => Num;
type Writable = { [i: number]: Num };

/** Counts the settings of variables. */
let moment = 0;
/** An expression as a function of its variables. A select computes only what it chooses. */
function compile(e: Expr, buffers: ReadonlyMap<string, Constant>, known: Map<Expr, Code>): Code {
  const before = known.get(e);
  if (before) return before;
  const made = codeOf(e, (x) => compile(x, buffers, known), buffers);
  let at = -1, value: Num = 0;
  // What stands in an expression many times is computed once for each setting of the variables.
  const code: Code = e.kind === "apply" ? (env) => { if (at !== moment) { value = made(env); at = moment; } return value; } : made;
  known.set(e, code);
  return code;
}
function codeOf(e: Expr, of: (e: Expr) => Code, buffers: ReadonlyMap<string, Constant>): Code {
  switch (e.kind) {
    case "const": { const { value } = e; return () => value; }
    case "var": { const { name } = e; return (env) => env.get(name) ?? fail(`unbound ${name}`); }
    case "load": {
      const at = e.at.map(of), { data, shape, dtype } = buffers.get(e.buffer) ?? fail(`no tensor ${e.buffer}`);
      if (dtype !== e.dtype) fail(`${show(e)} reads ${dtype} as ${e.dtype}`);
      if (at.length !== shape.length) fail(`${show(e)} has ${at.length} indices for shape [${shape}]`);
      return (env) => data[at.reduce((flat, f, d) => {
        const i = Number(f(env));
        if (!(i >= 0 && i < shape[d]!)) fail(`${show(e)}: index ${i} is outside dimension ${d} of [${shape}]`);
        return flat * shape[d]! + i;
      }, 0)]!;
    }
    case "apply": {
      const { meaning } = scalarOps[e.op], { wrap } = types[e.dtype], args = e.args.map(of), [a, b, c] = args as [Code, Code, Code];
      if (e.op === "select") return (env) => (a(env) ? b(env) : c(env));
      if (e.op === "quo" || e.op === "rem") {
        return (env) => {
          const [x, y] = [a(env), b(env)];
          return x >= 0 && y > 0 ? meaning(x, y) : fail(`${show(e)}: of ${x} and ${y}`);
        };
      }
      return (env) => wrap(meaning(...args.map((f) => f(env))));
    }
    case "cast": { const { wrap } = types[e.dtype], arg = of(e.arg); return (env) => wrap(arg(env)); }
    case "lanes": case "build": return fail(`${show(e)}: a Compute has no lanes`);
    default: return e satisfies never;
  }
}
/** Every index of a shape, in order. */
function* indicesOf(shape: readonly number[]): Generator<readonly number[]> {
  const size = sizeOf(shape);
  for (let flat = 0; flat < size; flat++) {
    const index: number[] = [];
    for (let d = shape.length - 1, rest = flat; d >= 0; rest = Math.floor(rest / shape[d]!), d--) index[d] = rest % shape[d]!;
    yield index;
  }
}
/** All of a stage, or one step along its first axis, into `data`. */
function runStage(s: Stage, buffers: ReadonlyMap<string, Constant>, into?: Constant, step?: number): Constant {
  const dtype = resultType(s), shape = s.axes.map(extentOf), known = new Map<Expr, Code>(), env: Env = new Map();
  const value = compile(s.value, buffers, known), finish = s.finish ? compile(s.finish, buffers, known) : null;
  const over = s.reduce?.axes ?? [], op = s.reduce ? reductions[s.reduce.op].op : "add", { wrap } = types[s.value.dtype];
  const exact = isFloat(s.value.dtype) && op === "add";
  const data = into?.data ?? newArray(dtype, sizeOf(shape)), rest = shape.slice(1);
  let out = step === undefined ? 0 : step * sizeOf(rest);
  for (const index of step === undefined ? indicesOf(shape) : [...indicesOf(rest)].map((i) => [step, ...i])) {
    s.axes.forEach((a, d) => env.set(a.name, index[d]!));
    moment++;
    let result: Num;
    if (s.reduce) {
      result = neutral(s.reduce.op, s.value.dtype);
      for (const inner of indicesOf(over.map(extentOf))) {
        over.forEach((a, d) => env.set(a.name, inner[d]!));
        moment++;
        if (op === null) { result = value(env.set("acc", result)); continue; }
        const next: Num = scalarOps[op].meaning(result, value(env));
        result = exact ? next : wrap(next);
      }
      result = wrap(result);
    } else {
      result = value(env);
    }
    moment++;
    if (finish) result = finish(env.set("acc", result));
    (data as Writable)[out++] = result;
  }
  return { dtype, shape, data };
}
/** Step by step; what is not made yet is NaN, or an odd number. */
function runSteps(r: Recurrence, buffers: Map<string, Constant>): readonly Stage[] {
  const moving = r.stages.filter((s) => s.axes[0] === r.time);
  for (const s of r.stages) buffers.set(s.name, moving.includes(s) ? { dtype: resultType(s), shape: s.axes.map(extentOf), data: poison(resultType(s), sizeOf(s.axes.map(extentOf))) } : runStage(s, buffers));
  for (let t = 0; t < extentOf(r.time); t++) for (const s of moving) runStage(s, buffers, buffers.get(s.name)!, t);
  return r.stages;
}
/** The Compute's outputs by the name of their tensor, from its input tensors by name. Fails where the Compute contradicts itself. */
export function interpretCompute(c: Compute, given: ReadonlyMap<string, Constant>): ReadonlyMap<string, Constant> {
  const buffers = new Map<string, Constant>();
  for (const t of c.tensors) {
    const own = t.data ? { dtype: t.dtype, shape: t.shape, data: t.data as Constant["data"] } : undefined;
    const of = own ?? given.get(t.name) ?? fail(`${c.name}: no value for ${t.name}`);
    const [is, should] = [of, t].map((x) => `${x.dtype}[${x.shape}]`);
    if (is !== should) fail(`${c.name}: ${t.name} is ${is}, not ${should}`);
    buffers.set(t.name, of);
  }
  const done = new Set<Stage>(), runs = recurrencesOf(c);
  for (const s of c.stages) {
    if (done.has(s)) continue;
    if (buffers.has(s.name)) fail(`${c.name}: two things are called ${s.name}`);
    const r = runs.find((x) => x.stages.includes(s));
    if (r) runSteps(r, buffers).forEach((x) => done.add(x)); else buffers.set(s.name, runStage(s, buffers));
  }
  const results = new Map<string, Constant>();
  for (const o of c.outputs) {
    const stage = c.stages.find((s) => s.name === o.stage) ?? fail(`no stage ${o.stage}`);
    results.set(o.tensor, placed(buffers.get(o.stage)!, o, stage, results.get(o.tensor)));
  }
  return results;
}
/** A stage's elements where the output says they go, beside those that other stages have put there. */
function placed(from: Constant, o: Compute["outputs"][number], s: Stage, others: Constant | undefined): Constant {
  if (from.dtype !== o.dtype) fail(`stage ${s.name} makes ${from.dtype}, but output ${o.tensor} is ${o.dtype as DType}`);
  if (!o.index && String(from.shape) === String(o.shape)) return from;
  if (!o.index) return fail(`stage ${s.name} makes [${from.shape}], but output ${o.tensor} is [${o.shape}]`);
  const code = o.index.map((e) => compile(e, new Map(), new Map())), data = others?.data.slice() ?? newArray(o.dtype, sizeOf(o.shape));
  let i = 0;
  for (const index of indicesOf(from.shape)) {
    const env: Env = new Map(s.axes.map((a, d) => [a.name, index[d]!]));
    moment++;
    const to = code.reduce((flat, f, d) => flat * o.shape[d]! + Number(f(env)), 0);
    (data as Writable)[to] = from.data[i++]!;
  }
  return { dtype: o.dtype, shape: o.shape, data };
}
