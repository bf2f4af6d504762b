/** Graph -> text; the format is described in graph-text.ts. */
import { children, show, variables, type Expr, type Var } from "./scalar.ts";
import { constantOf, isGraph, isSizeList, type Attribute, type Constant, type Dim, type Graph, type Node, type SizeList, type ValueName, type ValueType } from "./graph.ts";
import { textOf } from "./text.ts";
import type { DType, Num } from "./types.ts";

/** Constants with more elements are printed by their hash. */
const most = 16;
const placeholders = new WeakMap<Constant, string>();
/** A constant of zeros that prints as this hash. */
export function placeholder(dtype: DType, shape: readonly number[], hash: string): Constant {
  const c = constantOf(dtype, shape);
  placeholders.set(c, hash);
  return c;
}
/** Whether a constant was parsed from a hash, so that its elements are not those of the graph that was printed. */
export const isPlaceholder = (c: Constant): boolean => placeholders.has(c);

const hashes = new WeakMap<Constant, string>();
/** FNV-1a over 32-bit words: short, and quick enough for hundreds of megabytes. */
function hash(c: Constant): string {
  const known = placeholders.get(c) ?? hashes.get(c);
  if (known) return known;
  const raw = c.dtype === "string" ? new TextEncoder().encode(Array.from(c.data as Int32Array, textOf).join("\0")).slice() : new Uint8Array(c.data.buffer, c.data.byteOffset, c.data.byteLength);
  const { byteLength } = raw, words = byteLength >> 2;
  const { buffer, byteOffset } = raw.byteOffset % 4 === 0 ? raw : new Uint8Array(raw);
  const step = (h: number, x: number) => Math.imul(h ^ x, 0x01000193);
  let h = 0x811c9dc5;
  for (const w of new Uint32Array(buffer, byteOffset, words)) h = step(h, w);
  for (const b of new Uint8Array(buffer, byteOffset + words * 4, byteLength - words * 4)) h = step(h, b);
  const text = (step(h, byteLength) >>> 0).toString(16).padStart(8, "0");
  hashes.set(c, text);
  return text;
}

const plain = /^[A-Za-z_$](?:[\w./-]|:(?=[\w/]))*$/;
const keywords = new Set(["graph", "symbol", "input", "const", "output", "type", "from", "in", "none", "sizes", "equal", "inf", "nan", "true", "false"]);
const word = (name: string): string => (plain.test(name) && !keywords.has(name) ? name : JSON.stringify(name));
const numberText = (x: Num): string => (Object.is(x, -0) ? "-0" : String(x).replace("Infinity", "inf").replace("NaN", "nan"));
const dimText = (d: Dim): string => (typeof d === "number" ? `${d}` : exprText(d));
function exprText(e: Expr): string {
  switch (e.kind) {
    case "var": return word(e.name);
    case "apply": return `${e.op}(${e.args.map(exprText).join(", ")})`;
    case "cast": return `${e.dtype}(${exprText(e.arg)})`;
    case "const": return e.dtype === "index" ? numberText(e.value) : `${e.dtype}(${numberText(e.value)})`;
    default: return show(e);
  }
}
const typeText = (t: ValueType): string => `${t.dtype}[${t.shape.map(dimText).join(", ")}]`;
function constantText(c: Constant): string {
  if (placeholders.has(c) || c.data.length > most) return `${typeText(c)} = #${hash(c)}`;
  return `${typeText(c)} = [${Array.from(c.data as Iterable<Num>, (x) => (c.dtype === "string" ? JSON.stringify(textOf(Number(x))) : numberText(x))).join(", ")}]`;
}
function attributeText(a: Attribute, indent: string): string {
  if (typeof a === "number") return numberText(a);
  if (typeof a === "string") return JSON.stringify(a);
  if (isSizeList(a as Attribute)) { const list = a as SizeList; return `sizes ${typeText(list)} = [${list.dims.map(dimText).join(", ")}]`; }
  if (Array.isArray(a)) return `[${a.map((x: number | string) => (typeof x === "string" ? JSON.stringify(x) : numberText(x))).join(", ")}]`;
  const inner = a as Constant | Graph;
  return isGraph(inner) ? graphText(inner, `${indent}  `) : constantText(inner);
}
function nodeText(n: Node, g: Graph, indent: string): string {
  const output = (v: ValueName) => { const t = g.types.get(v); return v === "" ? "none" : t ? `${word(v)}: ${typeText(t)}` : word(v); };
  const attributes = Object.entries(n.attributes).map(([name, a]) => `${word(name)}: ${attributeText(a, indent)}`);
  const origin = n.origin.length === 1 && n.origin[0] === n.name ? "" : ` from [${n.origin.map(word).join(", ")}]`;
  return `${n.outputs.map(output).join(", ")} = ${word(n.op)}(${n.inputs.map((v) => (v ? word(v) : "none")).join(", ")})`
    + `${attributes.length > 0 ? ` { ${attributes.join(", ")} }` : ""} @ ${word(n.name)}${origin}`;
}
function symbolsOf(g: Graph): readonly Var[] {
  const found = new Map<string, Var>();
  const walk = (e: Expr): void => {
    if (e.kind === "var" && e.range) found.set(e.name, e);
    children(e).forEach(walk);
  };
  const dims = (list: readonly Dim[]) => { for (const d of list) if (typeof d !== "number" && variables(d).size > 0) walk(d); };
  for (const t of g.types.values()) dims(t.shape);
  for (const n of g.nodes) for (const a of Object.values(n.attributes)) if (isSizeList(a)) dims(a.dims);
  for (const { sizes } of g.equalities ?? []) dims(sizes);
  return [...found.values()];
}
function graphText(g: Graph, indent: string): string {
  const made = new Set([...g.inputs, ...g.constants.keys(), ...g.nodes.flatMap((n) => n.outputs)]);
  const typed = (v: ValueName) => { const t = g.types.get(v); return t ? `: ${typeText(t)}` : ""; };
  const lines = [
    ...symbolsOf(g).map((s) => `symbol ${word(s.name)} in ${numberText(s.range![0])}..${numberText(s.range![1])}`),
    ...(g.equalities ?? []).map(({ sizes: [a, b], node, demand }) => `equal ${exprText(a)} = ${exprText(b)} for ${word(node)}${demand === undefined ? "" : ` so ${JSON.stringify(demand)}`}`),
    ...g.inputs.map((v) => `input ${word(v)}${typed(v)}`),
    ...[...g.constants].map(([v, c]) => `const ${word(v)}: ${constantText(c)}`),
    // What import knows of values that it could not read, and of values of the graph around a sub-graph.
    ...[...g.types].filter(([v]) => !made.has(v)).map(([v, t]) => `type ${word(v)}: ${typeText(t)}`),
    ...g.nodes.map((n) => nodeText(n, g, indent)),
    ...g.outputs.map((v) => `output ${word(v)}`),
  ];
  return `graph ${JSON.stringify(g.name)} {\n${lines.map((l) => `${indent}  ${l}\n`).join("")}${indent}}`;
}
/** The graph as text, ending in a line feed. */
export const printGraph = (g: Graph): string => `${graphText(g, "")}\n`;
