/** WGSL, for Tint and naga. One dialect per kernel: where its buffers lie decides how they are read. */
import { noText, type Dialect, type Form } from "../../compiler/emit/print.ts";
import type { Buffer } from "../../compiler/ir/kernel.ts";
import { fail, type Apply, type Expr } from "../../compiler/ir/scalar.ts";
import { isFloat, types, type DType, type Num } from "../../compiler/ir/types.ts";
import { preambleNames } from "./preamble.ts";
import { wgslWords } from "./words.ts";

/** What a word of memory holds. */
export type Word = "f32" | "i32" | "u32";
/** A variable of the module that holds a buffer, or several that overlap. */
export interface Home {
  readonly name: string;
  readonly element: Word;
  /** Whether it is an array of vectors of four elements. */
  readonly quads: boolean;
  /** Where the buffer begins in it, in elements: a multiple of 4 among quads. Addresses of four elements are then counted in quads. */
  readonly offset: number;
}
const spelled: Partial<Record<DType, string>> = { f32: "f32", i32: "i32", u32: "u32", bool: "bool", index: "i32" };
const wordOf = (t: DType): string => spelled[t] ?? fail(`WGSL has no ${t}: store-types makes another type of it`);
/** A type's name. Vectors have 2 or 4 lanes. */
export function typeName(dtype: DType, lanes: number): string {
  if (lanes === 1) return wordOf(dtype);
  return lanes === 2 || lanes === 4 ? `vec${lanes}<${wordOf(dtype)}>` : fail(`WGSL has no vectors of ${lanes} lanes`);
}
const suffix = (lanes: number): string => (lanes > 1 ? `${lanes}` : "");
/** A function of the preamble, which has one for each width. */
const ours = (name: string): Form => (e, _type, ...args) => `${name}${suffix(e.lanes)}(${args.join(", ")})`;
const missing = (name: string): Form => () => fail(`WGSL has no ${name}: it is written out before printing`);
/** Operators on bits and truths may not stand beside others without parentheses. */
const sign = (infix: string): Form => (_e, _type, a, b) => `(${a} ${infix} ${b})`;
const amounts = (e: Apply): string => typeName("u32", e.lanes);
const isZero = (e: Expr): boolean => (e.kind === "const" ? Number(e.value) === 0 : e.kind === "lanes" && e.op === "splat" && isZero(e.arg));
const scalar = (e: Apply): Apply => (e.lanes === 1 ? e : fail(`${e.op} of ${e.lanes} lanes of ${e.dtype} has no spelling in WGSL`));
const least = (call: string, float: string): Form => ({ by: (e) => (isFloat(e.dtype) ? ours(float) : { call }) });

function literal(dtype: DType, x: Num): string {
  const v = Number(x);
  switch (dtype) {
    case "f32":
      if (Number.isNaN(v)) return "bitcast<f32>(nan_bits)";
      if (!Number.isFinite(v)) return `bitcast<f32>(${v < 0 ? "minus_" : ""}infinity_bits)`;
      return Object.is(v, -0) ? "-0.0f" : /[.e]/.test(`${v}`) ? `${v}f` : `${v}.0f`;
    case "i32": return v === -(2 ** 31) ? "i32(-2147483648)" : `${v}i`;
    case "u32": return `${v}u`;
    case "bool": return v ? "true" : "false";
    case "index": return `${v}`;
    default: return fail(`WGSL has no ${dtype}`);
  }
}
function cast(to: DType, from: DType, lanes: number, a: string): string {
  const type = typeName(to, lanes), kind = types[from].kind;
  // NaN is true, but not on all devices different from 0.
  if (to === "bool") return from === "bool" ? a : `(!(${a} == ${lanes > 1 ? `${typeName(from, lanes)}(${literal(from, 0)})` : literal(from, 0)}))`;
  if (kind !== "float" || to === "f32") return typeName(from, lanes) === type ? `(${a})` : `${type}(${a})`;
  if (to === "index") return `${type}(${a})`;
  const word = `whole_word${suffix(lanes)}(${a})`;
  return to === "u32" ? word : `bitcast<${type}>(${word})`;
}

