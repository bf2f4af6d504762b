/** Small tensors that are known when the model is compiled: window functions and Mel weights. */
import { isFloat, typeOfOnnx, types, type DType } from "../ir/types.ts";
import { sizeOf, type TensorType } from "../ir/graph.ts";
import { numbers } from "./helpers.ts";
import type { AttributeSpec, NodeView, Op } from "./op.ts";

const output_datatype = { kind: "int", default: 1 } as const satisfies AttributeSpec;
function outputType(n: NodeView): DType {
  const found = typeOfOnnx(n.int("output_datatype"));
  return found && numbers.includes(found) ? found : n.fail(`attribute output_datatype ${n.int("output_datatype")} is no supported type`);
}
/** Elements of a table that is made when the model is compiled. */
const most = 2 ** 24;
/** The shape, if a table of it is of reasonable size. */
const table = (n: NodeView, shape: readonly number[]): readonly number[] => {
  if (!shape.every((d) => Number.isInteger(d) && d > 0)) n.fail(`a table of ${shape.join(" x ")} elements does not exist`);
  return sizeOf(shape) <= most ? shape : n.fail(`a table of ${shape.join(" x ")} elements is too large; ${most} are the most`);
};
const one = (n: NodeView, i: number): number => n.parameter(i)?.[0] ?? n.fail(`input ${i} must be one number`);
const valuesOf = (dtype: DType, list: readonly number[]): readonly number[] =>
  (isFloat(dtype) ? list : list.map((x) => Number(types[dtype].wrap(x))));

/** A sum of cosines: c0 - c1 cos(2 pi i / N) + c2 cos(4 pi i / N) - .. */
const cosines = (name: string, coefficients: readonly number[]): Op => ({
  name, since: 17, inputs: [1, 1], parameters: [0], attributes: { output_datatype, periodic: { kind: "int", default: 1 } },
  infer: (n): readonly TensorType[] => [{ dtype: outputType(n), shape: table(n, [one(n, 0)]) }],
  expand: (n, g) => {
    const { dtype, shape } = n.out(), size = shape[0]!, period = n.int("periodic") ? size : Math.max(1, size - 1);
    const value = (i: number) => coefficients.reduce((sum, c, k) => sum + (-1) ** k * c * Math.cos((2 * Math.PI * k * i) / period), 0);
    return [g.constant(dtype, shape, valuesOf(dtype, Array.from({ length: size }, (_, i) => value(i))))];
  },
});

const toMel = (hertz: number): number => 2595 * Math.log10(1 + hertz / 700), toHertz = (mel: number): number => 700 * (10 ** (mel / 2595) - 1);
/** Triangles over the bins of a spectrum, evenly spaced on the Mel scale. */
const melWeightMatrix: Op = {
  name: "MelWeightMatrix", since: 17, inputs: [5, 5], parameters: [0, 1, 2, 3, 4], attributes: { output_datatype },
  infer: (n) => {
    // The table is made of all five.
    const [mels, length] = [0, 1, 2, 3, 4].map((i) => one(n, i)) as [number, number];
    return [{ dtype: outputType(n), shape: table(n, [Math.floor(length / 2) + 1, mels]) }];
  },
  expand: (n, g) => {
    const { dtype, shape } = n.out(), [bins, mels] = shape as [number, number], length = one(n, 1);
    const low = toMel(one(n, 3)), step = (toMel(one(n, 4)) - low) / (mels + 2);
    const edge = Array.from({ length: mels + 2 }, (_, i) => Math.floor(((length + 1) * toHertz(low + i * step)) / one(n, 2)));
    const weight = (bin: number, mel: number): number => {
      const [from, centre, to] = [edge[mel]!, edge[mel + 1]!, edge[mel + 2]!];
      if (bin === centre) return 1;
      return bin >= from && bin < centre ? (bin - from) / (centre - from) : bin > centre && bin < to ? (to - bin) / (to - centre) : 0;
    };
    return [g.constant(dtype, shape, valuesOf(dtype, Array.from({ length: bins * mels }, (_, i) => weight(Math.floor(i / mels), i % mels))))];
  },
};

export const windows: readonly Op[] = [
  cosines("HannWindow", [0.5, 0.5]), cosines("HammingWindow", [25 / 46, 21 / 46]), cosines("BlackmanWindow", [0.42, 0.5, 0.08]), melWeightMatrix,
];
