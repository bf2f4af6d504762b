/** Operators on strings: each element by an operator on text; which strings a StringNormalizer keeps is counted as in Compress. */
import { convert, less, make, not, select } from "../ir/algebra.ts";
import { at, axis, type Axis } from "../ir/compute.ts";
import { int } from "../ir/linear.ts";
import { compilePattern } from "../ir/pattern.ts";
import { inCase, piecesOf, textId, textOf } from "../ir/text.ts";
import { constant, type Expr } from "../ir/scalar.ts";
import { sizeOf, type TensorType } from "../ir/graph.ts";
import { bounded, broadcastInputs, computeOutputs, declared, expectType, forOutputs, showShape } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";

const strings = ["string"] as const, text = (s: string): Expr => constant("string", textId(s)), one = constant("i32", 1), zero = constant("i32", 0), none = constant("i32", -1);
const expectStrings = (n: NodeView): void => n.inputs.forEach((_, i) => expectType(n, i, strings));
const of = (stage: string, index: readonly Expr[]): Expr => at({ name: stage, dtype: "i32" }, ...index);
/** The pattern of a RegexFullMatch. */
function patternOf(n: NodeView): string {
  const pattern = n.string("pattern");
  try { compilePattern(pattern); } catch (e) { n.fail(`the pattern ${JSON.stringify(pattern)} is not supported: ${(e as Error).message}`, "write it in the syntax of RE2"); }
  return pattern;
}
const most = (n: NodeView): number => (n.given("maxsplit") ? n.int("maxsplit") : -1);
function pieceCount(n: NodeView): number {
  const c = n.constant(0), { shape } = n.in(0);
  if (sizeOf(shape) === 0) return 0;
  if (c) return Math.max(...Array.from(c.data as Int32Array, (id) => piecesOf(textOf(id), n.string("delimiter"), most(n)).length));
  const { shape: stated } = declared(n, "string", "the most pieces that a string has");
  return stated.length === shape.length + 1 ? stated.at(-1)! : n.fail(`the model states ${showShape(stated)} for the pieces of ${showShape(shape)}`);
}
const caseOf = (n: NodeView, x: Expr): Expr => {
  const action = n.string("case_change_action");
  return action === "NONE" ? x : make(action === "LOWER" ? "textLower" : "textUpper", x);
};
/** How many strings a StringNormalizer keeps; one empty string where it keeps none. */
function kept(n: NodeView): TensorType {
  const { shape } = n.in(0), stops = n.stringsOr("stopwords") ?? [], c = n.constant(0), size = shape.at(-1)!;
  expectStrings(n);
  if (shape.length === 0 || shape.length > 2 || (shape.length === 2 && shape[0] !== 1)) n.fail(`the strings have the shape ${showShape(shape)}, but it must be [C] or [1, C]`);
  if (!["LOWER", "UPPER", "NONE"].includes(n.string("case_change_action"))) n.fail(`case_change_action is ${n.string("case_change_action")}, but must be LOWER, UPPER or NONE`);
  const plain = (s: string) => (n.int("is_case_sensitive") ? s : inCase(s, false)), stopped = new Set(stops.map(plain));
  const count = c ? Array.from(c.data as Int32Array).filter((id) => !stopped.has(plain(textOf(id)))).length : stops.length === 0 ? size : declared(n, "string", "the number of strings that are no stop words").shape.at(-1)!;
  if (count > Math.max(1, size)) n.fail(`the model states ${count} strings for the result, but there are only ${size}`);
  return { dtype: "string", shape: [...shape.slice(0, -1), Math.max(1, count)] };
}

/** StringConcat, StringSplit, StringNormalizer, RegexFullMatch. */
export const textual: readonly Op[] = [
  {
    name: "StringConcat", since: 20, inputs: [2, 2],
    infer: (n) => { expectStrings(n); return [{ dtype: "string", shape: broadcastInputs(n) }]; },
    lower: (n) => n.map((index) => make("textConcat", n.broadcast(0, index), n.broadcast(1, index))),
  },
  {
    name: "RegexFullMatch", since: 20, inputs: [1, 1], attributes: { pattern: { kind: "string" } },
    infer: (n) => { expectStrings(n); patternOf(n); return [{ dtype: "bool", shape: n.in(0).shape }]; },
    lower: (n) => n.map((index) => make("textMatches", n.load(0, index), text(patternOf(n)))),
  },
  {
    name: "StringSplit", since: 20, inputs: [1, 1], outputs: [1, 2], attributes: { delimiter: { kind: "string", default: "" }, maxsplit: { kind: "int", optional: true } },
    infer: (n) => {
      expectStrings(n);
      return forOutputs(n, [{ dtype: "string", shape: [...n.in(0).shape, pieceCount(n)] }, { dtype: "i64", shape: n.in(0).shape }]);
    },
    lower: (n) => {
      const axes = n.in(0).shape.map((size, d) => axis(`d${d}`, size)), all: readonly Axis[] = [...axes, axis("piece", n.out(0).shape.at(-1)!)];
      const how = [n.load(0, axes), text(n.string("delimiter")), constant("i32", most(n))] as const;
      const piece = { name: "pieces", axes: all, value: make("textPiece", ...how, convert("i32", all.at(-1)!)) };
      const count = { name: "count", axes, value: convert("i64", make("textPieces", ...how)) };
      return computeOutputs(n, n.node.outputs[1] ? [piece, count] : [piece], [piece, count]);
    },
  },
  {
    name: "StringNormalizer", since: 10, inputs: [1, 1],
    attributes: {
      case_change_action: { kind: "string", default: "NONE" }, is_case_sensitive: { kind: "int", default: 0 },
      // Case is changed letter by letter, which is the same everywhere.
      locale: { kind: "string", optional: true }, stopwords: { kind: "strings", optional: true },
    },
    infer: (n) => [kept(n)],
    lower: (n) => {
      const { shape } = n.in(0), size = shape.at(-1)!, stops = n.stringsOr("stopwords") ?? [], axes = n.axes(), element = (i: Expr): Expr => n.load(0, [...shape.slice(0, -1).map(() => int(0)), i]);
      if (size === 0) return n.map(() => text(""));
      if (stops.length === 0) return n.map((index) => caseOf(n, element(index.at(-1)!)));
      const i = axis("i", size), before = axis("k", size), plain = (x: Expr): Expr => (n.int("is_case_sensitive") ? x : make("textLower", x));
      const stopped = stops.map((s) => make("equal", plain(element(i)), text(n.int("is_case_sensitive") ? s : inCase(s, false)))).reduce((a, b) => make("or", a, b));
      const keeps = { name: "keeps", axes: [i], value: select(not(stopped), one, zero) };
      const rank = { name: "rank", axes: [i], value: select(less(before, i), of("keeps", [before]), zero), reduce: { op: "add" as const, axes: [before] } };
      const isIt = make("and", make("equal", of("keeps", [i]), one), make("equal", convert("index", of("rank", [i])), axes.at(-1)!));
      const place = { name: "place", axes, value: select(isIt, convert("i32", i), none), reduce: { op: "max" as const, axes: [i] } }, found = of("place", axes);
      const out = { name: "strings", axes, value: select(less(found, zero), text(""), caseOf(n, element(bounded(convert("index", found), size)))) };
      return n.compute([keeps, rank, place, out]);
    },
  },
];
