/**
 * Replaces large products with constant weights by Strassen's where that is faster.
 * Needs: fusing is done (the tail comes along); layouts, because the result's columns must be contiguous; convolutions have had
 * their choice. Ensures: the same results within a few times the rounding errors of plain sums.
 */
import { address, extentOf, rowMajor, type Axis, type Choice, type Compute } from "../../ir/compute.ts";
import { contractionOf } from "../../ir/contraction.ts";
import { linear } from "../../ir/linear.ts";
import { relist, type Network } from "../../ir/network.ts";
import type { Core, MachineFacts, StrassenFacts } from "../../ir/machine.ts";
import { directSeconds, onAll, overlapped } from "./cost-model.ts";
import { withCombined } from "./combine-weights.ts";
import { algorithmFor } from "./tune-algorithms.ts";
import type { Tuner } from "./tune-schedules.ts";
import { combinedWeights, strassenCompute, type PlainProduct } from "./strassen.ts";

/** Strassen's product is taken where it needs no more than such a part of the time. */
const worthwhile = 0.98;

/** The network with Strassen's product where it is the cheaper one; the setup makes the combined weights. */
export function chooseProducts(n: Network, facts: MachineFacts, tuner?: Tuner): Network {
  const { strassen } = facts;
  if (!strassen) return n;
  const computes = n.computes.map((c) => {
    const o = asProduct(n, c), choices = o && choicesOf(o, strassen);
    if (!choices) return c;
    const { algorithm, ...chosen } = algorithmFor(c, choices, tuner);
    if (algorithm === "direct") return tuner ? { ...c, ...chosen } : c;
    const p = contractionOf(o.compute, o.stage)!, { network, name } = withCombined(n, combinedWeights(o, n.tensors.get(p.b.buffer)!, p.b.at));
    n = network;
    return relist({ ...strassenCompute(o, name), ...chosen }, n.tensors);
  });
  return { ...n, computes };
}
/**
 * One product, or 7 products of halves, the additions around them and more weights to read; null where the halves would not fit. In cycles of
 * 16 multiply-accumulates, a pair of elements costs 1 to combine and 1.25 to put together, and tiles of half the rows are
 * a little less even. Each block of rows reads all weights, the first of them from memory.
 */
function choicesOf(o: PlainProduct, { machines, blocks }: StrassenFacts): readonly [Choice, Choice] | null {
  const K = extentOf(o.k), N = extentOf(o.n), rows = o.rows.reduce((x, a) => x * extentOf(a), 1), pairs = Math.ceil(rows / 2);
  if (N % 32 || K % 2 || rows < fewestRows) return null;
  const products = 1.04 * 7 * (K / 2) * (N / 2) * pairs, additions = pairs * (16 * (K / 2) + 20 * (N / 2)), bytes = 7 * K * N, again = blocks(pairs, K / 2) - 1;
  const seconds = (m: Core) => overlapped(products / m.macsPerSecond, bytes / m.bytesPerSecond + (again * bytes) / m.cacheBytesPerSecond, m) + additions / m.macsPerSecond;
  const direct = directSeconds(K * N * rows, 4 * K * N, machines), halves = onAll(machines, seconds), chosen = halves < direct * worthwhile;
  return [{ algorithm: "direct", weightBytes: 4 * K * N, ms: direct * 1e3, chosen: !chosen }, { algorithm: "Strassen", weightBytes: bytes, ms: halves * 1e3, chosen }];
}
/** Fewer rows make no tiles of half of them. */
const fewestRows = 32;
/** One sum of products with a constant, over one axis, every row and column of it in the result. */
function asProduct(n: Network, c: Compute): PlainProduct | null {
  const [s] = c.stages, p = c.stages.length === 1 && !c.algorithm ? contractionOf(c, s!) : null, [out] = c.outputs;
  if (!s || !p || c.outputs.length !== 1 || p.guards.length > 0 || p.batch.length > 0 || p.free.some((a) => extentOf(a) > 1)) return null;
  const ks = s.reduce!.axes.filter((a) => extentOf(a) > 1), ns = p.columns, weight = n.tensors.get(p.b.buffer);
  if (ks.length !== 1 || ns.length !== 1 || weight?.kind !== "constant" || weight.dtype !== "f32" || weight.whole) return null;
  const [k] = ks as [Axis], [column] = ns as [Axis], store = linear(address(out!.shape, out!.layout, out!.index ?? s.axes));
  const inWeight = linear(address(weight.shape, rowMajor(weight.shape.length), p.b.at));
  const moves = (x: Axis) => store.terms.get(x) ?? 0;
  if (moves(column) !== 1 || [...inWeight.terms.keys()].some((x) => x !== k && x !== column && extentOf(x as Axis) > 1)) return null;
  const rows = p.rows.filter((a) => extentOf(a) > 1);
  if (rows.length === 0 || rows.some((a) => moves(a) === 0)) return null;
  return { compute: c, stage: s, operand: p.a, rows: [...rows].sort((a, b) => moves(b) - moves(a)), n: column, k };
}
