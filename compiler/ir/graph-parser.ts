/** Text -> Graph; the format is described in graph-text.ts. */
import { apply, cast, constant, parameter, scalarOps, variable, type Expr, type ScalarOp } from "./scalar.ts";
import { constantOf, sizeOf, type Attribute, type Constant, type Dim, type Graph, type Node, type ValueName, type ValueType } from "./graph.ts";
import { placeholder } from "./graph-printer.ts";
import { arrayOf, isBig, types, type DType } from "./types.ts";
import type { Equality } from "./symbols.ts";
import { textId } from "./text.ts";

type Token = { readonly kind: "word" | "text" | "number" | "hash" | "mark"; readonly text: string; readonly at: number };
/* No word goes on behind inf and nan, but a range may. */
const patterns: Readonly<Record<Token["kind"], string>> = {
  text: String.raw`"(?:[^"\\]|\\.)*"`,
  hash: "#[0-9a-f]{8}",
  number: String.raw`-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|(?:-?inf|nan)(?![\w/:-]|\.(?!\.))`,
  word: String.raw`[A-Za-z_$](?:[\w./-]|:(?=[\w/]))*`,
  mark: String.raw`\.\.|[{}()[\],:=@]`,
};
const lexer = new RegExp([String.raw`\s+`, ...Object.entries(patterns).map(([kind, p]) => `(?<${kind}>${p})`)].join("|"), "gy");
function tokens(source: string): readonly Token[] {
  const list: Token[] = [];
  for (lexer.lastIndex = 0; lexer.lastIndex < source.length;) {
    const at = lexer.lastIndex, m = lexer.exec(source);
    if (!m) throw new SyntaxError(`graph text, line ${lineOf(source, at)}: cannot read ${JSON.stringify(source.slice(at, at + 20))}`);
    const found = Object.entries(m.groups ?? {}).find(([, text]) => text !== undefined);
    if (found) list.push({ kind: found[0] as Token["kind"], text: found[1], at });
  }
  return list;
}
const lineOf = (source: string, at: number): number => source.slice(0, at).split("\n").length;
const numberFrom = (text: string): number => (text === "nan" ? NaN : text === "inf" ? Infinity : text === "-inf" ? -Infinity : Number(text));

class Parser {
  private readonly source: string;
  private readonly list: readonly Token[];
  private at = 0;
  private symbols = new Map<string, readonly [number, number]>();
  constructor(source: string) { this.source = source; this.list = tokens(source); }

