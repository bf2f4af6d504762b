/** Operators that ONNX once had on trial, and that converters of 2017 and 2018 wrote; each is a few of the others. */
import { Problem } from "../problem.ts";
import type { Draft } from "../builder.ts";
import { always, floatTypeOf, int64s, numberIn, numbersIn, type Rewrite, type Rewriter, type Rewrites } from "./rewrite.ts";

const scalar = (d: Draft, r: Rewriter, name: string, otherwise: number): string =>
  r.constant(name, floatTypeOf(r, d.inputs[0]), [], [numberIn(d, name) ?? otherwise]);
const last = (d: Draft, op: string, ...inputs: readonly string[]): Draft => ({ op, inputs, outputs: d.outputs, attributes: {} });
const input = (d: Draft): string => d.inputs[0] ?? "";

/** alpha * x + beta */
const affine: Rewrite = (d, r) => last(d, "Add", r.node("Mul", [input(d), scalar(d, r, "alpha", 1)]), scalar(d, r, "beta", 0));
const scale: Rewrite = (d, r) => last(d, "Mul", input(d), scalar(d, r, "scale", 1));
/** scale * x + bias, with a bias per channel of an image. */
const imageScaler: Rewrite = (d, r) => {
  const bias = numbersIn(d, "bias") ?? [];
  const perChannel = r.constant("bias", floatTypeOf(r, input(d)), [bias.length, 1, 1], bias);
  return last(d, "Add", r.node("Mul", [input(d), scalar(d, r, "scale", 1)]), perChannel);
};
/** alpha * tanh(beta * x) */
const scaledTanh: Rewrite = (d, r) =>
  last(d, "Mul", r.node("Tanh", [r.node("Mul", [input(d), scalar(d, r, "beta", 1)])]), scalar(d, r, "alpha", 1));
/** alpha * log(1 + exp(beta * x)) */
const parametricSoftplus: Rewrite = (d, r) =>
  last(d, "Mul", r.node("Softplus", [r.node("Mul", [input(d), scalar(d, r, "beta", 1)])]), scalar(d, r, "alpha", 1));
/** Cuts off the borders left, top, right, bottom. */
const crop: Rewrite = (d, r) => {
  const [left, top, right, bottom] = numbersIn(d, "border") ?? [], scale = numbersIn(d, "scale");
  if (left === undefined || top === undefined || right === undefined || bottom === undefined) {
    throw new Problem("bad-model", "Crop has no border of four numbers");
  }
  const [height, width] = scale ?? [];
  const end = (size: number | undefined, first: number, cut: number) => (size !== undefined ? first + size : cut === 0 ? 2 ** 63 : -cut);
  const ends = int64s(r, "ends", [end(height, top, bottom), end(width, left, right)]);
  return last(d, "Slice", input(d), int64s(r, "starts", [top, left]), ends, int64s(r, "axes", [2, 3]));
};

export const experimentalRewrites: Rewrites = {
  Affine: [always(affine)],
  Scale: [always(scale)],
  ImageScaler: [always(imageScaler)],
  ScaledTanh: [always(scaledTanh)],
  ParametricSoftplus: [always(parametricSoftplus)],
  Crop: [always(crop)],
};
