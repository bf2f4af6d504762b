import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type Choice, type Choices, everySet } from "../../passes/network/tune-schedules.ts";
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
  readonly choices: Choices;
  /** For each step, the least of the rounds' medians, in ms. */
  steps: readonly number[];
  /** The same of whole runs. */
  whole: number;
}
/** What is chosen: for each layer an algorithm, then for the kernels that there are with these a schedule. `of`: whose choice a step shows. */
interface Subject {
  readonly set: string;
  readonly of: (step: Built["facts"]["steps"][number]) => string | undefined;
}
interface Gain {
  readonly key: string;
  readonly choice: Choice;
  readonly before_ms: number;
  readonly after_ms: number;
}
interface Found {
  readonly offered: number;
  readonly tries: number;
  readonly kept: number;
  readonly gains: readonly Gain[];
  /** With the gains, if they are kept. */
  readonly best: Candidate;
}
const median = (times: readonly number[]): number =>
  quantile(
    [...times].sort((a, b) => a - b),
    0.5,
  );
const least = (before: readonly number[], t: Timed): readonly number[] =>
  t.steps.map((s, i) => Math.min(before[i] ?? Number.POSITIVE_INFINITY, median(s.times)));
const merged = (a: Choices, b: Choices): Choices => ({
  ...a,
  ...Object.fromEntries(Object.entries(b).map(([key, sets]) => [key, { ...a[key], ...sets }])),
});

/**
 * `mlc tune`: measures other algorithms for each layer, then other schedules for each kernel, in the whole network, all at once in one try and the
 * tries in turns. Keeps those that gain, if the network as a whole gains by them.
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
    const quiet = { ...own, err: { write: () => {} } },
      path = join(work, "choices.json");
    const flagsFor = (choices: Choices): Flags => {
      writeFileSync(path, withChoices(join(work, "none"), choices));
      return { ...f, isa: [set], tune: path };
    };
    const build = async (choices: Choices): Promise<Candidate> => ({
      built: await buildModel(model, flagsFor(choices), quiet),
      choices,
      steps: [],
      whole: Number.POSITIVE_INFINITY,
    });
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
    const isFaster = async (other: Candidate, plain: Candidate): Promise<boolean> => {
      other.whole = plain.whole = Number.POSITIVE_INFINITY;
      await measure([plain, other], false);
      return other.whole < plain.whole;
    };
    const improve = async (plain: Candidate, { set: variant, of }: Subject): Promise<Found> => {
      const offered = new Map<string, readonly Choice[]>();
      await compileModel(model, flagsFor(plain.choices), quiet, {
        tunable: (key, v, candidates) => v === variant && candidates.length && offered.set(key, candidates),
      });
      const tries = Math.min(f.tries, Math.max(0, ...[...offered.values()].map((c) => c.length))),
        others: Candidate[] = [];
      const chosen = (some: Iterable<readonly [string, Choice]>) =>
        merged(plain.choices, Object.fromEntries([...some].map(([key, c]) => [key, { [variant]: c }])));
      for (let i = 0; i < tries; i++) {
        bar.step(i, tries, "building");
        others.push(await build(chosen([...offered].flatMap(([key, list]) => (list[i] ? [[key, list[i]!] as const] : [])))));
      }
      Object.assign(plain, { steps: [], whole: Number.POSITIVE_INFINITY });
      await measure([plain, ...others], true);
      const timeOf = (p: Candidate, key: string): number => p.steps.reduce((sum, ms, i) => sum + (of(p.built.facts.steps[i]!) === key ? ms : 0), 0);
      const gains = [...offered].flatMap(([key, list]): Gain[] => {
        const before_ms = timeOf(plain, key),
          times = others.slice(0, list.length).map((p) => timeOf(p, key)),
          after_ms = Math.min(...times);
        return after_ms < before_ms * (1 - f.gain / 100) ? [{ key, choice: list[times.indexOf(after_ms)]!, before_ms, after_ms }] : [];
      });
      const result = { offered: offered.size, tries, gains };
      if (gains.length) {
        const together = await build(chosen(gains.map((g) => [g.key, g.choice] as const)));
        if (await isFaster(together, plain)) return { ...result, kept: gains.length, best: together };
      }
      return { ...result, kept: 0, best: plain };
    };
    const plain = await build({}),
      algorithms = await improve(plain, { set: everySet, of: (s) => s.decision }),
      kernels = await improve(algorithms.best, { set, of: (s) => s.work });
    // The machine may have been slower in one half than in the other.
    if (algorithms.kept) await isFaster(kernels.best, plain);
    bar.stop();
    orFail(`cannot write ${output}`, () => writeFileSync(output, withChoices(output, kernels.best.choices)));
    report(t, f, { output, isa: set, before_ms: plain.whole, after_ms: kernels.best.whole, algorithms, kernels });
  } finally {
    bar.stop();
    rmSync(work, { recursive: true, force: true });
  }
}
interface Tuned {
  readonly output: string;
  readonly isa: string;
  readonly before_ms: number;
  readonly after_ms: number;
  readonly algorithms: Found;
  readonly kernels: Found;
}
function report(t: Terminal, f: Flags, x: Tuned): void {
  const { algorithms, kernels, output, isa, before_ms, after_ms } = x;
  const figures = ({ offered, tries, kept, gains }: Found) => ({ offered, tries, kept, gains });
  if (f.json) {
    t.out.write(`${JSON.stringify({ output, isa, before_ms, after_ms, algorithms: figures(algorithms), kernels: figures(kernels) })}\n`);
    return;
  }
  const rowsOf = ({ gains, best }: Found, of: Subject["of"]) =>
    gains.map((g) => [
      g.before_ms.toFixed(4),
      g.after_ms.toFixed(4),
      Object.entries(g.choice)
        .map(([k, v]) => `${k} ${v}`)
        .join(", "),
      best.built.facts.steps.find((s) => of(s) === g.key)?.origin.join(" + ") ?? g.key,
    ]);
  const rows = [...rowsOf(algorithms, (s) => s.decision), ...rowsOf(kernels, (s) => s.work)];
  if (rows.length) t.out.write(`${table(["ms", "tuned", "choice", "nodes"], rows, t.colors, t.out, [], ["nodes"])}\n\n`);
  t.out.write(
    `${algorithms.kept} of ${algorithms.offered} layers have another algorithm, ${kernels.kept} of ${kernels.offered} kernels another schedule for ${isa}: ${before_ms.toFixed(4)} -> ${after_ms.toFixed(4)} ms; written to ${output}\n`,
  );
  for (const [what, { gains, kept }] of Object.entries({ algorithms, schedules: kernels }))
    if (gains.length && !kept) t.out.write(`The network as a whole was not faster with other ${what}: none is kept.\n`);
}
