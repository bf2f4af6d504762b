/** From a graph that is ready to lower to a program: the passes over networks, in order. */
import { printNetwork, type Network } from "../../ir/network.ts";
import { types } from "../../ir/types.ts";
import type { Graph } from "../../ir/graph.ts";
import { mapFlow, type Regions } from "../../ir/control.ts";
import type { Program } from "../../ir/program.ts";
import { CompileError } from "../../diagnostics.ts";
import { ops } from "../../ops/index.ts";
import type { TargetFacts, Variant } from "../../emit/target.ts";
import { whole } from "../graph/cut-regions.ts";
import { addHalos } from "./add-halos.ts";
import { buildProgram } from "./build-program.ts";
import { chainProducts } from "./chain-products.ts";
import { chainWindows } from "./chain-windows.ts";
import { chooseAlgorithms } from "./choose-algorithms.ts";
import { chooseProducts } from "./choose-products.ts";
import { chooseLayouts } from "./choose-layouts.ts";
import { runSetup } from "./combine-weights.ts";
import { densePorts } from "./dense-ports.ts";
import { elideCopies } from "./elide-copies.ts";
import { endLoops } from "./end-loops.ts";
import { byteSums } from "./byte-sums.ts";
import { floatSums } from "./float-sums.ts";
import { fuseTails } from "./fuse-tails.ts";
import { narrowStorage } from "./narrow-storage.ts";
import { inlineMaps } from "./inline-maps.ts";
import { inlineMovement } from "./inline-movement.ts";
import { joinRegions } from "./join-regions.ts";
import { loadScales } from "./load-scales.ts";
import { lowerGraph, valueOfTensor } from "./lower-graph.ts";
import { padStrides } from "./pad-strides.ts";
import { splitConcats } from "./split-concats.ts";
import { splitRecurrences } from "./split-recurrences.ts";
import { splitStages } from "./split-stages.ts";
import { splitConstants } from "./split-constants.ts";
import { splitPhases } from "./split-phases.ts";
import { splitSums } from "./split-sums.ts";
import { storeTypes } from "./store-types.ts";
import { verifyNetwork } from "./verify-network.ts";
import { widenMasks } from "./widen-masks.ts";
import type { Tuner } from "./tune-schedules.ts";

/** A pure function from network to network; `facts` are those of the target's machines, `tuner` knows what was measured instead. */
export interface NetworkPass { readonly name: string; readonly run: (n: Network, facts: TargetFacts, tuner?: Tuner) => Network }
/** The network passes, in order. Each says at its head what it needs and why it stands where it stands. */
export const networkPasses: readonly NetworkPass[] = [
  { name: "store-types", run: storeTypes },
  { name: "byte-sums", run: byteSums },
  { name: "float-sums", run: floatSums },
  { name: "split-recurrences", run: splitRecurrences },
  { name: "widen-masks", run: widenMasks },
  { name: "split-concats", run: splitConcats },
  { name: "inline-movement", run: inlineMovement },
  { name: "fuse-tails", run: fuseTails },
  // Fused copies leave tensors that repeat a box of another.
  { name: "inline-movement", run: inlineMovement },
  { name: "fuse-tails", run: fuseTails },
  { name: "chain-products", run: chainProducts },
  { name: "split-phases", run: splitPhases },
  { name: "split-stages", run: splitStages },
  { name: "split-constants", run: splitConstants },
  { name: "dense-ports", run: densePorts },
  { name: "choose-layouts", run: chooseLayouts },
  { name: "choose-algorithms", run: chooseAlgorithms },
  { name: "choose-products", run: chooseProducts },
  { name: "run-setup", run: runSetup },
  { name: "inline-maps", run: inlineMaps },
  { name: "chain-windows", run: chainWindows },
  { name: "split-sums", run: splitSums },
  { name: "add-halos", run: addHalos },
  // Clearing a margin is a stage of its own.
  { name: "split-stages", run: splitStages },
  { name: "narrow-storage", run: narrowStorage },
  { name: "pad-strides", run: padStrides },
  { name: "elide-copies", run: elideCopies },
  { name: "load-scales", run: loadScales },
  { name: "end-loops", run: endLoops },
];
/** For which machine and instruction sets; `dump` gets the network's text after each pass, under a numbered name. */
export interface NetworkOptions {
  readonly facts: TargetFacts;
  readonly variants: readonly Variant[];
  readonly tuner?: Tuner;
  readonly dump?: (fileName: string, text: string) => void;
  readonly progress?: (done: number, total: number, what: string) => void;
}
/** Elements that share bytes have no places of their own where lines have another length in each run. */
function checkPacked(n: Network): void {
  const packed = [...n.tensors.values()].filter((t) => (t.kind === "input" || t.kind === "output") && t.sizes?.some(Boolean) && types[t.dtype].bits < 8);
  if (packed.length) {
    throw new CompileError([{
      severity: "error", code: "open-sizes", message: `elements of fewer than 8 bits need sizes that are known when compiling: ${packed.map((t) => `${valueOfTensor(t.name)} is ${t.dtype}`).join(", ")}`,
      hint: "give its dimensions numbers in --shape or --dim, or the input or output a type of 8 bits",
    }]);
  }
}
/** Needs: types known, operators expanded. Throws where a pass leaves something that does not hold together, naming the pass. */
export const compileNetwork = (g: Graph, o: NetworkOptions): Program => compileRegions(whole(g), o);
/** Throws where values between pieces, or slices, are strings. */
function refuseStrings(r: Regions<Graph>): void {
  const strings = [...r.types].filter(([, t]) => t.dtype === "string").map(([v]) => v), few = `${strings.slice(0, 3).join(", ")}${strings.length > 3 ? " ..." : ""}`;
  if (strings.length) throw new CompileError([{ severity: "error", code: "unsupported-form", message: `the model branches or repeats at run time, and has strings there (${few})`, hint: "export the branch that is taken, or say what decides: --value NAME=1" }]);
}
/** Of pieces: what leads from one to another lies as it is; only once they are joined is it known what the caller's memory is. */
const piecePasses = networkPasses.filter((pass) => pass.run !== densePorts);
/** `compileNetwork` of a model that is cut at its control flow. */
export function compileRegions(r: Regions<Graph>, o: NetworkOptions): Program {
  let number = 0;
  const check = (pass: string, made: Network): Network => {
    o.dump?.(`n${String(number++).padStart(2, "0")}-${pass}.txt`, printNetwork(made));
    const problems = verifyNetwork(made);
    if (problems.length) throw new Error(`pass ${pass} left a network that does not hold together:\n${problems.slice(0, 10).map((p) => `  ${p}`).join("\n")}`);
    return made;
  };
  const lowered = (g: Graph): Network => {
    const n = lowerGraph(g, ops);
    checkPacked(n);
    return n;
  };
  const isCut = r.flow.length !== 1 || r.flow[0]?.kind !== "piece";
  if (isCut) refuseStrings(r);
  const piece = (g: Graph): Network => (isCut ? piecePasses : networkPasses).reduce((before, pass) => check(pass.name, pass.run(before, o.facts, o.tuner)), check("lower-graph", lowered(g)));
  const joined = joinRegions({ ...r, flow: mapFlow(r.flow, piece, (v) => v) }, o.facts.types), n = joined.flow ? check("dense-ports", densePorts(check("join-regions", joined), o.facts)) : joined;
  return buildProgram(n, { variants: o.variants, alignment: o.facts.alignment, shares: o.facts.shares === true, ...(o.tuner ? { tuner: o.tuner } : {}), ...(o.progress ? { progress: o.progress } : {}) });
}
