/** Depthwise-separable convolutions as graphs. */
import type { Graph } from "../../compiler/ir/graph.ts";
import { Builder } from "./graph-builder.ts";

/** `size`: columns of the input's pixels, and rows unless `height` says so; `columns`: channels of the result, those of the input with a residual. */
export interface Separable { readonly channels: number; readonly columns: number; readonly size: number; readonly height?: number; readonly batch?: number; readonly stride?: number; readonly residual?: boolean }
/** relu(x), a 3x3 over each channel and relu6, a 1x1 and relu; the residual is added before the last. */
export function separable({ channels, columns, size, height = size, batch = 1, stride = 1, residual }: Separable): Graph {
  const b = new Builder(), x = b.op("Relu", [b.input("x", [batch, channels, height, size])]);
  const deep = b.op("Conv", [x, b.constant([channels, 1, 3, 3]), b.constant([channels])], { group: channels, pads: [1, 1, 1, 1], strides: [stride, stride] });
  const wide = b.op("Conv", [b.op("Clip", [deep, b.constant([], [0]), b.constant([], [6])]), b.constant([columns, channels, 1, 1]), b.constant([columns])]);
  return b.graph(b.op("Relu", [residual ? b.op("Add", [wide, x]) : wide]));
}
