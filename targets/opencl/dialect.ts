/** OpenCL C 1.2. Lanes of f32 and i32 are vectors; truths in lanes are masks of ints, all bits set where true. */
import { noText, type Dialect, type Form } from "../../compiler/emit/print.ts";
import { argumentsOf, eachStmt, usedBuffers, type Buffer, type Kernel } from "../../compiler/ir/kernel.ts";
import { isFloat, types, type DType, type Num } from "../../compiler/ir/types.ts";
import { openclWords } from "./words.ts";

const scalar: Readonly<Record<DType, string>> = {
  f32: "float", f64: "double", i8: "char", i16: "short", i32: "int", i64: "long", u8: "uchar", u16: "ushort", u32: "uint", u64: "ulong", bool: "uchar", index: "int", string: "int", chars: "ulong",
  f16: "ushort", bf16: "ushort", f8e4m3fn: "uchar", f8e4m3fnuz: "uchar", f8e5m2: "uchar", f8e5m2fnuz: "uchar", f8e8m0: "uchar", f4e2m1: "uchar", i4: "char", u4: "uchar", i2: "char", u2: "uchar",
};
/** Vectors of truths are masks. */
const nameOf = (t: DType, lanes: number): string => (lanes > 1 ? `${t === "bool" ? "int" : scalar[t]}${lanes}` : scalar[t]);
/** No pass makes these for devices. */
const noDots = (): string => { throw new Error("sums of products of bytes are those of integers here"); };
/** What a kernel may call, printed where it is called. Powers of integers wrap around. */
export const helpers: Readonly<Record<string, string>> = {
  whole_power: "static inline ulong whole_power(ulong a, ulong n) {\n  ulong r = 1;\n  for (; n; n >>= 1, a *= a) r = n & 1 ? r * a : r;\n  return r;\n}\n",
  signed_power: "static inline long signed_power(long a, long n) {\n  if (n < 0) return a == 1 ? 1 : a == -1 ? (n % 2 ? -1 : 1) : 0;\n  return (long)whole_power((ulong)a, (ulong)n);\n}\n",
};

/** The unsigned type in which arithmetic of a narrow or signed type is done without overflow. */
const wide = (t: DType): string => (types[t].bytes === 8 ? "ulong" : "uint");
/** Integers wrap around: signed overflow would be undefined, and narrow types would widen. */
const wrapping = (infix: string, level: number): Form => ({ by: (e) => {
  const { kind } = types[e.dtype];
  if (kind === "float" || kind === "index") return { infix, level };
  if (e.lanes > 1) return (_e, type, a, b) => `as_${type}(as_uint${e.lanes}(${a}) ${infix} as_uint${e.lanes}(${b}))`;
  return (_e, type, a, b) => `(${type})((${wide(e.dtype)})${a} ${infix} (${wide(e.dtype)})${b})`;
} });
/** Narrow types widen in arithmetic. */
const narrowed = (infix: string, level: number): Form => ({ by: (e) => (e.lanes > 1 || types[e.dtype].bytes >= 4 ? { infix, level } : (_e, type, a, b) => `(${type})(${a} ${infix} ${b})`) });
const call = (name: string): Form => ({ call: name });
/** Truths that are scalars are 0 and 1, those in lanes are masks. */
const logical = (forTruths: string, forBits: string): Form => (e, type, a, b) =>
  e.dtype === "bool" && e.lanes === 1 ? `(${a} ${forTruths} ${b})` : e.lanes > 1 ? `(${a} ${forBits} ${b})` : `(${type})(${a} ${forBits} ${b})`;
