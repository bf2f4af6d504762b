/** C++ with GCC/Clang vector extensions. One dialect per instruction set: they differ in the function's target attribute. */
import type { Dialect, Form } from "../../compiler/emit/print.ts";
import { pointerTo } from "../../compiler/emit/native.ts";
import { isForOne, isTeamwork, someStmt, usesText, usesVariable, usedBuffers, type Buffer } from "../../compiler/ir/kernel.ts";
import type { Apply, TextOp } from "../../compiler/ir/scalar.ts";
import { cppWords } from "../../compiler/emit/names.ts";
import { isFloat, types, type DType, type Num } from "../../compiler/ir/types.ts";
import type { InstructionSet } from "./isa.ts";

/** The type without a sign, of which arithmetic wraps around, for a result of whole numbers. */
const unsignedOf = (e: Apply): string => (e.lanes > 1 ? `u32x${e.lanes}` : types[e.dtype].c.replace(/^int/, "uint"));
/** Integer arithmetic wraps around: signed overflow would be undefined, and narrow types would widen. */
const wrapping = (infix: string, level: number): Form => ({ by: (e) => {
  const { kind } = types[e.dtype];
  if (kind === "float" || kind === "index") return { infix, level };
  return (_e, type, a, b) => `(${type})((${unsignedOf(e)})${a} ${infix} (${unsignedOf(e)})${b})`;
} });
const f32Vector = (e: Apply) => e.lanes > 1 && e.dtype === "f32";
/** A function of libm, by type; lane by lane where a vector has no better form. */
const libm = (name: string): Form => ({ by: (e) => {
  const f = e.dtype === "f64" ? name : `${name}f`;
  if (e.lanes === 1) return e.dtype === "f32" || e.dtype === "f64" ? { call: f } : (_e, type, ...args) => `(${type})${name}(${args.map((a) => `(double)${a}`).join(", ")})`;
  return (_e, type, a, b) => (b === undefined ? `EACH(${type}, ${e.lanes}, ${a}, ${f})` : `EACH2(${type}, ${e.lanes}, ${a}, ${b}, ${f})`);
} });
const tree = (v: string, lanes: number, f: (a: string, b: string) => string): string => {
  const go = (from: number, n: number): string => (n === 1 ? `${v}[${from}]` : f(go(from, n / 2), go(from + n / 2, n / 2)));
  return go(0, lanes);
};
/** All lanes as one: by halves where there are many, one by one where there are few. Names of what combines vectors and scalars, of f32 and of i32. */
const across = (vector: string, scalar: string, wholes: string, whole: string, f = (x: string, y: string) => `${scalar}(${x}, ${y})`) => (_type: string, a: string, lanes: number, dtype: DType): string =>
  (dtype === "i32" ? `WHOLE${lanes}(${wholes}, ${whole}, ${a})` : lanes > 4 && dtype === "f32" ? `ACROSS${lanes}(${vector}, ${scalar}, ${a})` : tree(a, lanes, f));
function literal(dtype: DType, x: Num): string {
  if (isFloat(dtype)) {
    const v = Number(x), suffix = dtype === "f32" ? "f" : "";
    if (Number.isNaN(v)) return dtype === "f32" ? '__builtin_nanf("")' : '__builtin_nan("")';
    if (!Number.isFinite(v)) return `${v < 0 ? "-" : ""}__builtin_inf${suffix}()`;
    const text = Object.is(v, -0) ? "-0.0" : /[.e]/.test(`${v}`) ? `${v}` : `${v}.0`;
    return text + suffix;
  }
  switch (dtype) {
    case "i64": return BigInt(x) === -(2n ** 63n) ? "INT64_MIN" : `INT64_C(${x})`;
    case "u64": return `UINT64_C(${x})`;
    case "u32": return `${x}u`;
    case "i32": return Number(x) === -(2 ** 31) ? "INT32_MIN" : `${x}`;
    case "bool": return Number(x) ? "true" : "false";
    default: return `${x}`;
  }
}

const onText = (name: string): Form => (_e, _type, ...args) => `${name}(${["text", ...args].join(", ")})`;
/** Functions of the package's own header: strings are their numbers in `text`. */
const texts: Readonly<Record<TextOp, Form>> = {
  textConcat: onText("text_concat"), textUpper: onText("text_upper"), textLower: onText("text_lower"), textPieces: onText("text_pieces"), textPiece: onText("text_piece"),
  textMatches: onText("text_matches"), textIn: onText("text_in"), textOut: onText("text_out"),
};
/** What the package's own header declares for kernels that several tasks run. */
const teamWords: ReadonlySet<string> = new Set([...cppWords, "team", "task", "piece", "at", "take", "meet", "first_of", "enter_at"]);

