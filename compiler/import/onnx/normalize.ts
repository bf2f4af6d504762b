/** Brings a node of ONNX's own operators into the newest form: the core set that the rest of the compiler knows. */
import type { Draft } from "./builder.ts";
import { arithmeticRewrites } from "./rewrites/arithmetic.ts";
import { experimentalRewrites } from "./rewrites/experimental.ts";
import { networkRewrites } from "./rewrites/networks.ts";
import { without, type Rewriter, type Rewrites } from "./rewrites/rewrite.ts";
import { shapeRewrites } from "./rewrites/shapes.ts";
export type { Rewriter } from "./rewrites/rewrite.ts";

/** The newest operator set whose forms this file knows: that of ONNX 1.22. */
export const newestOpset = 27;
/** What changed, by operator; an operator that is not here has kept its form. */
export const rewrites: Rewrites = { ...shapeRewrites, ...arithmeticRewrites, ...networkRewrites, ...experimentalRewrites };

/** The node in its newest form. Throws Problem where an old form has none. */
export function normalize(d: Draft, opset: number, r: Rewriter): Draft {
  const steps = Object.hasOwn(rewrites, d.op) ? rewrites[d.op]! : [];
  const start = opset < 6 ? without(d, "consumed_inputs") : d;
  return steps.filter((s) => opset < s.below).reduce((node, s) => s.rewrite(node, r), start);
}
