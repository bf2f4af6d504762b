/** Operators that select, move and resize: parameters that were attributes are inputs now. */
import type { Graph } from "../../../ir/graph.ts";
import type { Draft } from "../builder.ts";
import { Problem } from "../problem.ts";
import {
  always, floatTypeOf, int64s, listToInput, numberIn, numbersIn, rankOf, step, withAttributes, withInput, without,
  type Rewrite, type Rewriter, type Rewrites,
} from "./rewrite.ts";

const renamed = (from: string, to: string): Rewrite => (d) =>
  d.attributes[from] === undefined ? d : withAttributes(without(d, from), { [to]: d.attributes[from] });
const become = (op: string): Rewrite => (d) => ({ ...d, op });

const padValue: Rewrite = (d, r) => {
  const value = numberIn(d, "value") ?? 0, rest = without(d, "value");
  return value === 0 ? rest : withInput(rest, 2, r.constant("value", floatTypeOf(r, d.inputs[0]), [], [value]));
};
const sliceBounds: Rewrite = (d, r) => {
  const starts = listToInput("starts", 1)(d, r), ends = listToInput("ends", 2)(starts, r);
  return listToInput("axes", 3)(ends, r);
};
/** Axes not given are the first ones, as many as there are starts. */
const firstAxes: Rewrite = (d, r) => {
  const count = r.typeOf(d.inputs[1] ?? "")?.shape[0];
  return d.inputs[3] || typeof count !== "number" ? d : withInput(d, 3, int64s(r, "axes", Array.from({ length: count }, (_, i) => i)));
};
/** Since 18 one of `split` and `num_outputs` must be given. */
const partsOf: Rewrite = (d) =>
  (d.inputs[1] || d.attributes["num_outputs"] !== undefined ? d : withAttributes(d, { num_outputs: d.outputs.length }));

/**
 * Upsample and the first Resize did not shift by half a pixel. Of the neighbours the nearest mode took the left one where
 * it enlarges and the right one where it makes smaller (ONNX 1.5's test cases, and ONNX Runtime to this day); axes of both
 * kinds in one node become two nodes, which is the same as axes do not depend on each other.
 */
const asymmetric = (d: Draft, scales: string, r: Rewriter): Draft => {
  const mode = d.attributes["mode"] === "bilinear" ? "linear" : d.attributes["mode"] ?? "nearest", [x = ""] = d.inputs;
  const kept = without(d, "scales", "height_scale", "width_scale").attributes;
  const attributes = (nearest: "floor" | "ceil") => ({ ...kept, mode, coordinate_transformation_mode: "asymmetric", nearest_mode: nearest });
  const values = Array.from((r.constantOf(scales)?.data ?? []) as Iterable<number>), smaller = values.map((s) => s < 1);
  const resize = (from: string, by: string, nearest: "floor" | "ceil"): Draft =>
    ({ op: "Resize", inputs: [from, "", by], outputs: d.outputs, attributes: attributes(nearest) });
  if (mode !== "nearest" || !smaller.includes(true)) return resize(x, scales, "floor");
  if (values.every((s) => s <= 1)) return resize(x, scales, "ceil");
  const part = (name: string, of: boolean) => r.constant(name, "f32", [values.length], values.map((s, i) => (smaller[i] === of ? s : 1)));
  return resize(r.node("Resize", [x, "", part("larger", false)], attributes("floor")), part("smaller", true), "ceil");
};
const upsample: Rewrite = (d, r) => {
  const height = numberIn(d, "height_scale"), width = numberIn(d, "width_scale");
  const list = numbersIn(d, "scales") ?? (height !== undefined && width !== undefined ? [1, 1, height, width] : undefined);
  const scales = list ? r.constant("scales", "f32", [list.length], list) : d.inputs[1];
  if (!scales) throw new Problem("bad-model", "Upsample has no scales");
  return asymmetric(d, scales, r);
};
/** An empty tensor in the place of an optional input is one that is not given. */
const emptyInputs: Rewrite = (d, r) =>
  ({ ...d, inputs: d.inputs.map((v, i) => (i > 0 && v && r.constantOf(v)?.data.length === 0 ? "" : v)) });