const atom = (text: string): string => (/^\w+$/.test(text) ? text : `(${text})`);
/** All lanes combined in a balanced tree, which sums more exactly than a chain. */
const tree = (v: string, lanes: number, f: (a: string, b: string) => string): string => {
  const whole = atom(v), go = (from: number, n: number): string => (n === 1 ? `${whole}.s${from.toString(16)}` : f(go(from, n / 2), go(from + n / 2, n / 2)));
  return go(0, lanes);
};
function literal(dtype: DType, x: Num): string {
  if (isFloat(dtype)) {
    const v = Number(x), single = dtype === "f32";
    if (Number.isNaN(v)) return single ? "NAN" : "(double)NAN";
    if (!Number.isFinite(v)) return `(${v < 0 ? "-" : ""}${single ? "" : "(double)"}INFINITY)`;
    return `${Object.is(v, -0) ? "-0.0" : /[.e]/.test(`${v}`) ? `${v}` : `${v}.0`}${single ? "f" : ""}`;
  }
  switch (dtype) {
    case "i64": return BigInt(x) === -(2n ** 63n) ? "LONG_MIN" : `${x}L`;
    case "u64": return `${x}UL`;
    case "u32": return `${x}u`;
    case "i32": return Number(x) === -(2 ** 31) ? "INT_MIN" : `${x}`;
    default: return `${x}`;
  }
}
function cast(to: DType, from: DType, lanes: number, a: string): string {
  if (to === "bool") return `(${atom(a)} != 0)`;
  if (lanes === 1) return `(${scalar[to]})${atom(a)}`;
  return from === "bool" ? `convert_${nameOf(to, lanes)}(-${atom(a)})` : `convert_${nameOf(to, lanes)}(${a})`;
}
/** Two names for each argument: where its memory begins, and how many elements behind that the buffer does. */
function argumentNames(k: Kernel): (b: Buffer) => readonly [base: string, at: string] {
  const taken = new Set([...k.buffers.map((b) => b.name), ...(k.params ?? []).map((p) => p.name)]);
  eachStmt(k.body, (s) => { if (s.kind === "for" || s.kind === "let") taken.add(s.name); });
  const free = (name: string): string => (taken.has(name) ? free(`${name}_`) : name);
  return (b) => [free(`${b.name}_base`), free(`${b.name}_at`)];
}
/**
 * The arguments that the kernel uses, in the order in which each gives two: the memory object, and an int, the elements before it.
 * Then come the kernel's params, as ints.
 */
export function usedArguments(k: Kernel): readonly Buffer[] {
  const used = usedBuffers(k);
  return argumentsOf(k).filter((b) => used.has(b.name));
}

