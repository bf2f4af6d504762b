import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { importOnnx } from "../../compiler/import/onnx/index.ts";
import { isPlaceholder, parseGraph, printGraph } from "../../compiler/ir/graph-text.ts";
import { constantOf, isConstant, isGraph, type Attribute, type Constant, type Dim, type Graph, type Node, type ValueType } from "../../compiler/ir/graph.ts";
import { apply, constant, parameter, variable } from "../../compiler/ir/scalar.ts";
import { arrayOf, elementTypes, isFloat, newArray } from "../../compiler/ir/types.ts";

/** What a graph says, as plain data that `toEqual` compares; constants without elements where `elements` is false. */
function plain(g: Graph, elements = true): unknown {
  const value = (c: Constant) => ({ dtype: c.dtype, shape: c.shape, ...(elements ? { data: Array.from(c.data as Iterable<number | bigint>) } : {}) });
  const attribute = (a: Attribute): unknown => (typeof a !== "object" || Array.isArray(a) ? a : isConstant(a as Constant) ? value(a as Constant) : plain(a as Graph, elements));
  return {
    ...g, constants: [...g.constants].map(([v, c]) => [v, value(c)]), types: [...g.types].filter(([v]) => !g.constants.has(v)).sort(([a], [b]) => (a < b ? -1 : 1)),
    nodes: g.nodes.map((n) => ({ ...n, attributes: Object.fromEntries(Object.entries(n.attributes).map(([k, a]) => [k, attribute(a)])) })),
  };
}

/** Random graphs from a seed, with names and numbers that are hard to print. */
class Random {
  private seed: number;
  constructor(seed: number) { this.seed = seed; }
  below(n: number): number { this.seed = (Math.imul(this.seed, 1664525) + 1013904223) >>> 0; return Math.floor((this.seed / 2 ** 32) * n); }
  of<T>(list: readonly T[]): T { return list[this.below(list.length)]!; }
  list<T>(most: number, item: () => T): T[] { return Array.from({ length: this.below(most + 1) }, item); }
  private readonly odd = ["", "x", "x.0", "a:0", "a/b:1", "b:", "graph", "none", "nan", "5", "-", "a b", 'quote"d', "back\\slash", "é", "line\nfeed", "input", "f32[1]"];
  name(): string { return `${this.of(this.odd)}${this.below(2) ? this.below(1000) : this.of(["y", "z:0", "."])}`; }
  number(): number { return this.of([0, -0, 1, -1, 0.1, 1e-7, 1e21, 3.4028234663852886e38, Infinity, -Infinity, NaN, this.below(100) - 50]); }
  constant(): Constant {
    const dtype = this.of(elementTypes), shape = this.list(2, () => this.below(4)), size = shape.reduce((a, b) => a * b, 1);
    return constantOf(dtype, shape, arrayOf(dtype, Array.from({ length: size }, () => (isFloat(dtype) ? this.number() : this.below(2)))));
  }
  dim(): Dim {
    const n = variable("index", this.of(["N", "a:0", "1", "graph"])), w = parameter("W", [32, 1280]);
    return this.of<() => Dim>([() => this.below(9), () => n, () => w, () => apply("add", apply("mul", w, constant("index", 2)), constant("index", 1))])();
  }
  type(): ValueType { return { dtype: this.of(elementTypes), shape: this.list(3, () => this.dim()) }; }
  attribute(depth: number): Attribute {
    return this.of<() => Attribute>([
      () => this.number(), () => this.name(), () => this.list(3, () => this.number()), () => this.list(3, () => this.name()), () => this.constant(),
      () => (depth > 0 ? this.graph(depth - 1) : 1),
    ])();
  }
  graph(depth = 2): Graph {
    const taken = new Set<string>(), fresh = (): string => { for (;;) { const n = this.name(); if (n && !taken.has(n)) { taken.add(n); return n; } } };
    const inputs = this.list(2, fresh), constants = new Map(this.list(3, () => [fresh(), this.constant()] as const));
    const values = ["", ...inputs, ...constants.keys()], types = new Map(inputs.map((v) => [v, this.type()]));
    const nodes = this.list(4, (): Node => {
      const outputs = [...this.list(1, () => ""), fresh()], name = fresh();
      for (const o of outputs) if (o && this.below(2)) types.set(o, this.type());
      const read = this.list(3, () => this.of(values));
      values.push(...outputs);
      return { name, op: this.of(["Relu", "com.microsoft.Gelu", "odd op"]), inputs: read, outputs, attributes: Object.fromEntries(this.list(3, () => [fresh(), this.attribute(depth)])), origin: this.of([[name], [], [fresh(), name]]) };
    });
    return { name: this.name(), inputs, outputs: this.list(2, () => this.of(values.slice(1).concat("q").filter(Boolean))), nodes, constants, types };
  }
}

const sample = `graph "digits" {
  symbol W in 32..1280
  input x: f32[1, 3, 48, W]
  const axes: i64[2] = [2, -3]
  const "odd name": f32[] = [nan]
  type far: f32[add(W, 1)]
  none, y:0: f32[1, 8, N] = Conv(x, none, axes) { pads: [1, 1], mode: "a \\"b\\"", alpha: 0.5, t: bool[2] = [1, 0] } @ conv1
  z = If(y:0) { then: graph "t" {
    q = Relu(y:0) @ "" from []
    output q
  } } @ if from [a, "b c"]
  output z
}
`;