/** Before 6, `tiles` was one number for one `axis`. */
const tile: Rewrite = (d, r) => {
  const [x = "", tiles = "", axis] = d.inputs;
  if (!axis) return d;
  const times = r.constantOf(tiles)?.data, at = r.constantOf(axis)?.data[0], rank = rankOf(r, x);
  if (times?.length !== 1 || at === undefined || rank === undefined) {
    const needs = "Tile of opset 1 needs constant tiles and axis and an input of stated rank";
    throw new Problem("unsupported-form", needs, "convert the model to opset 6 or later");
  }
  return { ...d, inputs: [x, int64s(r, "repeats", Array.from({ length: rank }, (_, i) => (i === Number(at) ? Number(times[0]) : 1)))] };
};
/** Since 20 the axis is an input, and counts from behind where it is not given. */
const dftAxis: Rewrite = (d, r) => withInput(without(d, "axis"), 2, r.constant("axis", "i64", [], [numberIn(d, "axis") ?? 1]));

const gridModes: Readonly<Record<string, string>> = { bilinear: "linear", bicubic: "cubic" };
const gridMode: Rewrite = (d) => {
  const mode = String(d.attributes["mode"] ?? "bilinear");
  return withAttributes(d, { mode: gridModes[mode] ?? mode });
};
const halfPixelOutput: Rewrite = (d) => withAttributes(d, { coordinate_transformation_mode: "output_half_pixel" });
/** Before 9 a Scan went over batches: that is a Scan over the elements of the batch, whose body is the Scan over the steps of one. */
const batchedScan: Rewrite = (d, r) => {
  const [lengths = "", ...operands] = d.inputs;
  if (lengths) throw new Problem("unsupported-form", "Scan of opset 8 with lengths of sequences", "convert the model to opset 9 or later");
  const inputs = operands.map((_, i) => r.name(`in${i}`)), outputs = d.outputs.map((_, i) => r.name(`out${i}`)), directions = numbersIn(d, "directions");
  const attributes = { ...without(d, "directions").attributes, ...(directions ? { scan_input_directions: directions } : {}) };
  const steps = { name: r.name("steps"), op: "Scan", inputs, outputs, attributes, origin: [] };
  const body: Graph = { name: r.name("batch"), inputs, outputs, nodes: [steps], constants: new Map(), types: new Map() };
  return { op: "Scan", inputs: operands, outputs: d.outputs, attributes: { num_scan_inputs: operands.length, body } };
};

export const shapeRewrites: Rewrites = {
  Reshape: [step(5, listToInput("shape", 1))],
  Pad: [step(2, renamed("paddings", "pads")), step(11, listToInput("pads", 1)), step(11, padValue)],
  Slice: [step(10, sliceBounds), always(firstAxes)],
  DynamicSlice: [always(become("Slice")), always(firstAxes)],
  Squeeze: [step(13, listToInput("axes", 1))],
  Unsqueeze: [step(13, listToInput("axes", 1))],
  Split: [step(13, listToInput("split", 1)), step(18, partsOf)],
  Concat: [step(4, (d: Draft) => withAttributes(d, { axis: numberIn(d, "axis") ?? 1 }))],
  Tile: [step(6, tile)],
  TopK: [step(10, listToInput("k", 1))],
  Upsample: [always(upsample)],
  Resize: [step(11, (d, r) => asymmetric(d, d.inputs[1] ?? "", r)), always(emptyInputs)],
  Scatter: [always(become("ScatterElements"))],
  GridSample: [step(20, gridMode)],
  RoiAlign: [step(16, halfPixelOutput)],
  DFT: [step(20, dftAxis)],
  Scan: [step(9, batchedScan)],
};
