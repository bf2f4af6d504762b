/** Which operators exist for which kinds of types: the table behind both verifiers. */
import { children, show, type Expr, type ScalarOp } from "./scalar.ts";
import { isSmallFloat } from "./formats.ts";
import { types, type DType, type Kind } from "./types.ts";

/** What an operator takes: how many arguments of one type, and of which kinds; or, each by itself, what `args` says. */
interface Signature { readonly arity: number; readonly kinds: readonly Kind[]; readonly args?: readonly (DType | "same")[] }
const number: readonly Kind[] = ["float", "int", "uint", "index"], whole: readonly Kind[] = ["int", "uint"], float: readonly Kind[] = ["float"], text: readonly Kind[] = ["text"];
const unary = (kinds: readonly Kind[]): Signature => ({ arity: 1, kinds });
const binary = (kinds: readonly Kind[]): Signature => ({ arity: 2, kinds });
/** For each operator, the arguments it takes. */
export const signatures: Readonly<Record<ScalarOp, Signature>> = {
  add: binary(number), sub: binary(number), mul: binary(number), div: binary(["float", "int", "uint"]),
  quo: binary(["index"]), rem: binary(["index"]), fmod: binary(["float", "int", "uint"]),
  min: binary(number), max: binary(number), neg: unary(number), abs: unary(number),
  exp: unary(float), log: unary(float), sqrt: unary(float), erf: unary(float),
  sin: unary(float), cos: unary(float), tan: unary(float), asin: unary(float), acos: unary(float), atan: unary(float),
  sinh: unary(float), cosh: unary(float), tanh: unary(float), asinh: unary(float), acosh: unary(float), atanh: unary(float),
  pow: binary(["float", "int", "uint"]), floor: unary(float), ceil: unary(float), trunc: unary(float), round: unary(float),
  less: binary(number), lessEqual: binary(number), equal: binary([...number, "bool", "text"]),
  and: binary([...whole, "bool"]), or: binary([...whole, "bool"]), xor: binary([...whole, "bool"]),
  not: unary(["bool"]), bitNot: unary(whole), shl: binary(whole), shr: binary(whole),
  select: { arity: 3, kinds: [...number, "bool", "text"], args: ["bool", "same", "same"] },
  bits: { arity: 1, kinds: ["int"], args: ["i32"] }, toBits: { arity: 1, kinds: float, args: ["f32"] },
  textConcat: { arity: 2, kinds: text, args: ["string", "string"] }, textUpper: { arity: 1, kinds: text, args: ["string"] }, textLower: { arity: 1, kinds: text, args: ["string"] },
  textPieces: { arity: 3, kinds: text, args: ["string", "string", "i32"] }, textPiece: { arity: 4, kinds: text, args: ["string", "string", "i32", "i32"] },
  textMatches: { arity: 2, kinds: text, args: ["string", "string"] },
  textIn: { arity: 1, kinds: text, args: ["chars"] }, textOut: { arity: 1, kinds: text, args: ["string"] },
  bits64: { arity: 1, kinds: ["int"], args: ["i64"] }, toBits64: { arity: 1, kinds: float, args: ["f64"] },
  fromHalf: { arity: 1, kinds: ["uint"], args: ["u16"] }, toHalf: { arity: 1, kinds: float, args: ["f32"] },
  word: { arity: 4, kinds: ["uint"], args: ["u8", "u8", "u8", "u8"] }, dotBytes: { arity: 3, kinds: ["int"], args: ["i32", "i32", "i32"] },
};

function findTypeError(e: Expr): string | null {
  if (e.lanes < 1 || e.lanes > 64 || (e.lanes & (e.lanes - 1)) !== 0) return `no language has vectors of ${e.lanes} lanes: ${show(e)}`;
  switch (e.kind) {
    case "const": return Object.is(types[e.dtype].wrap(e.value), e.value) ? null : `${e.value} is no ${e.dtype}`;
    case "var": return null;
    case "load": {
      const wrong = e.at.find((x) => x.dtype !== "index" || x.lanes !== 1);
      if (e.dtype === "index") return `no buffer holds elements of type index: ${show(e)}`;
      return wrong ? `${show(wrong)} is no index: ${wrong.dtype}x${wrong.lanes}` : null;
    }
    case "apply": return applyError(e.op, e.args, e);
    case "cast": return e.arg.lanes === e.lanes ? null : `lanes differ in ${show(e)}`;
    case "build": return e.elements.some((x) => x.lanes !== 1 || x.dtype !== e.dtype) ? `${show(e)} needs scalars of type ${e.dtype}` : null;
    case "lanes":
      if (e.op === "splat") return e.arg.lanes === 1 ? null : `${show(e)} spreads a vector`;
      return types[e.dtype].kind === "bool" || types[e.dtype].kind === "index" ? `${e.op} does not exist for ${e.dtype}: ${show(e)}` : null;
    default: return e satisfies never;
  }
}
function applyError(op: ScalarOp, args: readonly Expr[], e: Expr): string | null {
  const { arity, kinds, args: each } = signatures[op];
  if (args.length !== arity) return `${op} takes ${arity} arguments, not ${args.length}: ${show(e)}`;
  if (args.some((a, i) => a.lanes !== e.lanes && !(op === "select" && i === 0 && a.lanes === 1))) return `lanes differ in ${show(e)}`;
  const main = args[each ? each.indexOf("same") : 0] ?? args[0]!;
  // Small floats are only stored: they are computed with as f32.
  if (!kinds.includes(types[main.dtype].kind) || (isSmallFloat(main.dtype) && op !== "select")) return `${op} does not exist for ${main.dtype}: ${show(e)}`;
  const i = args.findIndex((a, k) => { const want = each?.[k] ?? "same"; return a.dtype !== (want === "same" ? main.dtype : want); });
  if (i < 0) return null;
  const want = each?.[i] ?? "same";
  return `argument ${i} of ${show(e)} is ${args[i]!.dtype}, not ${want === "same" ? main.dtype : want}`;
}

const sound = new WeakSet<Expr>();
/** The first thing wrong with types or lanes in `e`, arguments before what uses them; null if nothing. Sound expressions are remembered. */
export function typeError(e: Expr): string | null {
  if (sound.has(e)) return null;
  for (const c of children(e)) { const why = typeError(c); if (why) return why; }
  const why = findTypeError(e);
  if (!why) sound.add(e);
  return why;
}