describe("graph text", () => {
  it("prints what was parsed", () => { expect(printGraph(parseGraph(sample))).toBe(sample); });
  it("reads what it says", () => {
    const g = parseGraph(sample);
    expect(g.types.get("x")!.shape[3]).toBe(parameter("W", [32, 1280]));
    expect(g.nodes[0]).toMatchObject({ name: "conv1", op: "Conv", inputs: ["x", "", "axes"], outputs: ["", "y:0"], origin: ["conv1"], attributes: { pads: [1, 1], mode: 'a "b"', alpha: 0.5 } });
    const then = g.nodes[1]!.attributes["then"]!;
    expect(typeof then === "object" && isGraph(then) && then.nodes[0]!.op).toBe("Relu");
  });
  it("random graphs come back as they were", () => {
    for (let seed = 1; seed <= 400; seed++) {
      const g = new Random(seed).graph(), text = printGraph(g), back = parseGraph(text);
      expect(printGraph(back), `seed ${seed}`).toBe(text);
      expect(plain(back), `seed ${seed}\n${text}`).toEqual(plain(g));
    }
  });
  it("large constants print by a hash, parse as zeros, and print as the same hash again", () => {
    const graphOf = (c: Constant): Graph => ({ name: "g", inputs: [], outputs: ["w"], nodes: [], constants: new Map([["w", c]]), types: new Map() });
    const seen = new Set<string>();
    for (const dtype of elementTypes) {
      for (const values of [Array.from({ length: 17 }, (_, i) => i % 2), Array.from({ length: 17 }, (_, i) => (i + 1) % 2)]) {
        const text = printGraph(graphOf(constantOf(dtype, [17], arrayOf(dtype, values)))), back = parseGraph(text).constants.get("w")!;
        expect(text).toMatch(/const w: \w+\[17\] = #[0-9a-f]{8}\n/);
        expect([isPlaceholder(back), back.data]).toEqual([true, newArray(dtype, 17)]);
        expect(printGraph(graphOf(back))).toBe(text);
        seen.add(`${dtype} ${text.slice(text.indexOf("#"))}`);
      }
    }
    expect(seen.size).toBe(2 * elementTypes.length);
    expect(isPlaceholder(constantOf("f32", [1]))).toBe(false);
  });
  it("the hash does not depend on where the elements lie", () => {
    const bytes = new Uint8Array(41), hashOf = (at: number): string => {
      const c = constantOf("i8", [40], new Int8Array(bytes.buffer, at, 40).fill(3));
      return printGraph({ name: "", inputs: [], outputs: [], nodes: [], constants: new Map([["w", c]]), types: new Map() });
    };
    expect(hashOf(1)).toBe(hashOf(0));
  });
  const errors: readonly (readonly [string, string])[] = [
    ["", "line 1: expected graph, but found the end"],
    ['graph "g" {', "line 1: expected more, but found the end"],
    ['graph "g" {\n  y = Relu(x) @\n}', "line 3: expected a name, but found }"],
    ['graph "g" {\n  y Relu(x)\n}', "line 2: expected =, but found Relu"],
    ['graph "g" {\n  const w: f33[1] = [1]\n}', "line 2: expected an element type, but found ["],
    ['graph "g" {\n  const w: f32[2] = [1]\n}', "line 3: expected 2 elements, but found }"],
    ['graph "g" {\n  const w: f32[N] = [1]\n}', "line 2: expected a constant's shape of numbers, but found ="],
    ['graph "g" {\n  input x: f32[foo(1)]\n}', "line 2: expected an operator of index expressions, but found 1"],
    ['graph "g" {\n  symbol W 1..2\n}', "line 2: expected in, but found 1"],
    ['graph "g" {\n  y = Relu(x x) @ n\n}', "line 2: expected ,, but found x"],
    ['graph "g" {\n  y = Relu(x) { a: [b] } @ n\n}', "line 2: expected a number, but found b"],
    ['graph "g" { } }', "line 1: expected the end, but found }"],
    ['graph "g" {\n  %\n}', 'line 2: cannot read "%\\n}"'],
  ];
  for (const [text, message] of errors) it(`says what is wrong with ${JSON.stringify(text)}`, () => { expect(() => parseGraph(text)).toThrow(message); });

  const folder = path.resolve(import.meta.dirname, "../../../shared/models");
  const models = existsSync(folder) ? readdirSync(folder).filter((f) => f.endsWith(".onnx")) : [];
  it.skipIf(models.length === 0)("real models come back with the same structure (skipped without the folder of models beside the project)", () => {
    for (const file of models) {
      const { graph } = importOnnx(readFileSync(path.join(folder, file)), { name: file }), text = printGraph(graph), back = parseGraph(text);
      expect(printGraph(back)).toBe(text);
      expect(plain(back, false)).toEqual(plain(graph, false));
      expect(text.length).toBeLessThan(200 * (graph.nodes.length + graph.constants.size));
    }
  });
});