/** Types of fewer bytes than a word that have lanes, and those of them that are made words in one step. */
const narrow: ReadonlySet<DType> = new Set<DType>(["u8", "i8", "u16"]), isByte = (t: DType): boolean => t === "u8" || t === "i8";
/** The same values, of `lanes` bytes or words, in another type. */
function convertLanes(to: DType, from: DType, lanes: number, a: string): string {
  const direct = (t: DType, x: string) => `__builtin_convertvector(${x}, ${t}x${lanes})`;
  if (isByte(to) && isByte(from)) return `((${to}x${lanes})(${a}))`;
  if (isByte(from) && to !== "u16") { const word = `WIDEN${lanes}(${from}, ${a})`; return to === "i32" ? word : direct(to, word); }
  if (isByte(to) && from !== "u16") return `NARROW${lanes}(${to}, ${from === "i32" ? a : direct("i32", a)})`;
  return direct(to, a);
}

/** C++17 with GCC's vector extensions: functions that carry the target attribute of the set. With `tasks`, kernels may be told which of how many runs them. */
export const cpp = (set: InstructionSet, tasks = 1): Dialect => ({
  name: `c++ ${set.name}`,
  reserved: tasks > 1 ? teamWords : cppWords,
  type: (dtype, lanes) => (lanes > 1 ? `${isFloat(dtype) || narrow.has(dtype) ? dtype : "i32"}x${lanes}` : types[dtype].c),
  ops: {
    add: wrapping("+", 4), sub: wrapping("-", 4), mul: wrapping("*", 5), div: { infix: "/", level: 5 },
    quo: { infix: "/", level: 5 }, rem: { infix: "%", level: 5 },
    fmod: { by: (e) => (isFloat(e.dtype) ? libm("fmod") : { infix: "%", level: 5 }) },
    min: (e, type, a, b) => (f32Vector(e) && set.lanes > 4 ? `SMALLER(${type}, ${a}, ${b})` : `(${b} < ${a} ? ${b} : ${a})`),
    max: (e, type, a, b) => (f32Vector(e) && set.lanes > 4 ? `LARGER(${type}, ${a}, ${b})` : `(${a} < ${b} ? ${b} : ${a})`),
    neg: (e, type, a) => (isFloat(e.dtype) || e.dtype === "index" ? `(-${a})` : `(${type})(-(${unsignedOf(e)})${a})`),
    abs: {
      by: (e) => (isFloat(e.dtype) && e.lanes === 1 ? libm("fabs") : f32Vector(e)
        ? (_e, type, a) => `((${type})((i32x${e.lanes})${a} & 0x7fffffff))` : (_e, type, a) => (types[e.dtype].kind === "uint" ? a : `(${type})(${a} < 0 ? -(${unsignedOf(e)})${a} : (${unsignedOf(e)})${a})`)),
    },
    exp: libm("exp"), log: libm("log"), erf: libm("erf"), sin: libm("sin"), cos: libm("cos"), tan: libm("tan"),
    asin: libm("asin"), acos: libm("acos"), atan: libm("atan"), sinh: libm("sinh"), cosh: libm("cosh"), tanh: libm("tanh"),
    asinh: libm("asinh"), acosh: libm("acosh"), atanh: libm("atanh"),
    pow: { by: (e) => (isFloat(e.dtype) ? libm("pow") : (_e, type, a, b) => `(${type})${types[e.dtype].kind === "uint" ? "whole" : "signed"}_power(${a}, ${b})`) },
    floor: libm("floor"), ceil: libm("ceil"), trunc: libm("trunc"), round: libm("rint"),
    sqrt: { by: (e) => (f32Vector(e) && set.lanes > 4 ? (_e, type, a) => `ROOT(${type}, ${e.lanes}, ${a})` : libm("sqrt")) },
    less: { infix: "<", level: 2 }, lessEqual: { infix: "<=", level: 2 },
    /** Compilers warn of a comparison beside == that has no parentheses. */
    equal: { by: (e) => (e.args[0]!.dtype === "bool" ? (_e, _type, a, b) => `(${a} == ${b})` : { infix: "==", level: 1 }) },
    and: (e, type, a, b) => (e.dtype === "bool" && e.lanes === 1 ? `(${a} && ${b})` : e.lanes > 1 ? `(${a} & ${b})` : `(${type})(${a} & ${b})`),
    or: (e, type, a, b) => (e.dtype === "bool" && e.lanes === 1 ? `(${a} || ${b})` : e.lanes > 1 ? `(${a} | ${b})` : `(${type})(${a} | ${b})`),
    xor: (e, type, a, b) => (e.dtype === "bool" && e.lanes === 1 ? `(${a} != ${b})` : e.lanes > 1 ? `(${a} ^ ${b})` : `(${type})(${a} ^ ${b})`),
    not: (e, _type, a) => (e.lanes > 1 ? `(~${a})` : `(!${a})`),
    bitNot: (e, type, a) => (e.lanes > 1 ? `(~${a})` : `(${type})(~${a})`),
    shl: (e, type, a, b) => `(${type})((${unsignedOf(e)})${a} << ${b})`,
    shr: (_e, type, a, b) => `(${type})(${a} >> ${b})`,
    select: (_e, _type, c, a, b) => `(${c} ? ${a} : ${b})`,
    ...texts,
    bits: (e, type, a) => (e.lanes > 1 ? `((${type})(${a}))` : `bits_to_float(${a})`),
    toBits: (e, type, a) => (e.lanes > 1 ? `((${type})(${a}))` : `float_to_bits(${a})`),
    bits64: { call: "bits_to_double" }, toBits64: { call: "double_to_bits" },
    fromHalf: (e, type, a) => (e.lanes > 1 ? `FROM_HALF(${type}, ${a})` : `from_half(${a})`), toHalf: (e, type, a) => (e.lanes > 1 ? `TO_HALF(${type}, ${a})` : `to_half(${a})`),
    word: (_e, _type, ...bytes) => `word_of_bytes(${bytes.join(", ")})`,
    dotBytes: (e, _type, sum, a, b) => `dot_bytes${e.lanes > 1 ? e.lanes : ""}${e.lanes > 2 ? set.dots ?? "" : ""}(${sum}, ${a}, ${b})`,
  },
  lanes: {
    /** x - 0 is x, bit for bit; x + 0 is not, and would cost an addition. */
    splat: (type, a, _lanes, dtype) => (dtype === "bool" ? `(${type}{} - (int32_t)(${a}))` : a === "0.0f" ? `${type}{}` : `(${a} - ${type}{})`),
    sumLanes: across("PLUS", "plus", "PLUS", "sum_of", (x, y) => `(${x} + ${y})`), mulLanes: across("TIMES", "times", "TIMES", "product_of", (x, y) => `(${x} * ${y})`),
    maxLanes: across("LARGER", "larger", "LARGEST", "largest"), minLanes: across("SMALLER", "smaller", "SMALLEST", "smallest"),
  },
  cast: (to, from, lanes, a) => {
    if (lanes > 1) return to === "bool" ? `(${a} != 0)` : from === "bool" ? convertLanes(to, "i32", lanes, `-(${a})`) : convertLanes(to, from, lanes, a);
    return to === "bool" ? `((${a}) != 0)` : `(${types[to].c})(${a})`;
  },
  build: (type, elements) => `(${type}{${elements.join(", ")}})`,
  zip: (dtype, lanes, a, b) => `ZIP${lanes}(${dtype}, ${a}, ${b})`,
  literal,
  loadWord: ({ name }, at) => `*(const word*)(${name} + ${at})`,
  load: ({ name }, at, type, lanes) => (lanes > 1 ? `*(const ${type}*)(${name} + ${at})` : `${name}[${at}]`),
  store: ({ name }, at, value, type, lanes) => (lanes > 1 ? `*(${type}*)(${name} + ${at}) = ${value};` : `${name}[${at}] = ${value};`),
  declare: (type, name, value, mutable) => `${mutable ? "" : "const "}${type} ${name} = ${value};`,
  loop: (i, n, _parallel, few) => `ROLLED for (ptrdiff_t ${i} = 0; ${i} < ${few ? `HIDDEN(${n})` : n}; ++${i}) {`,
  tasks: {
    loop: (i, n, { before, each, whole }) => {
      const from = before === "0" ? "at.from" : `at.from - ${before}`, to = before === "0" ? "at.to" : `at.to - ${before}`;
      return `ROLLED for (ptrdiff_t ${i} = ${whole ? "enter_at" : "first_of"}(${from}, ${each}, ${n}), ${i}_end = first_of(${to}, ${each}, ${n}); ${i} < ${i}_end; ++${i}) {`;
    },
    phase: (work, grain) => `for (piece at = {0, 0}; take(team, task, ${work}, ${grain}, &at);) {`,
    alone: "if (task == 0) {",
    barrier: "meet(team);",
  },
  index: { "group.x": "0", "group.y": "0", "group.z": "0", "lane.x": "0", "lane.y": "0" },
  /** Results are asked for in the first level, what is read once per tile row in the second. */
  prefetch: (buffer, at, soon) => `__builtin_prefetch(${buffer.name} + ${at}, ${buffer.space === "out" ? "1, 3" : soon ? "0, 3" : "0, 2"});`,
  barrier: "",
  settled: "SETTLED;",
  open: (k) => {
    const used = usedBuffers(k);
    const parameter = (b: Buffer) => `${pointerTo(types[b.dtype].c, b.space === "in")}${b.aliased ? "" : " __restrict"}${used.has(b.name) ? ` ${b.name}` : ""}`;
    // One list of numbers serves all instruction sets, too.
    const numbers = (k.params ?? []).map((p) => `ptrdiff_t${usesVariable(k, p.name) ? ` ${p.name}` : ""}`);
    return `static ${set.attribute ? `${set.attribute} ` : ""}void ${k.name}(${[...k.buffers.map(parameter), ...numbers, ...(usesText(k) ? ["text_heap* text"] : []), ...(isTeamwork(k) ? [`team_of_tasks*${someStmt(k.body, (s) => s.kind === "barrier" || (s.kind === "phase" && !isForOne(s))) ? " team" : ""}`, "int task"] : [])].join(", ")}) {`;
  },
  close: "}",
});
