import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Choice, Choices } from "../../passes/network/tune-schedules.ts";
import { Failure, orFail } from "../exit.ts";
import { type Built, type RunFlags, type Timed, benchModel, buildModel } from "../harness.ts";
import { randomInputs } from "../inputs.ts";
import { checkFlags, compileModel } from "../model.ts";
import { quantile } from "../profile.ts";
import { type Terminal, progress, table } from "../terminal.ts";
import { withChoices } from "../tuning.ts";

interface Flags extends RunFlags {
  readonly output?: string;
  readonly rounds: number;
  readonly tries: number;
  readonly runs: number;
  readonly gain: number;
  readonly json?: boolean;
}
interface Candidate {
  readonly built: Built;
  readonly choices: Readonly<Record<string, Choice>>;
  /** For each step, the least of the rounds' medians, in ms. */
  steps: readonly number[];
  /** The same of whole runs. */
  whole: number;
}
const median = (times: readonly number[]): number =>
  quantile(
    [...times].sort((a, b) => a - b),
    0.5,
  );
const least = (before: readonly number[], t: Timed): readonly number[] =>
  t.steps.map((s, i) => Math.min(before[i] ?? Number.POSITIVE_INFINITY, median(s.times)));

/**
 * `mlc tune`: measures other choices for each kernel, in the whole network, all kernels of one try at once and the tries in turns. Keeps
 * those that gain, if the network as a whole gains by them.
 */
export async function tuneCommand(t: Terminal, model: string, f: Flags): Promise<void> {
  checkFlags(f);
  const output = f.output ?? `${basename(model).replace(/\.[^.]*$/, "")}.tune.json`,
    work = mkdtempSync(join(tmpdir(), "mlc-tune-"));
  withChoices(output, {});
  const own: Terminal = { ...t, env: { ...t.env, XDG_CACHE_HOME: work } },
    bar = progress(t);
  try {
    const first = await buildModel(model, f, own),
      inputs = randomInputs(first.facts.inputs, 1, first.facts.words);
    const set = (await benchModel(first, inputs, 1)).isa;
    if (!set) throw new Failure("the target's kernels do not run on the processor: there is nothing to tune");
    const flags = { ...f, isa: [set], tune: undefined },
      offered = new Map<string, readonly Choice[]>();
    await compileModel(model, flags, { ...own, err: { write: () => {} } }, { tunable: (key, _variant, candidates) => offered.set(key, candidates) });
    const tries = Math.min(f.tries, Math.max(0, ...[...offered.values()].map((c) => c.length)));
    const asChoices = (chosen: Readonly<Record<string, Choice>>): Choices =>
      Object.fromEntries(Object.entries(chosen).map(([key, c]) => [key, { [set]: c }]));
    const build = async (choices: Readonly<Record<string, Choice>>): Promise<Candidate> => {
      const path = join(work, "choices.json");
      writeFileSync(path, withChoices(join(work, "none"), asChoices(choices)));
      const quiet = { ...own, err: { write: () => {} } };
      return { built: await buildModel(model, { ...flags, tune: path }, quiet), choices, steps: [], whole: Number.POSITIVE_INFINITY };
    };
    const programs: Candidate[] = [];
    for (let i = -1; i < tries; i++) {
      bar.step(i + 1, tries + 1, "building");
      programs.push(await build(Object.fromEntries([...offered].flatMap(([key, list]) => (list[i] ? [[key, list[i]!] as const] : [])))));
    }
    const measure = async (list: readonly Candidate[], profile: boolean): Promise<void> => {
      for (let round = 0; round < f.rounds; round++) {
        for (const p of list) {
          bar.step(round, f.rounds, "measuring");
          const found = await benchModel(p.built, inputs, f.runs, profile);
          if (profile) p.steps = least(p.steps, found);
          p.whole = Math.min(p.whole, median(found.runs));
        }
      }
    };
    await measure(programs, true);
    const [plain, ...others] = programs as [Candidate, ...Candidate[]];
    const timeOf = (p: Candidate, key: string): number => p.steps.reduce((sum, ms, i) => sum + (p.built.facts.steps[i]!.work === key ? ms : 0), 0);
    const gains = [...offered.keys()].flatMap((key) => {
      const before = timeOf(plain, key),
        best = others.filter((p) => p.choices[key]).sort((a, b) => timeOf(a, key) - timeOf(b, key))[0];
      const after = best ? timeOf(best, key) : before;
      return best && after < before * (1 - f.gain / 100) ? [{ key, choice: best.choices[key]!, before_ms: before, after_ms: after }] : [];
    });
    const chosen = Object.fromEntries(gains.map((g) => [g.key, g.choice]));
    let kept = chosen,
      after = plain.whole;
    if (gains.length) {
      const together = await build(chosen);
      plain.whole = Number.POSITIVE_INFINITY;
      await measure([plain, together], false);
      after = together.whole;
      if (together.whole >= plain.whole) (kept = {}), (after = plain.whole);
    }
    bar.stop();
    orFail(`cannot write ${output}`, () => writeFileSync(output, withChoices(output, asChoices(kept))));
    report(
      t,
      f,
      { output, isa: set, tries, before_ms: plain.whole, after_ms: after, kernels: offered.size, kept: Object.keys(kept).length, gains },
      plain.built,
    );
  } finally {
    bar.stop();
    rmSync(work, { recursive: true, force: true });
  }
}
interface Found {
  readonly output: string;
  readonly isa: string;
  readonly tries: number;
  readonly before_ms: number;
  readonly after_ms: number;
  readonly kernels: number;
  readonly kept: number;
  readonly gains: readonly { readonly key: string; readonly choice: Choice; readonly before_ms: number; readonly after_ms: number }[];
}
function report(t: Terminal, f: Flags, x: Found, b: Built): void {
  if (f.json) {
    t.out.write(`${JSON.stringify(x)}\n`);
    return;
  }
  const nodes = (key: string): string => b.facts.steps.find((s) => s.work === key)?.origin.join(" + ") ?? key;
  const rows = x.gains.map((g) => [
    g.before_ms.toFixed(4),
    g.after_ms.toFixed(4),
    Object.entries(g.choice)
      .map(([k, v]) => `${k} ${v}`)
      .join(", "),
    nodes(g.key),
  ]);
  if (rows.length) t.out.write(`${table(["ms", "tuned", "choice", "nodes"], rows, t.colors, t.out, [], ["nodes"])}\n\n`);
  t.out.write(
    `${x.kept} of ${x.kernels} kernels tuned for ${x.isa}: ${x.before_ms.toFixed(4)} -> ${x.after_ms.toFixed(4)} ms; written to ${x.output}\n`,
  );
  if (x.gains.length && !x.kept) t.out.write("The network as a whole was not faster: nothing is kept.\n");
}
