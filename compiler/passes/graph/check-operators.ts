/** What a model asks for that mlc cannot do: found for all nodes at once, and grouped for people to read. */
import type { Diagnostic } from "../../diagnostics.ts";
import { isGraph, type Graph, type Node } from "../../ir/graph.ts";
import { ops as registry } from "../../ops/index.ts";
import type { Op } from "../../ops/op.ts";

/** Edits (a letter put in, left out or changed) that make `b` of `a`. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
/** The operator whose name was likely meant: it differs by an edit per eight letters at most, or by one. */
function meant(op: string, known: Iterable<string>): string | undefined {
  const near = (name: string) => distance(op.toLowerCase(), name.toLowerCase());
  const most = Math.max(op.length < 5 ? 0 : 1, Math.floor(op.length / 8));
  return [...known].filter((name) => near(name) <= most).sort((a, b) => near(a) - near(b))[0];
}
/* What is known of operators outside ONNX, by domain. */
const domains: Readonly<Record<string, string>> = {
  "com.microsoft": "this is an operator of ONNX Runtime: give the model as it was before ONNX Runtime's optimizer, or export it without these",
  "org.pytorch.aten": "PyTorch left its own operator in the model: export with a newer opset_version",
  "ai.onnx.ml": "of classical machine learning, what gives numbers is supported: mlc ops lists it",
  "ai.onnx.preview.training": "of training, one step of Adagrad, Adam and Momentum is supported; gradients are not: export the model for inference",
};
/** Operators of ONNX itself that have no entry, by kind: why, and what helps where something does. */
interface Family { readonly ops: readonly string[]; readonly reason: string; readonly hint?: string }
const families: readonly Family[] = [
  { ops: ["ImageDecoder"], reason: "decodes image files", hint: "decode the image before the model runs and pass the pixels in" },
];
const familyOf: ReadonlyMap<string, Family> = new Map(families.flatMap((f) => f.ops.map((op) => [op, f] as const)));
/** What helps where an operator is not known at all. */
function hintFor(op: string, ops: ReadonlyMap<string, Op>): string | undefined {
  const at = op.lastIndexOf("."), base = op.slice(at + 1), domain = op.slice(0, Math.max(at, 0));
  if (!domain) { const other = meant(op, ops.keys()); return other && `did you mean ${other}?`; }
  if (ops.has(base)) return `ONNX's own ${base} is supported`;
  return domains[domain] ?? `the domain ${domain} is not ONNX's own: put the operator into the model as a function (ModelProto.functions)`;
}

/** The diagnostic for a node whose operator has no entry. */
export function unknownOperator(n: Node, ops: ReadonlyMap<string, Op>): Diagnostic {
  const family = familyOf.get(n.op), hint = family ? family.hint : hintFor(n.op, ops);
  const about = { op: n.op, node: n.name, ...(hint ? { hint } : {}) };
  return { severity: "error", code: "unsupported-op", message: `this operator is not supported${family ? `: ${family.reason}` : ""}`, ...about };
}
/**
 * One error per node whose operator has no entry, sub-graphs included. Needs no types: it can be asked even where shapes
 * are still open. `inferTypes` says the same, and more.
 */
export function checkOperators(g: Graph, ops: ReadonlyMap<string, Op> = registry): readonly Diagnostic[] {
  return g.nodes.flatMap((n) => [
    ...(ops.has(n.op) ? [] : [unknownOperator(n, ops)]),
    ...Object.values(n.attributes).filter(isGraph).flatMap((inner) => checkOperators(inner, ops)),
  ]);
}

/** A row of the table of what is not supported. */
export interface UnsupportedRow {
  readonly op: string;
  readonly nodes: readonly string[];
  readonly reason: string;
  /** What helps. */
  readonly hint?: string;
}
/** The errors about operators, grouped by operator and reason, most frequent first. */
export function unsupportedRows(diagnostics: readonly Diagnostic[]): readonly UnsupportedRow[] {
  const rows = new Map<string, UnsupportedRow & { nodes: string[] }>();
  for (const d of diagnostics) {
    if (d.severity !== "error" || d.op === undefined || !d.code.startsWith("unsupported")) continue;
    const key = JSON.stringify([d.op, d.message, d.hint]), row = rows.get(key);
    if (row) row.nodes.push(d.node ?? "");
    else rows.set(key, { op: d.op, nodes: [d.node ?? ""], reason: d.message, ...(d.hint ? { hint: d.hint } : {}) });
  }
  return [...rows.values()].sort((a, b) => b.nodes.length - a.nodes.length);
}
