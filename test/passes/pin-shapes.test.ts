import { describe, expect, it } from "vitest";
import { pinShapes, type PinOptions } from "../../compiler/passes/graph/pin-shapes.ts";
import { parseGraph } from "../../compiler/ir/graph-text.ts";
import { isGraph, isStatic } from "../../compiler/ir/graph.ts";
import { show } from "../../compiler/ir/scalar.ts";

const pin = (inputs: string, options: PinOptions = {}, more = "") => pinShapes(parseGraph(`graph "g" { ${inputs} ${more} output y }`), options);
const shapesOf = (p: ReturnType<typeof pin>) => Object.fromEntries([...p.graph.types].map(([v, t]) => [v, t.shape.map((d) => (typeof d === "number" ? d : show(d))).join(",")]));
const brief = (p: ReturnType<typeof pin>) => p.diagnostics.map(({ severity, code, message, hint }) => [severity, code, message, hint ?? ""].join(" | "));
const image = "input x: f32[N, 3, H, W]";

describe("pin-shapes", () => {
  it("leaves static inputs alone", () => {
    const p = pin("input x: f32[2, 3]");
    expect([shapesOf(p), p.diagnostics]).toEqual([{ x: "2,3" }, []]);
  });
  it("pins an input, and by its symbols whatever else has them", () => {
    const p = pin(`${image} input m: bool[N, H]`, { shapes: { x: [4, 3, 8, 9] } }, "y: f32[N, H, 7] = Foo(x, m) @ f");
    expect([shapesOf(p), p.diagnostics]).toEqual([{ x: "4,3,8,9", m: "4,8", y: "4,8,7" }, []]);
    expect(p.graph.inputs.every((v) => isStatic(p.graph.types.get(v)!))).toBe(true);
  });
  it("pins symbols, in expressions and sub-graphs too", () => {
    const p = pin("input x: f32[N, 3, H, W]", { dims: { N: 2, H: 8, W: 16 } }, 'y: f32[add(N, 1), H] = Foo(x) { body: graph "b" { t: f32[W] = Relu(x) @ r output t } } @ f');
    expect(shapesOf(p)).toEqual({ x: "2,3,8,16", y: "3,8" });
    const body = p.graph.nodes[0]!.attributes["body"]!;
    expect(typeof body === "object" && isGraph(body) && body.types.get("t")).toEqual({ dtype: "f32", shape: [16] });
  });
  it("an open batch becomes 1, and says so once for each symbol", () => {
    expect(brief(pin("input x: f32[N, 3] input z: f32[N, 4]"))).toEqual(["note | batch-is-1 | dimension 0 (N) of input x is open and becomes 1 | for a batch of 8: --dim N=8"]);
    const p = pin('input x: f32["x.0", 3, 4]');
    expect([shapesOf(p), brief(p)]).toEqual([{ x: "1,3,4" }, ["note | batch-is-1 | dimension 0 (x.0) of input x is open and becomes 1 | for a batch of 8: --shape x=8,3,4"]]);
  });
  it("sizes and lower bounds may be 0", () => {
    expect(shapesOf(pin(image, { dims: { N: 0, H: [0, 5] as const, W: 3 } }))).toEqual({ x: "0,3,$H,3" });
    expect(brief(pin(image, { dims: { N: 1, H: [-1, 5] as const, W: 3 } }))).toContain("error | bad-shape | --dim H=-1..5: bounds must be whole numbers from 0 | ");
  });
  it("other open dimensions are errors that name the flags", () => {
    expect(brief(pin(image)).slice(1)).toEqual([
      "error | open-dimension | dimension 2 (H) of input x [N, 3, H, W] is open | give it a size, for example --shape x=1,3,64,64, or --dim H=64",
      "error | open-dimension | dimension 3 (W) of input x [N, 3, H, W] is open | give it a size, for example --shape x=1,3,64,64, or --dim W=64",
    ]);
    expect(brief(pin('input x: f32[1, 3, "x.2"]'))).toEqual(["error | open-dimension | dimension 2 of input x [1, 3, x.2] is open | give it a size, for example --shape x=1,3,64"]);
  });
  it("an input without a rank takes any shape, and must be given one", () => {
    const unranked = new Map([["x", "i64" as const]]), there = pin("input x", { unranked, shapes: { x: [2, 5] } }), missing = pin("input x", { unranked });
    expect(there.graph.types.get("x")).toEqual({ dtype: "i64", shape: [2, 5] });
    expect([there.diagnostics, brief(missing)]).toEqual([[], ["error | open-shape | input x has no shape in the model | give all its dimensions: --shape x=1,..."]]);
  });
  it("a stated 0 may be replaced, as some exporters write it for open", () => {
    expect(shapesOf(pin("input x: f32[0, 3]", { shapes: { x: [5, 3] } }))).toEqual({ x: "5,3" });
    expect(shapesOf(pin("input x: f32[0, 3]"))).toEqual({ x: "0,3" });
  });
  const errors: readonly (readonly [string, PinOptions, string])[] = [
    ["an unknown input", { shapes: { z: [1] } }, "error | unknown-input | --shape z=1: the model has no input named z | its inputs: x [N, 3, H, W]"],
    ["a constant for an input", { shapes: { w: [1] } }, "error | unknown-input | --shape w=1: w is a constant of the model, not an input | "],
    ["an unknown symbol", { dims: { Q: 1 } }, "error | unknown-dimension | the model has no dimension named Q: it has N, H, W | "],
    ["a wrong rank", { shapes: { x: [1, 3] } }, "error | bad-shape | --shape x=1,3 has 2 dimensions, but input x has 4: [N, 3, H, W] | "],
    ["another size than the model's", { shapes: { x: [1, 4, 8, 8] } }, "error | shape-conflict | --shape x=1,4,8,8: dimension 1 of input x is 3 in the model, not 4 | only open dimensions can be chosen; export the model with this one open"],
    ["two sizes for a symbol", { shapes: { x: [1, 3, 8, 8] }, dims: { H: 9 } }, "error | shape-conflict | dimension H is 9 by --dim H=9, but 8 by --shape x=1,3,8,8 | give both the same size"],
    ["a size that is none", { dims: { H: 0.5 } }, "error | bad-shape | --dim H=0.5: a size must be a whole number from 0 | "],
    ["a shape that is none", { shapes: { x: [1, 3, -1, 8] } }, "error | bad-shape | --shape x=1,3,-1,8: sizes must be whole numbers from 0 | "],
  ];
  for (const [name, options, message] of errors) {
    it(`${name} is an error`, () => { expect(brief(pin(`${image} const w: f32[1] = [0]`, options))).toContain(message); });
  }
  it("symbols are unknown where no dimension is open", () => {
    expect(brief(pin("input x: f32[1]", { dims: { N: 2 } }))).toEqual(["error | unknown-dimension | the model has no dimension named N: none of its inputs has an open dimension | "]);
  });
  it("two inputs that disagree about a symbol", () => {
    expect(brief(pin("input a: f32[N] input b: f32[N]", { shapes: { a: [2], b: [3] } }))).toEqual(["error | shape-conflict | dimension N is 2 by --shape a=2, but 3 by --shape b=3 | give both the same size"]);
  });
});