  private fail(expected: string): never {
    const t = this.list[this.at];
    const line = lineOf(this.source, t?.at ?? this.source.length);
    throw new SyntaxError(`graph text, line ${line}: expected ${expected}, but found ${t ? t.text : "the end"}`);
  }
  private next(): Token { return this.list[this.at++] ?? this.fail("more"); }
  private is(text: string, kind = "mark"): boolean { const t = this.list[this.at]; return t?.text === text && t.kind === kind; }
  private take(text: string, kind = "mark"): boolean { const found = this.is(text, kind); if (found) this.at++; return found; }
  private expect(text: string, kind = "mark"): void { if (!this.take(text, kind)) this.fail(text); }
  private keyword(text: string): boolean { return this.take(text, "word"); }
  private name(): string {
    const t = this.next();
    if (t.kind === "text") return JSON.parse(t.text) as string;
    if (t.kind === "word") return t.text;
    this.at--;
    return this.fail("a name");
  }
  private number(): string { const t = this.next(); if (t.kind === "number") return t.text; this.at--; return this.fail("a number"); }
  private items<T>(item: () => T, end: string): T[] {
    const list: T[] = [];
    while (!this.take(end)) {
      if (list.length > 0) this.expect(",");
      list.push(item());
    }
    return list;
  }
  private value(): ValueName { return this.keyword("none") ? "" : this.name(); }
  private dim(): Dim {
    if (this.list[this.at]?.kind === "number") return Number(this.number());
    return this.expr();
  }
  private expr(): Expr {
    if (this.list[this.at]?.kind === "number") return constant("index", numberFrom(this.number()));
    const name = this.name();
    if (this.take("(")) {
      if (Object.hasOwn(types, name)) {
        const value = this.list[this.at]?.kind === "number" ? constant(name as DType, numberFrom(this.number())) : cast(name as DType, this.expr());
        this.expect(")");
        return value;
      }
      if (!Object.hasOwn(scalarOps, name)) this.fail("an operator of index expressions");
      return apply(name as ScalarOp, ...this.items(() => this.expr(), ")"));
    }
    const bounds = this.symbols.get(name);
    return bounds ? parameter(name, bounds) : variable("index", name);
  }
  private type(): ValueType {
    const dtype = this.name();
    if (!Object.hasOwn(types, dtype)) return this.fail("an element type");
    this.expect("[");
    return { dtype: dtype as DType, shape: this.items(() => this.dim(), "]") };
  }
  private constant(): Constant {
    const { dtype, shape } = this.type(), sizes = shape.map((d) => (typeof d === "number" ? d : this.fail("a constant's shape of numbers")));
    this.expect("=");
    const t = this.list[this.at];
    if (t?.kind === "hash") {
      this.at++;
      return placeholder(dtype, sizes, t.text.slice(1));
    }
    this.expect("[");
    const elements = this.items(() => { if (dtype === "string") return textId(this.name()); const x = this.number(); return isBig(dtype) ? BigInt(x) : numberFrom(x); }, "]");
    return elements.length === sizeOf(sizes) ? constantOf(dtype, sizes, arrayOf(dtype, elements)) : this.fail(`${sizeOf(sizes)} elements`);
  }
  private attribute(): Attribute {
    const t = this.list[this.at];
    if (t?.kind === "number") return numberFrom(this.number());
    if (t?.kind === "text") return this.name();
    if (this.is("graph", "word")) return this.graph();
    if (this.keyword("sizes")) {
      const { dtype, shape } = this.type(), sizes = shape.map((d) => (typeof d === "number" ? d : this.fail("a shape of numbers")));
      this.expect("=");
      this.expect("[");
      return { dtype, shape: sizes, dims: this.items(() => this.dim(), "]") };
    }
    if (!this.take("[")) return this.constant();
    const item = () => (this.list[this.at]?.kind === "text" ? this.name() : numberFrom(this.number()));
    return this.items(item, "]") as readonly number[] | readonly string[];
  }
  private node(known: Map<ValueName, ValueType>): Node {
    const outputs: ValueName[] = [];
    do {
      const v = this.value();
      if (this.take(":")) known.set(v, this.type());
      outputs.push(v);
    } while (this.take(","));
    this.expect("=");
    const op = this.name();
    this.expect("(");
    const inputs = this.items(() => this.value(), ")");
    const named = () => {
      const name = this.name();
      this.expect(":");
      return [name, this.attribute()] as const;
    };
    const attributes = this.take("{") ? this.items(named, "}") : [];
    this.expect("@");
    const name = this.name();
    const origin = this.keyword("from") ? (this.expect("["), this.items(() => this.name(), "]")) : [name];
    return { name, op, inputs, outputs, attributes: Object.fromEntries(attributes), origin };
  }
  graph(): Graph {
    this.expect("graph", "word");
    const outer = this.symbols, name = this.name(), inputs: ValueName[] = [], outputs: ValueName[] = [], nodes: Node[] = [];
    const equalities: Equality[] = [], constants = new Map<ValueName, Constant>(), known = new Map<ValueName, ValueType>();
    this.symbols = new Map(outer);
    this.expect("{");
    while (!this.take("}")) {
      if (this.keyword("symbol")) {
        const symbol = this.name();
        if (!this.keyword("in")) this.fail("in");
        const low = numberFrom(this.number());
        this.expect("..");
        this.symbols.set(symbol, [low, numberFrom(this.number())]);
      } else if (this.keyword("equal")) {
        const a = this.expr();
        this.expect("=");
        const b = this.expr();
        if (!this.keyword("for")) this.fail("for");
        const node = this.name();
        equalities.push({ sizes: [a, b], node, ...(this.keyword("so") ? { demand: this.name() } : {}) });
      } else if (this.keyword("input")) {
        const v = this.name();
        inputs.push(v);
        if (this.take(":")) known.set(v, this.type());
      } else if (this.keyword("const")) {
        const v = this.name();
        this.expect(":");
        constants.set(v, this.constant());
      } else if (this.keyword("type")) {
        const v = this.name();
        this.expect(":");
        known.set(v, this.type());
      } else if (this.keyword("output")) outputs.push(this.name());
      else nodes.push(this.node(known));
    }
    this.symbols = outer;
    return { name, inputs, outputs, nodes, constants, types: known, ...(equalities.length ? { equalities } : {}) };
  }
  end(): void { if (this.at < this.list.length) this.fail("the end"); }
}
/** The graph that a text says. Throws SyntaxError, with the line, where it says none. */
export function parseGraph(source: string): Graph {
  const p = new Parser(source), g = p.graph();
  p.end();
  return g;
}
