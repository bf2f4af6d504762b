import { UsageError } from "../exit.ts";
import { type RunFlags, benchModel, buildModel } from "../harness.ts";
import { randomInputs } from "../inputs.ts";
import { type Terminal, formatBytes, table } from "../terminal.ts";

interface Flags extends RunFlags {
  readonly threads: number;
  readonly runs?: number;
  readonly seed: number;
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
  const { init, first, runs, peakKb } = await benchModel(b, randomInputs(b.facts.inputs, f.seed), f.runs ?? 0);
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
  };
  if (f.json) {
    t.out.write(`${JSON.stringify(x)}\n`);
    return;
  }
  const ms = (n: number): string => `${n.toFixed(n < 10 ? 4 : 2)} ms`;
  const rows = [
    ["start-up", ms(x.init_ms)],
    ["first run", ms(x.first_ms)],
    [`minimum of ${runs.length}`, ms(x.min_ms)],
    ["median", ms(x.median_ms)],
    ["95th percentile", ms(x.p95_ms)],
    ["peak resident memory", formatBytes(x.peak_rss_kb * 1024)],
    ["working memory (arena)", formatBytes(x.arena_bytes)],
    ["code", formatBytes(x.code_bytes)],
    ["weights", formatBytes(x.weights_bytes)],
  ];
  t.out.write(`${table([b.facts.name, "one thread"], rows, t.colors, t.out)}\n`);
}
