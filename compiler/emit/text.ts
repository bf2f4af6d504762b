/** What a C++ package has where its model deals with strings: the model's own, the functions on text that kernels call, the automata of patterns. */
import { commentText, stringLiteral, wrapList } from "./names.ts";
import { children, type Expr, type TextOp } from "../ir/scalar.ts";
import { eachStmt, expressionsOf } from "../ir/kernel.ts";
import type { Program } from "../ir/program.ts";
import { compilePattern } from "../ir/pattern.ts";
import { caseRuns } from "../ir/text.ts";
import { renderShell } from "./shell.ts";
import type { CommonView, StatusView } from "./views/common.ts";

/** The texts of a package's files, and what a context needs for strings beside working memory. */
export interface TextParts { readonly header: string; readonly source: string; readonly memoryBytes: number }
/** The status of a run whose strings do not fit. */
export const textStatus: Omit<StatusView, "code"> = { word: "ERROR_TEXT", text: "the strings need more memory than the library was compiled with: --text-bytes" };

interface Declared { readonly op: TextOp; readonly word: string; readonly result: string; readonly params: readonly string[] }
const number = "int32_t";
const functions: readonly Declared[] = [
  { op: "textIn", word: "in", result: number, params: ["const char*"] }, { op: "textOut", word: "out", result: "const char*", params: [number] },
  { op: "textConcat", word: "concat", result: number, params: [number, number] },
  { op: "textUpper", word: "upper", result: number, params: [number] }, { op: "textLower", word: "lower", result: number, params: [number] },
  { op: "textPieces", word: "pieces", result: number, params: [number, number, number] }, { op: "textPiece", word: "piece", result: number, params: [number, number, number, number] },
  { op: "textMatches", word: "matches", result: "bool", params: [number, number] },
];
/** Operators on text in a program's kernels, and the numbers of its patterns. */
function used(p: Program): { readonly ops: ReadonlySet<string>; readonly patterns: readonly number[] } {
  const ops = new Set<string>(["textIn", "textOut"]), patterns = new Set<number>(), seen = new Set<Expr>();
  const visit = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    if (e.kind === "apply") {
      ops.add(e.op);
      const [, pattern] = e.args;
      if (e.op === "textMatches") patterns.add(pattern?.kind === "const" ? Number(pattern.value) : -1);
    }
    children(e).forEach(visit);
  };
  for (const k of p.kernels) for (const v of Object.values(k.variants)) eachStmt(v.body, (s) => expressionsOf(s).forEach(visit));
  if (ops.has("textPieces") || ops.has("textPiece")) for (const op of ["textPieces", "textPiece"]) ops.add(op);
  return { ops, patterns: [...patterns].sort((a, b) => a - b) };
}
const rows = (list: Iterable<unknown>): readonly string[] => wrapList([...list].map(String), 120);

/** `bytes`: memory for strings that are not the model's own. */
export function textParts(p: Program, common: CommonView, bytes: number): TextParts {
  const { ops, patterns } = used(p), texts = p.texts ?? [], most = texts.length + Math.ceil(bytes / 16), slots = 2 ** Math.ceil(Math.log2(2 * most));
  const memoryBytes = Math.ceil((most * 12 + slots * 4 + bytes) / 64) * 64, there = functions.filter((f) => ops.has(f.op));
  const view = there.map((f) => ({ ...f, names: f.params.map((type, i) => ({ type, name: "abcd"[i]! })) }));
  const cases = (["upper", "lower"] as const).filter((word) => ops.has(word === "upper" ? "textUpper" : "textLower")).map((word) => ({
    word, rows: rows(caseRuns(word === "upper").map((r) => `{${r.first}, ${r.last}, ${r.step}, ${r.by}}`)),
  }));
  const automata = patterns.map((pattern) => {
    const a = compilePattern(texts[pattern]!);
    return { pattern, comment: commentText(texts[pattern]!), width: a.classes, classes: rows(a.classOf), next: rows(a.next), accepts: rows(a.accepts) };
  });
  return {
    memoryBytes,
    header: renderShell("cpp/text.h", { ...common, functions: view }).trimEnd(),
    source: renderShell("cpp/text.cpp", {
      ...common, texts: texts.map(stringLiteral), most, slots, bytes, memoryBytes, concat: ops.has("textConcat"), pieces: ops.has("textPiece"), cases, automata,
    }).trimEnd(),
  };
}
