/** Operators of networks: training leftovers dropped, Softmax over one axis, normalisation per channel. */
import { Problem } from "../problem.ts";
import { always, int64s, numberIn, rankOf, step, withAttributes, without, type Rewrite, type Rewriter, type Rewrites } from "./rewrite.ts";

/** Before 13, all dimensions from `axis` on counted as one. */
const rowsFrom: Rewrite = (d, r) => {
  const [x = ""] = d.inputs, axis = numberIn(d, "axis") ?? 1, rank = rankOf(r, x);
  if (axis === -1 || (rank !== undefined && (axis === rank - 1 || axis === rank))) return withAttributes(d, { axis: -1 });
  const rows = r.node(d.op, [r.node("Flatten", [x], { axis })], { axis: -1 });
  return { op: "Reshape", inputs: [rows, r.node("Shape", [x])], outputs: d.outputs, attributes: {} };
};
const oneAxis = [step(13, rowsFrom)];

/** MXNet's exporter wrote spatial = 0 with parameters of rank 1, which is one per channel whatever it says. */
const batchNormalization: Rewrite = (d, r) => {
  if (numberIn(d, "spatial") === 0 && rankOf(r, d.inputs[1] ?? "") !== 1) {
    const why = "BatchNormalization with spatial = 0 has a scale per element instead of per channel";
    throw new Problem("unsupported-form", why, "use spatial = 1, or Mul and Add");
  }
  return without(d, "spatial", "is_test");
};
/** Before 14 the further outputs were those of training, and were written out even where nobody read them. */
const firstOutput: Rewrite = (d) => ({ ...d, outputs: d.outputs.slice(0, 1) });
/** At inference the ratio has no meaning. */
const dropout: Rewrite = (d) => without(d, "ratio", "is_test");

/** Random numbers repeat in each run; where the model says no seed, each node has its own, from the name of what it makes. */
const seeded = (always: boolean): Rewrite => (d) => {
  if (d.attributes.seed !== undefined || !(always || d.inputs[2])) return d;
  const name = d.outputs.find(Boolean) ?? "", hash = [...name].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 0x01000193) >>> 0, 0x811c9dc5);
  return withAttributes(d, { seed: hash >>> 8 });
};
const groupSize = (x: string, groups: number, r: Rewriter): string =>
  r.node("Div", [r.node("Shape", [x], { start: 1, end: 2 }), int64s(r, "by", [groups])]);
/** Before 21 scale and bias had one element per group. */
const perChannel: Rewrite = (d, r) => {
  const [x = "", ...parameters] = d.inputs, groups = numberIn(d, "num_groups");
  if (!groups) throw new Problem("bad-model", "GroupNormalization has no num_groups");
  const known = r.typeOf(x)?.shape[1], size = typeof known === "number"
    ? int64s(r, "size", [groups, known / groups])
    : r.node("Concat", [int64s(r, "groups", [groups]), groupSize(x, groups, r)], { axis: 0 });
  const repeated = parameters.map((p) => {
    const column = r.node("Reshape", [p, int64s(r, "column", [groups, 1])]);
    return r.node("Reshape", [r.node("Expand", [column, size]), int64s(r, "row", [-1])]);
  });
  return { ...d, inputs: [x, ...repeated] };
};
/** Before 9 channels were either normalised together or one by one. */
const meanVariance: Rewrite = (d) => {
  const across = numberIn(d, "across_channels");
  if (numberIn(d, "normalize_variance") === 0) {
    throw new Problem("unsupported-form", "MeanVarianceNormalization without normalize_variance", "subtract a ReduceMean instead");
  }
  return withAttributes(without(d, "across_channels", "normalize_variance"), across ? { axes: [1, 2, 3] } : {});
};
const sequenceOutput = [step(7, (d) => without(d, "output_sequence"))] satisfies Rewrites[string];

export const networkRewrites: Rewrites = {
  Softmax: oneAxis,
  LogSoftmax: oneAxis,
  Hardmax: oneAxis,
  BatchNormalization: [always(batchNormalization), step(14, firstOutput)],
  Dropout: [step(12, dropout), always(seeded(false))],
  ...Object.fromEntries(["RandomUniform", "RandomNormal", "RandomUniformLike", "RandomNormalLike", "Bernoulli", "Multinomial"].map((op) => [op, [always(seeded(true))]])),
  GroupNormalization: [step(21, perChannel)],
  MeanVarianceNormalization: [step(9, meanVariance)],
  RNN: sequenceOutput,
  GRU: sequenceOutput,
  LSTM: sequenceOutput,
};
