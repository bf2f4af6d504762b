/** The graph passes, in order. Each says at its head what it needs and why it stands where it stands. */
import type { Graph } from "../../ir/graph.ts";
import { cancelTransposes } from "./cancel-transposes.ts";
import { dropTaps } from "./drop-taps.ts";
import { expandOperators } from "./expand-operators.ts";
import { foldConstants } from "./fold-constants.ts";
import { foldPads } from "./fold-pads.ts";
import { foldScales } from "./fold-scales.ts";
import { mergeDuplicates } from "./merge-duplicates.ts";
import { mergeProducts } from "./merge-products.ts";
import { mergeReshapes } from "./merge-reshapes.ts";
import { nameOutputs } from "./name-outputs.ts";
import { recogniseActivations } from "./recognise-activations.ts";
import { recogniseMeans } from "./recognise-means.ts";
import { recogniseNorms } from "./recognise-norms.ts";
import { recogniseQuantised } from "./recognise-quantised.ts";
import { removeDead } from "./remove-dead.ts";
import { removeIdentities } from "./remove-identities.ts";
import { resolvePadding } from "./resolve-padding.ts";
import { sinkScalars } from "./sink-scalars.ts";

/** A pure function from graph to graph. Returns its argument where it finds nothing to do. */
export interface GraphPass { readonly name: string; readonly run: (g: Graph) => Graph }
/** Passes in order; a group runs again while it changes anything, at most so many times. */
export type PassList = readonly (GraphPass | { readonly repeat: readonly GraphPass[]; readonly most: number })[];

const dead: GraphPass = { name: "remove-dead", run: removeDead };
const constants: GraphPass = { name: "fold-constants", run: foldConstants };
const identities: GraphPass = { name: "remove-identities", run: removeIdentities };
const reshapes: GraphPass = { name: "merge-reshapes", run: mergeReshapes };
const duplicates: GraphPass = { name: "merge-duplicates", run: mergeDuplicates };

/** From a graph as imported, all types known, to one that is ready to lower. */
export const graphPasses: PassList = [
  dead,
  { repeat: [constants, identities, reshapes, duplicates], most: 4 },
  { name: "resolve-padding", run: resolvePadding },
  { name: "recognise-means", run: recogniseMeans },
  { repeat: [
    { name: "recognise-norms", run: recogniseNorms },
    { name: "recognise-activations", run: recogniseActivations },
  ], most: 3 },
  { repeat: [
    { name: "merge-products", run: mergeProducts },
    { name: "fold-scales", run: foldScales },
    { name: "sink-scalars", run: sinkScalars },
    { name: "fold-pads", run: foldPads },
    { name: "drop-taps", run: dropTaps },
    { name: "cancel-transposes", run: cancelTransposes },
    reshapes, identities, constants, duplicates,
  ], most: 6 },
  { name: "expand-operators", run: expandOperators },
  constants, identities,
  dead,
  { name: "name-outputs", run: nameOutputs },
];
/** The same where products of bytes are faster than those of floats. */
export const bytePasses: PassList = [{ name: "recognise-quantised", run: recogniseQuantised }, ...graphPasses];