/** OpenCL C 1.2. Groups count on from the global offset, so that a launch can be cut into several. */
export const opencl: Dialect = {
  name: "opencl",
  reserved: openclWords,
  type: nameOf,
  ops: {
    add: wrapping("+", 4), sub: wrapping("-", 4), mul: wrapping("*", 5), div: narrowed("/", 5),
    quo: { infix: "/", level: 5 }, rem: { infix: "%", level: 5 },
    fmod: { by: (e) => (isFloat(e.dtype) ? call("fmod") : narrowed("%", 5)) },
    // Not fmin and fmax, which drop a NaN.
    min: (_e, _type, a, b) => `(${b} < ${a} ? ${b} : ${a})`, max: (_e, _type, a, b) => `(${a} < ${b} ? ${b} : ${a})`,
    neg: (e, type, a) => (isFloat(e.dtype) || e.dtype === "index" ? `(-${a})` : e.lanes > 1 ? `as_${type}(-as_uint${e.lanes}(${a}))` : `(${type})(-(${wide(e.dtype)})${a})`),
    abs: { by: (e) => (isFloat(e.dtype) ? call("fabs") : types[e.dtype].kind === "uint" ? (_e, _type, a) => a : e.lanes > 1 ? (_e, type, a) => `as_${type}(abs(${a}))` : (_e, type, a) => `(${type})abs(${a})`) },
    exp: call("exp"), log: call("log"), sqrt: call("sqrt"), erf: call("erf"), sin: call("sin"), cos: call("cos"), tan: call("tan"),
    asin: call("asin"), acos: call("acos"), atan: call("atan"), sinh: call("sinh"), cosh: call("cosh"), tanh: call("tanh"),
    asinh: call("asinh"), acosh: call("acosh"), atanh: call("atanh"),
    pow: { by: (e) => (isFloat(e.dtype) ? call("pow") : (_e, type, a, b) => `(${type})${types[e.dtype].kind === "uint" ? "whole" : "signed"}_power(${a}, ${b})`) },
    floor: call("floor"), ceil: call("ceil"), trunc: call("trunc"), round: call("rint"),
    less: { infix: "<", level: 2 }, lessEqual: { infix: "<=", level: 2 },
    equal: { by: (e) => (e.args[0]!.dtype === "bool" ? (_e, _type, a, b) => `(${a} == ${b})` : { infix: "==", level: 1 }) },
    and: logical("&&", "&"), or: logical("||", "|"), xor: logical("!=", "^"),
    not: (e, _type, a) => (e.lanes > 1 ? `(~${a})` : `(!${a})`),
    bitNot: (e, type, a) => (e.lanes > 1 ? `(~${a})` : `(${type})(~${a})`),
    shl: (e, type, a, b) => (e.lanes > 1 ? `as_${type}(as_uint${e.lanes}(${a}) << as_uint${e.lanes}(${b}))` : `(${type})((${wide(e.dtype)})${a} << ${b})`),
    shr: (e, type, a, b) => (e.lanes > 1 ? `(${a} >> ${b})` : `(${type})(${a} >> ${b})`),
    select: (_e, _type, c, a, b) => `(${c} ? ${a} : ${b})`,
    ...noText,
    bits: (_e, type, a) => `as_${type}(${a})`, toBits: (_e, type, a) => `as_${type}(${a})`,
    bits64: call("as_double"), toBits64: call("as_long"),
    // Of a value that has a name; see loadHalf.
    fromHalf: (e, _type, a) => `vload_half${e.lanes > 1 ? e.lanes : ""}(0, (const __private half*)&${a})`, toHalf: () => { throw new Error("f16 is made by arithmetic on bits"); },
    word: noDots, dotBytes: noDots,
  },
  lanes: {
    splat: (type, a, _lanes, dtype) => (dtype === "bool" ? `(${type})(-${atom(a)})` : `(${type})(${a})`),
    sumLanes: (_, a, lanes) => tree(a, lanes, (x, y) => `(${x} + ${y})`),
    mulLanes: (_, a, lanes) => tree(a, lanes, (x, y) => `(${x} * ${y})`),
    maxLanes: (_, a, lanes) => tree(a, lanes, (x, y) => `(${x} < ${y} ? ${y} : ${x})`),
    minLanes: (_, a, lanes) => tree(a, lanes, (x, y) => `(${y} < ${x} ? ${y} : ${x})`),
  },
  cast,
  build: (type, elements) => `(${type})(${elements.join(", ")})`,
  literal,
  // Halves are only a form in memory: no device needs to compute with them.
  loadHalf: ({ name }, at, lanes) => (lanes > 1 ? `vload_half${lanes}(0, (const __global half*)${name} + ${at})` : `vload_half(${at}, (const __global half*)${name})`),
  load: ({ name }, at, _type, lanes) => (lanes > 1 ? `vload${lanes}(0, ${name} + ${at})` : `${name}[${at}]`),
  store: ({ name }, at, value, _type, lanes) => (lanes > 1 ? `vstore${lanes}(${value}, 0, ${name} + ${at});` : `${name}[${at}] = ${value};`),
  declare: (type, name, value, mutable) => `${mutable ? "" : "const "}${type} ${name} = ${value};`,
  loop: (i, n) => `for (int ${i} = 0; ${i} < ${n}; ++${i}) {`,
  index: {
    "group.x": group(0), "group.y": group(1), "group.z": group(2), "lane.x": "(int)get_local_id(0)", "lane.y": "(int)get_local_id(1)",
  },
  prefetch: () => "",
  barrier: "barrier(CLK_LOCAL_MEM_FENCE);",
  settled: "",
  open: (k, size, shared) => {
    const names = argumentNames(k), buffers = usedArguments(k);
    const pointer = (b: Buffer) => `__global ${b.space === "in" ? "const " : ""}${scalar[b.dtype]}*`;
    const parameters = [...buffers.map((b) => { const [base, at] = names(b); return `${pointer(b)} ${base}, const int ${at}`; }), ...(k.params ?? []).map((p) => `const int ${p.name}`)];
    return [
      `__kernel __attribute__((reqd_work_group_size(${size["lane.x"] || 1}, ${size["lane.y"] || 1}, 1)))`, `void ${k.name}(${parameters.join(", ")}) {`,
      ...buffers.map((b) => { const [base, at] = names(b); return `  ${pointer(b)}${b.aliased ? "" : " restrict"} ${b.name} = ${base} + ${at};`; }),
      ...shared.map((b) => `  __local ${scalar[b.dtype]} ${b.name}[${b.size}];`),
    ].join("\n");
  },
  close: "}",
};
/** The offset is a number for the whole launch, which compilers keep out of the lanes' registers. */
function group(dimension: number): string {
  return `(int)(get_global_offset(${dimension}) / get_local_size(${dimension}) + get_group_id(${dimension}))`;
}