/**
 * The dialect for a kernel whose buffers lie in `homes`, by name. `declared` are the declarations of the variables that
 * they lie in, `fresh` makes a name for a function that no other module-level name is; `barrier` orders what the kernel shares, and `first` are the lines with which it begins.
 */
export function wgsl(homes: ReadonlyMap<string, Home>, declared: readonly string[], fresh: (name: string) => string, barrier: string, first: readonly string[] = []): Dialect {
  /** Functions that put vectors together, made when they are first needed: their names by home and width. */
  const readers = new Map<string, { readonly name: string; readonly text: string }>();
  const homeOf = (b: Buffer): Home => homes.get(b.name) ?? fail(`${b.name} is used, but has no place`);
  const from = (h: Home, at: string): string => (h.offset ? (/^\d+$/.test(at) ? `${Number(at) + h.offset}` : `${at} + ${h.offset}`) : at);
  const quadAt = (h: Home, at: string): string => from({ ...h, offset: h.offset / 4 }, at);
  /** An element among quads: by its quad and its place there. */
  const element = (h: Home, at: string): string => {
    const { name, quads } = h;
    if (!quads) return `${name}[${at}]`;
    return /^\d+$/.test(at) ? `${name}[${Math.floor(Number(at) / 4)}][${Number(at) % 4}]` : `${name}[${at} >> 2u][${at} & 3]`;
  };
  const reader = (h: Home, lanes: number): string => {
    const key = `${h.name} ${lanes}`, known = readers.get(key);
    if (known) return known.name;
    const name = fresh(`${h.name}_${lanes}`), type = typeName(h.element, lanes);
    const each = Array.from({ length: lanes }, (_, i) => (h.quads ? `${h.name}[(at + ${i}) >> 2u][(at + ${i}) & 3]` : `${h.name}[at + ${i}]`));
    const value = lanes === 1 ? `${h.name}[at >> 2u][at & 3]` : `${type}(${each.join(", ")})`;
    readers.set(key, { name, text: `fn ${name}(at: i32) -> ${type} { return ${value}; }` });
    return name;
  };
  const as = (type: string, have: string, text: string): string => (type === have ? text : `bitcast<${type}>(${text})`);
  return {
    name: "wgsl",
    reserved,
    type: typeName,
    ops: {
      add: { infix: "+", level: 4 }, sub: { infix: "-", level: 4 }, mul: { infix: "*", level: 5 },
      div: { by: (e) => {
        if (isFloat(e.dtype)) return { infix: "/", level: 5 };
        const [, b] = e.args as [Expr, Expr];
        if (isZero(b)) return () => literal(e.dtype, 0);
        return b.kind === "const" ? { infix: "/", level: 5 } : (x, _type, a, c) => `quotient_${x.dtype}${x.lanes > 1 ? `_${x.lanes}` : ""}(${a}, ${c})`;
      } },
      quo: { infix: "/", level: 5 }, rem: { infix: "%", level: 5 },
      fmod: { by: (e) => (isFloat(e.dtype) ? ours("float_rest") : isZero(e.args[1]!) ? () => literal(e.dtype, 0) : { infix: "%", level: 5 }) },
      min: least("min", "smaller"), max: least("max", "larger"),
      neg: (e, type, a) => (e.dtype === "u32" ? `(${type}(0u) - ${a})` : `(-${a})`), abs: { call: "abs" },
      exp: ours("exponential"), log: { call: "log" }, sqrt: { call: "sqrt" }, erf: missing("erf"),
      sin: { call: "sin" }, cos: { call: "cos" }, tan: { call: "tan" }, asin: { call: "asin" }, acos: { call: "acos" }, atan: { call: "atan" },
      sinh: { call: "sinh" }, cosh: { call: "cosh" }, tanh: { call: "tanh" }, asinh: { call: "asinh" }, acosh: { call: "acosh" }, atanh: { call: "atanh" },
      pow: { by: (e) => (isFloat(e.dtype) ? { call: "pow" } : (x, _type, a, b) => `power_${scalar(x).dtype}(${a}, ${b})`) },
      floor: { call: "floor" }, ceil: { call: "ceil" }, trunc: { call: "trunc" }, round: { call: "round" },
      less: { infix: "<", level: 1 }, lessEqual: { infix: "<=", level: 1 },
      equal: { by: (e) => (e.args[0]!.dtype === "bool" ? sign("==") : { infix: "==", level: 1 }) },
      and: { by: (e) => sign(e.dtype === "bool" && e.lanes === 1 ? "&&" : "&") }, or: { by: (e) => sign(e.dtype === "bool" && e.lanes === 1 ? "||" : "|") },
      xor: { by: (e) => sign(e.dtype === "bool" ? "!=" : "^") },
      not: (_e, _type, a) => `(!${a})`, bitNot: (_e, _type, a) => `(~${a})`,
      shl: (e, _type, a, b) => `(${a} << ${amounts(e)}(${b}))`, shr: (e, _type, a, b) => `(${a} >> ${amounts(e)}(${b}))`,
      select: { call: "select", order: [2, 1, 0] },
      ...noText,
      bits: (_e, type, a) => `bitcast<${type}>(${a})`, toBits: (_e, type, a) => `bitcast<${type}>(${a})`,
      bits64: missing("bits64"), toBits64: missing("toBits64"), fromHalf: missing("fromHalf"), toHalf: missing("toHalf"), word: missing("word"), dotBytes: missing("dotBytes"),
    },
    lanes: {
      splat: (type, a) => `${type}(${a})`,
      sumLanes: (_type, a, lanes, dtype) => `dot(${a}, ${typeName(dtype, lanes)}(${literal(dtype, 1)}))`,
      mulLanes: (_type, a, lanes) => `product_lanes${lanes}(${a})`,
      maxLanes: (_type, a, lanes) => `largest_lane${lanes}(${a})`, minLanes: (_type, a, lanes) => `smallest_lane${lanes}(${a})`,
    },
    cast,
    build: (type, elements) => `${type}(${elements.join(", ")})`,
    literal,
    load: (b, at, type, lanes) => {
      const h = homeOf(b), have = typeName(h.element, lanes), fixed = /^\d+$/.test(at);
      if (lanes === 1 && (!h.quads || fixed)) return as(type, have, element(h, from(h, at)));
      return as(type, have, lanes === 4 && h.quads ? `${h.name}[${quadAt(h, at)}]` : `${reader(h, lanes)}(${from(h, at)})`);
    },
    store: (b, at, value, type, lanes) => {
      const h = homeOf(b), have = typeName(h.element, lanes);
      if (lanes === 1) return `${element(h, from(h, at))} = ${as(have, type, value)};`;
      if (h.quads) return `${h.name}[${quadAt(h, at)}] = ${as(have, type, value)};`;
      const each = Array.from({ length: lanes }, (_, i) => `${h.name}[place_ + ${i}] = quad_[${i}];`);
      return `{ let place_: i32 = ${from(h, at)}; let quad_: ${have} = ${as(have, type, value)}; ${each.join(" ")} }`;
    },
    declare: (type, name, value, mutable) => `${mutable ? "var" : "let"} ${name}: ${type} = ${value};`,
    loop: (i, n) => `for (var ${i}: i32 = 0; ${i} < ${n}; ${i}++) {`,
    index: { "group.x": "i32(group_id.x)", "group.y": "i32(group_id.y)", "group.z": "i32(group_id.z)", "lane.x": "i32(lane_id.x)", "lane.y": "i32(lane_id.y)" },
    prefetch: () => "",
    barrier,
    settled: "",
    open: (k, size) => [
      ...declared, ...[...readers.values()].map((r) => r.text),
      `@compute @workgroup_size(${size["lane.x"] ?? 1}, ${size["lane.y"] ?? 1})`,
      `fn ${k.name}(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(local_invocation_id) lane_id: vec3<u32>) {`, ...first,
    ].join("\n"),
    close: "}",
  };
}
/** What no name of a kernel may be. */
export const reserved: ReadonlySet<string> = new Set([...wgslWords, ...preambleNames]);
