/**
 * Needs types. Ensures that windows state their padding in numbers: `auto_pad` (and `output_shape` of ConvTranspose) become
 * `pads`. Before the passes that read or change padding: fold-pads, fold-scales, recognise-means.
 */
import type { Graph, Attribute } from "../../ir/graph.ts";
import type { NodeView } from "../../ops/op.ts";
import { perDimension, samePads } from "../../ops/spatial.ts";
import { numberOf, numbersOf } from "./facts.ts";
import { forEach, rewrite, type Editor } from "./rewrite.ts";

export const resolvePadding = (g: Graph): Graph => rewrite(g, {
  ...forEach(["Conv", "ConvInteger", "QLinearConv", "MaxPool", "AveragePool", "LpPool"], resolve(windowPads)),
  ConvTranspose: resolve(transposedPads),
});

type Pads = readonly (readonly [before: number, after: number])[];
const resolve = (padsOf: (n: NodeView, auto: string, kernel: readonly number[]) => Pads | undefined) => (n: NodeView, e: Editor) => {
  const auto = n.string("auto_pad"), given = n.intsOr("kernel_shape"), kernel = given?.length ? given : kernelOf(n);
  const pads = auto === "NOTSET" && !n.node.attributes.output_shape ? undefined : padsOf(n, auto, kernel);
  if (!pads) return undefined;
  const { auto_pad: _, output_shape: __, ...rest } = n.node.attributes;
  const attributes: Record<string, Attribute> = { ...rest, pads: [...pads.map(([b]) => b), ...pads.map(([, a]) => a)] };
  // SAME has one window per stride, which rounding down gives; rounding up may add one.
  if (n.op.attributes?.ceil_mode && auto !== "VALID") attributes.ceil_mode = 0;
  return e.nodes(n.node.op, n.node.inputs, n.node.outputs.length, attributes);
};
const weightsAt: Readonly<Record<string, number>> = { QLinearConv: 3 };
const kernelOf = (n: NodeView): readonly number[] => numbersOf(n.type(weightsAt[n.node.op] ?? 1).shape.slice(2));
function windowPads(n: NodeView, auto: string, kernel: readonly number[]): Pads {
  const sizes = n.type(0).shape.slice(2);
  const strides = perDimension(n, "strides", sizes.length, 1, 1), dilations = perDimension(n, "dilations", sizes.length, 1, 1);
  return sizes.map((size, d) => {
    if (auto === "VALID") return [0, 0];
    const span = (kernel[d]! - 1) * dilations[d]! + 1, length = numberOf(size), windows = Math.ceil(length / strides[d]!);
    return samePads(Math.max(0, (windows - 1) * strides[d]! + span - length), auto === "SAME_LOWER");
  });
}
/** What is cut from the full result to reach the stated one; undefined where the full result is too small. */
function transposedPads(n: NodeView, auto: string, kernel: readonly number[]): Pads | undefined {
  const sizes = numbersOf(n.type(0).shape.slice(2)), out = numbersOf(n.outType().shape.slice(2)), extra = perDimension(n, "output_padding", sizes.length, 0, 0);
  const strides = perDimension(n, "strides", sizes.length, 1, 1), dilations = perDimension(n, "dilations", sizes.length, 1, 1);
  const cut = sizes.map((size, d) => strides[d]! * (size - 1) + extra[d]! + (kernel[d]! - 1) * dilations[d]! + 1 - out[d]!);
  return cut.some((c) => c < 0) ? undefined : cut.map((c) => samePads(c, auto !== "SAME_UPPER"));
}
