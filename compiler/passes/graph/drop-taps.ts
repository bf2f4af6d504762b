/**
 * Needs types, padding in numbers (resolve-padding, fold-pads). Ensures that a convolution has no rows or columns of taps that only ever see padding: with
 * dilations as large as the image (atrous pyramids over small images) a filter of 3x3 is often one of 1x1. Before choices that ask how
 * large a filter is, and before constants are folded, which cuts the weights.
 */
import type { Graph } from "../../ir/graph.ts";
import { perDimension } from "../../ops/spatial.ts";
import { numbersOf } from "./facts.ts";
import { rewrite } from "./rewrite.ts";

export const dropTaps = (g: Graph): Graph => rewrite(g, {
  Conv: (n, e) => {
    const sizes = numbersOf(n.type(0).shape.slice(2)), out = numbersOf(n.outType().shape.slice(2)), kernel = numbersOf(n.type(1).shape.slice(2)), rank = sizes.length;
    if (n.string("auto_pad") !== "NOTSET" || !e.constantOf(n.node.inputs[1]!)) return undefined;
    const strides = perDimension(n, "strides", rank, 1, 1), dilations = perDimension(n, "dilations", rank, 1, 1), pads = perDimension(n, "pads", rank, 0, 0, 2);
    const kept = kernel.map((taps, d) => {
      const first = (tap: number) => tap * dilations[d]! - pads[d]!, all = Array.from({ length: taps }, (_, tap) => tap);
      return all.filter((tap) => first(tap) < sizes[d]! && first(tap) + (out[d]! - 1) * strides[d]! >= 0);
    });
    if (kept.every((taps, d) => taps.length === kernel[d]) || kept.some((taps) => taps.length === 0)) return undefined;
    const before = kept.map((taps, d) => pads[d]! - taps[0]! * dilations[d]!), after = kept.map((taps, d) => pads[rank + d]! - (kernel[d]! - 1 - taps.at(-1)!) * dilations[d]!);
    // What no tap sees behind the last output would have to be cut off.
    if ([...before, ...after].some((p) => p < 0)) return undefined;
    const list = (values: readonly number[]) => e.constant("i64", [rank], values.map(BigInt));
    const weights = e.node("Slice", [n.node.inputs[1]!, list(kept.map((taps) => taps[0]!)), list(kept.map((taps) => taps.at(-1)! + 1)), list(kernel.map((_, d) => d + 2))]);
    return e.node("Conv", [n.node.inputs[0]!, weights, ...n.node.inputs.slice(2)], { ...n.node.attributes, kernel_shape: kept.map((taps) => taps.length), pads: [...before, ...after] });
  },
});
