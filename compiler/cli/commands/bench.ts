import { UsageError } from "../exit.ts";
import type { Facts } from "../built.ts";
import { type RunFlags, type Timed, benchModel, buildModel, startTwice } from "../harness.ts";
import { randomInputs } from "../inputs.ts";
import { type Terminal, formatBytes, table } from "../terminal.ts";

interface Flags extends RunFlags {
  readonly threads: number;
  readonly runs?: number;
  readonly seed: number;
  readonly profile?: boolean;
  readonly json?: boolean;
}
/** Of a sorted list: the value that a share of all is not above. */
const quantile = (sorted: readonly number[], share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;

/** `mlc bench`: times, memory and sizes of the compiled model. */
export async function benchCommand(t: Terminal, model: string, f: Flags): Promise<void> {
  if (f.threads !== 1)
    throw new UsageError(`--threads ${f.threads}: only 1 is supported`, "the generated code runs on one thread; leave --threads out");
  const b = await buildModel(model, f, t),
    { arenaBytes, codeBytes, weightsBytes } = b.facts;
  const inputs = randomInputs(b.facts.inputs, f.seed),
    { init, first, runs, peakKb, device, notes } = await benchModel(b, inputs, f.runs ?? 0);
  const starts = device && b.facts.build.kind === "native" ? await startTwice(b, inputs) : undefined;
  const steps = f.profile ? stepTimes(b.facts, (await benchModel(b, inputs, f.runs ?? 0, true)).steps) : undefined;
  const sorted = [...runs].sort((x, y) => x - y);
  const x = {
    init_ms: init,
    first_ms: first,
    min_ms: sorted[0]!,
    median_ms: quantile(sorted, 0.5),
    p95_ms: quantile(sorted, 0.95),
    peak_rss_kb: peakKb,
    arena_bytes: arenaBytes,
    code_bytes: codeBytes,
    weights_bytes: weightsBytes,
    ...(device ? { device, notes } : {}),
    ...(starts ? { init_cold_ms: starts.cold, init_warm_ms: starts.warm, cache: starts.cache } : {}),
    ...(steps ? { steps } : {}),
  };
  if (f.json) {
    t.out.write(`${JSON.stringify(x)}\n`);
    return;
  }
  const ms = (n: number): string => `${n.toFixed(n < 10 ? 4 : 2)} ms`;
  const rows = [
    ["start-up", ms(x.init_ms)],
    ...(starts && starts.cache !== "off"
      ? [
          ["  without a cache of built kernels", ms(starts.cold)],
          [`  with it (${starts.cache})`, ms(starts.warm)],
        ]
      : []),
    ["first run", ms(x.first_ms)],
    [`minimum of ${runs.length}`, ms(x.min_ms)],
    ["median", ms(x.median_ms)],
    ["95th percentile", ms(x.p95_ms)],
    ["peak resident memory", formatBytes(x.peak_rss_kb * 1024)],
    ["working memory (arena)", formatBytes(x.arena_bytes)],
    ["code", formatBytes(x.code_bytes)],
    ["weights", formatBytes(x.weights_bytes)],
  ];
  t.out.write(`${table([b.facts.name, device || "one thread"], rows, t.colors, t.out)}\n`);
  for (const note of notes) t.out.write(`${note}\n`);
  if (steps) t.out.write(`\n${profileTable(steps, t)}\n`);
}
interface StepTime {
  readonly step: number;
  readonly kernel: string;
  readonly nodes: readonly string[];
  readonly launches: number;
  readonly ms: number;
  /** Of all steps' time, from 0 to 1. */
  readonly share: number;
  /** Two for each multiply-accumulate; null where the step has none. */
  readonly gflops: number | null;
}
function stepTimes(facts: Facts, times: Timed["steps"]): readonly StepTime[] {
  const total = times.reduce((sum, s) => sum + s.ms, 0);
  return times.map(({ step, ms, launches }) => {
    const { kernel, origin, macs } = facts.steps[step]!;
    return { step, kernel, nodes: origin, launches, ms, share: total ? ms / total : 0, gflops: macs && ms ? (2 * macs) / ms / 1e6 : null };
  });
}
/** The slowest first. */
function profileTable(steps: readonly StepTime[], t: Terminal): string {
  const rows = [...steps]
    .sort((a, b) => b.ms - a.ms)
    .map((s) => [
      s.step,
      s.kernel,
      s.launches,
      s.ms.toFixed(4),
      `${(100 * s.share).toFixed(1)} %`,
      s.gflops === null ? "" : s.gflops.toFixed(2),
      s.nodes.join(" + "),
    ]);
  return table(["step", "kernel", "launches", "ms", "share", "GFLOP/s", "nodes"], rows, t.colors, t.out, [], ["nodes"]);
}
