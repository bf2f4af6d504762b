import { UsageError } from "../exit.ts";
import { type RunFlags, benchModel, buildModel, startTwice } from "../harness.ts";
import { filesOrRandom } from "../inputs.ts";
import { inputFiles } from "../options.ts";
import { profileOf, profileText, quantile } from "../profile.ts";
import { type Terminal, formatBytes, table } from "../terminal.ts";

interface Flags extends RunFlags {
  readonly runs?: number;
  readonly input?: readonly (readonly [string, string])[];
  readonly runShape?: readonly (readonly [string, readonly number[]])[];
  readonly seed: number;
  readonly profile?: boolean;
  readonly sort?: "run" | "time";
  readonly json?: boolean;
}

/** `mlc bench`: times, memory and sizes of the compiled model. */
export async function benchCommand(t: Terminal, model: string, f: Flags): Promise<void> {
  if (f.sort && !f.profile) throw new UsageError("--sort orders the table of --profile", "add --profile");
  const b = await buildModel(model, f, t),
    { arenaBytes, codeBytes, weightsBytes, preparedBytes } = b.facts;
  const inputs = filesOrRandom(b.facts, { files: inputFiles(f.input), shapes: f.runShape, seed: f.seed }),
    { init, first, runs, peakKb, device, notes } = await benchModel(b, inputs, f.runs ?? 0);
  const starts = device && b.facts.build.kind === "native" ? await startTwice(b, inputs) : undefined;
  const profile = f.profile ? profileOf(b.facts, await benchModel(b, inputs, f.runs ?? 0, true)) : undefined;
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
    prepared_bytes: preparedBytes,
    ...(device ? { device, notes } : {}),
    ...(starts ? { init_cold_ms: starts.cold, init_warm_ms: starts.warm, cache: starts.cache } : {}),
    ...profile,
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
    ...(preparedBytes ? [["weights made at the start", formatBytes(preparedBytes)]] : []),
  ];
  t.out.write(`${table([b.facts.name, device || (b.threads > 1 ? `${b.threads} threads` : "one thread")], rows, t.colors, t.out)}\n`);
  for (const note of notes) t.out.write(`${note}\n`);
  if (profile) t.out.write(`\n${profileText(profile, f.sort ?? "time", t)}`);
}
