/** What the times of a program's steps say: how near each is to what the machine can do. */
import type { Facts } from "./built.ts";
import type { Timed } from "./harness.ts";
import { type Cell, type Terminal, table } from "./terminal.ts";

/** Of a sorted list: the value that a share of all is not above. */
export const quantile = (sorted: readonly number[], share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;

/** How fast work was done, from its median time; null where there is no work or no time, or the peak is not known. */
interface Rates {
  /** Of all steps' time, from 0 to 1; of means, since clocks of devices can be too coarse for a single run. */
  readonly share: number;
  /** Two for each multiply-accumulate of the plain algorithm: Winograd's may exceed the peak. */
  readonly gflops: number | null;
  readonly of_peak: number | null;
  readonly gb_per_s: number | null;
}
/** One step; bytes as in `Traffic`. */
export interface StepTime extends Rates {
  readonly step: number;
  readonly kernel: string;
  readonly kind: string;
  readonly nodes: readonly string[];
  readonly launches: number;
  readonly min_ms: number;
  readonly median_ms: number;
  readonly read_bytes: number;
  readonly weight_bytes: number;
  readonly written_bytes: number;
}
/** All steps of a kind; times and bytes are sums. */
export interface KindTime extends Rates {
  readonly kind: string;
  readonly steps: number;
  readonly min_ms: number;
  readonly median_ms: number;
  readonly bytes: number;
}
/** The shape of `mlc bench --profile --json`. */
export interface Profile {
  readonly peak_gflops: number | null;
  readonly steps: readonly StepTime[];
  readonly kinds: readonly KindTime[];
}

const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
/** Steps in their order, kinds by their time. */
export function profileOf(facts: Facts, t: Timed): Profile {
  const peak = Number.isFinite(t.peakGflops) && t.peakGflops > 0 ? t.peakGflops : null;
  const sorted = t.steps.map((s) => [...s.times].sort((a, b) => a - b)),
    medians = sorted.map((times) => quantile(times, 0.5)),
    spent = t.steps.map((s) => sum(s.times)),
    total = sum(spent);
  const rates = (ms: number, time: number, macs: number, bytes: number): Rates => {
    const gflops = macs && ms ? (2 * macs) / ms / 1e6 : null;
    return {
      share: total ? time / total : 0,
      gflops,
      of_peak: gflops !== null && peak !== null ? gflops / peak : null,
      gb_per_s: ms ? bytes / ms / 1e6 : null,
    };
  };
  const steps = t.steps.map(({ launches }, step): StepTime => {
    const { kernel, kind, origin, macs, traffic } = facts.steps[step]!,
      { read, weights, written } = traffic;
    const times = { min_ms: sorted[step]![0]!, median_ms: medians[step]! };
    const bytes = { read_bytes: read, weight_bytes: weights, written_bytes: written };
    return {
      step,
      kernel,
      kind,
      nodes: origin,
      launches,
      ...times,
      ...rates(medians[step]!, spent[step]!, macs, read + weights + written),
      ...bytes,
    };
  });
  const kinds = [...new Set(steps.map((s) => s.kind))].map((kind): KindTime => {
    const own = steps.filter((s) => s.kind === kind),
      bytes = sum(own.map((s) => s.read_bytes + s.weight_bytes + s.written_bytes)),
      median_ms = sum(own.map((s) => s.median_ms));
    const macs = sum(own.map((s) => facts.steps[s.step]!.macs)),
      time = sum(own.map((s) => spent[s.step]!));
    return { kind, steps: own.length, min_ms: sum(own.map((s) => s.min_ms)), median_ms, bytes, ...rates(median_ms, time, macs, bytes) };
  });
  return { peak_gflops: peak, steps, kinds: kinds.sort((a, b) => b.median_ms - a.median_ms) };
}

const percent = (x: number | null): Cell => (x === null ? "" : `${(100 * x).toFixed(1)} %`);
const rate = (x: number | null): Cell => (x === null ? "" : x.toFixed(1));
const megabytes = (x: number): string => (x / 1e6).toFixed(2);
/** Two tables: the steps, in their order or the slowest first, and the kinds. */
export function profileText(p: Profile, order: "run" | "time", t: Terminal): string {
  const peaked = p.peak_gflops !== null,
    cut = p.steps.some((s) => s.launches > 1);
  const speed = (r: Rates): Cell[] => [percent(r.share), rate(r.gflops), ...(peaked ? [percent(r.of_peak)] : [])];
  const speedHead = ["share", "GFLOP/s", ...(peaked ? ["of peak"] : [])];
  const listed = order === "run" ? p.steps : [...p.steps].sort((a, b) => b.median_ms - a.median_ms);
  const rows = listed.map((s): Cell[] => [
    s.step,
    s.kernel,
    s.kind,
    ...(cut ? [s.launches] : []),
    s.min_ms.toFixed(4),
    s.median_ms.toFixed(4),
    ...speed(s),
    ...[s.read_bytes, s.weight_bytes, s.written_bytes].map(megabytes),
    rate(s.gb_per_s),
    s.nodes.join(" + "),
  ]);
  const head = [
    "step",
    "kernel",
    "kind",
    ...(cut ? ["launches"] : []),
    "min ms",
    "median ms",
    ...speedHead,
    "MB in",
    "weights",
    "out",
    "GB/s",
    "nodes",
  ];
  const kinds = p.kinds.map((k): Cell[] => [
    k.kind,
    k.steps,
    k.min_ms.toFixed(4),
    k.median_ms.toFixed(4),
    ...speed(k),
    megabytes(k.bytes),
    rate(k.gb_per_s),
  ]);
  const peak = peaked ? `\nThe peak is ${p.peak_gflops!.toFixed(1)} GFLOP/s, measured between the runs; rates are from medians.\n` : "";
  return `${table(head, rows, t.colors, t.out, [], ["nodes"])}\n\n${table(["kind", "steps", "min ms", "median ms", ...speedHead, "MB", "GB/s"], kinds, t.colors, t.out)}\n${peak}`;
}
