/** The list of all operators. */
import type { Op } from "./op.ts";
import { places } from "./arg.ts";
import { arithmetic } from "./arithmetic.ts";
import { attentions } from "./attention.ts";
import { casts } from "./cast.ts";
import { controls } from "./control.ts";
import { counters } from "./counts.ts";
import { elementwise } from "./elementwise.ts";
import { gathers } from "./gather.ts";
import { generators } from "./generate.ts";
import { orders } from "./order.ts";
import { recurrentOps } from "./recurrent.ts";
import { reducers } from "./reduce.ts";
import { reshapes } from "./reshape.ts";
import { scatters } from "./scatter.ts";
import { scatterPlaces } from "./scatter-places.ts";
import { slices } from "./slice.ts";
import { convolutions } from "./convolution.ts";
import { determinants } from "./determinant.ts";
import { stretchedConvolutions } from "./deformable.ts";
import { einsums } from "./einsum.ts";
import { linearOps } from "./linear.ts";
import { losses } from "./losses.ts";
import { microsoft } from "./microsoft.ts";
import { microsoftAttention } from "./microsoft-attention.ts";
import { microsoftQuantized } from "./microsoft-quantized.ts";
import { nGrams } from "./n-grams.ts";
import { normalizations } from "./normalization.ts";
import { pools } from "./pooling.ts";
import { quantizers } from "./quantize.ts";
import { resizes } from "./resize.ts";
import { regionPools } from "./regions.ts";
import { samplers } from "./sampling.ts";
import { sequenceOps } from "./sequences.ts";
import { signals } from "./signal.ts";
import { sizeLists } from "./sizes.ts";
import { textual } from "./text.ts";
import { softmaxes } from "./softmax.ts";
import { classicalOps } from "./classical.ts";
import { keyed } from "./keys.ts";
import { detections } from "./detection.ts";
import { distances } from "./distances.ts";
import { flexAttention } from "./flex-attention.ts";
import { linearAttention } from "./linear-attention.ts";
import { lookups } from "./lookup.ts";
import { randoms } from "./random.ts";
import { optimisers } from "./training.ts";
import { treeEnsembles } from "./tree-ensemble.ts";
import { walkTrees } from "./tree-walk.ts";
import { unfolders } from "./unfold.ts";
import { uniques } from "./unique.ts";
import { windows } from "./windows.ts";

const all: readonly Op[] = [
  ...elementwise, ...arithmetic, ...casts, ...reshapes, ...slices, ...gathers, ...scatters, ...generators, ...reducers, ...places, ...orders,
  ...convolutions, ...linearOps, ...einsums, ...normalizations, ...pools, ...resizes, ...quantizers, ...softmaxes, ...attentions,
  ...losses, ...windows, ...samplers, ...regionPools, ...signals, ...determinants, ...unfolders, ...stretchedConvolutions, ...microsoft, ...microsoftAttention, ...microsoftQuantized, ...recurrentOps, ...sequenceOps, ...textual, ...nGrams, ...sizeLists, ...counters, ...keyed, ...scatterPlaces, ...uniques, ...detections,
  ...treeEnsembles, walkTrees, ...classicalOps, ...lookups, ...distances, ...optimisers, linearAttention, flexAttention, ...randoms,
  ...controls,
];
export const ops: ReadonlyMap<string, Op> = new Map(all.map((o) => [o.name, o]));
