/** LSTM, GRU and RNN against their equations in plain loops, over all options. */
import { describe, expect, it } from "vitest";
import type { Attribute, Constant } from "../../compiler/ir/graph.ts";
import { f32, listOf, runOp, sample, tensorOf } from "./harness.ts";
import { dice, expectClose, reader, tabulate } from "./reference.ts";

type Unary = (x: number) => number;
const sigmoid: Unary = (x) => 1 / (1 + Math.exp(-x));
/** Each with what its attributes alpha and beta make of it. */
const functions: Readonly<Record<string, (alpha: number, beta: number) => Unary>> = {
  Relu: () => (x) => Math.max(x, 0), Tanh: () => Math.tanh, Sigmoid: () => sigmoid, Softsign: () => (x) => x / (1 + Math.abs(x)), Softplus: () => (x) => Math.log1p(Math.exp(x)),
  Affine: (a, b) => (x) => a * x + b, LeakyRelu: (a) => (x) => (x < 0 ? a * x : x), ThresholdedRelu: (a) => (x) => (x > a ? x : 0),
  ScaledTanh: (a, b) => (x) => a * Math.tanh(b * x), HardSigmoid: (a, b) => (x) => Math.min(1, Math.max(0, a * x + b)), Elu: (a) => (x) => (x < 0 ? a * (Math.exp(x) - 1) : x),
};
const [takesAlpha, takesBeta] = [["Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu"], ["Affine", "ScaledTanh", "HardSigmoid"]] as const;
type Kind = "LSTM" | "GRU" | "RNN";
const gatesOf = { LSTM: 4, GRU: 3, RNN: 1 } as const, defaults = { LSTM: ["Sigmoid", "Tanh", "Tanh"], GRU: ["Sigmoid", "Tanh"], RNN: ["Tanh"] } as const;
interface Case {
  readonly kind: Kind; readonly steps: number; readonly batch: number; readonly input: number; readonly hidden: number; readonly directions: readonly boolean[];
  /** X, W, R, B, sequence_lens, initial_h, initial_c, P; layout 0. */
  readonly inputs: readonly (Constant | undefined)[];
  readonly activations: readonly Unary[]; readonly clip: number; readonly late: boolean; readonly coupled: boolean;
}
/** Y, Y_h and Y_c, in layout 0. */
function byEquations(c: Case): readonly Constant[] {
  const { kind, steps, batch, input, hidden, directions } = c, D = directions.length, gates = gatesOf[kind], none = () => 0;
  const [X, W, R, B, L, H0, C0, P] = c.inputs.map((x) => x && reader(x)), Y = new Map<string, number>(), h: number[][][] = [], cell: number[][][] = [], count = defaults[kind].length;
  const range = (n: number) => Array.from({ length: n }, (_, i) => i), sum = (n: number, f: (i: number) => number) => range(n).reduce((s, i) => s + f(i), 0);
  directions.forEach((back, d) => range(batch).forEach((b) => {
    const act = c.activations.slice(d * count, (d + 1) * count), [f, g] = act.map((a): Unary => (x) => a(Math.max(-c.clip, Math.min(c.clip, x)))) as [Unary, Unary];
    let now = range(hidden).map((i) => (H0 ?? none)(d, b, i)), C = range(hidden).map((i) => (C0 ?? none)(d, b, i));
    const length = L?.(b) ?? steps;
    for (const t of back ? range(length).reverse() : range(length)) {
      const old = now, x = (n: number) => sum(input, (i) => X!(t, b, i) * W!(d, n, i)) + (B ?? none)(d, n), own = (n: number, of = old) => sum(hidden, (k) => of[k]! * R!(d, n, k)) + (B ?? none)(d, gates * hidden + n);
      const gate = (q: number, i: number) => x(q * hidden + i) + own(q * hidden + i), peep = (q: number, i: number, of: number[]) => (P ?? none)(d, q * hidden + i) * of[i]!;
      if (kind === "RNN") now = range(hidden).map((i) => f(gate(0, i)));
      else if (kind === "GRU") {
        const reset = range(hidden).map((i) => f(gate(1, i))), held = range(hidden).map((i) => reset[i]! * old[i]!);
        const fresh = range(hidden).map((i) => g(x(2 * hidden + i) + (c.late ? reset[i]! * own(2 * hidden + i) : own(2 * hidden + i, held))));
        now = range(hidden).map((i) => { const z = f(gate(0, i)); return (1 - z) * fresh[i]! + z * old[i]!; });
      } else {
        const before = C;
        C = range(hidden).map((i) => {
          const into = f(gate(0, i) + peep(0, i, before)), forget = c.coupled ? 1 - into : f(gate(2, i) + peep(2, i, before));
          return forget * before[i]! + into * g(gate(3, i));
        });
        now = range(hidden).map((i) => f(gate(1, i) + peep(1, i, C)) * act[2]!(C[i]!));
      }
      now.forEach((v, i) => Y.set([t, d, b, i].join(), v));
    }
    (h[d] ??= [])[b] = now; (cell[d] ??= [])[b] = C;
  }));
  const last = (of: number[][][]) => f32([D, batch, hidden], tabulate([D, batch, hidden], ([d, b, i]) => of[d!]![b!]![i!]!));
  return [f32([steps, D, batch, hidden], tabulate([steps, D, batch, hidden], (i) => Y.get(i.join()) ?? 0)), last(h), ...(kind === "LSTM" ? [last(cell)] : [])];
}
const swapped = (c: Constant, perm: readonly number[]): Constant => {
  const shape = perm.map((p) => c.shape[p]!), read = reader(c);
  return f32(shape, tabulate(shape, (i) => read(...perm.map((_, d) => i[perm.indexOf(d)]!))));
};
/** A case with options drawn from a seed, against the equations. */
function check(kind: Kind, seed: number): void {
  const roll = dice(seed), some = () => roll(0, 1) === 1, directions = [[false], [true], [false, true]][roll(0, 2)]!, D = directions.length, gates = gatesOf[kind];
  const [steps, batch, input, hidden] = [roll(1, 4), roll(1, 3), roll(1, 4), roll(1, 5)], at = (shape: readonly number[], n: number) => sample(shape, seed * 16 + n * 2 + 1);
  const inputs = [
    at([steps, batch, input], 0), at([D, gates * hidden, input], 1), at([D, gates * hidden, hidden], 2), some() ? at([D, 2 * gates * hidden], 3) : undefined,
    some() ? tensorOf("i32", [batch], Array.from({ length: batch }, () => roll(0, steps))) : undefined, some() ? at([D, batch, hidden], 4) : undefined,
    ...(kind === "LSTM" ? [some() ? at([D, batch, hidden], 5) : undefined, some() ? at([D, 3 * hidden], 6) : undefined] : []),
  ];
  const attributes: Record<string, Attribute> = { hidden_size: hidden, direction: D === 2 ? "bidirectional" : directions[0] ? "reverse" : "forward" }, batchFirst = some();
  let names: readonly string[] = Array.from({ length: D }, () => defaults[kind]).flat(), alphas: number[] = [], betas: number[] = [];
  if (some()) {
    names = names.map(() => Object.keys(functions)[roll(0, 10)]!);
    alphas = names.filter((n) => takesAlpha.includes(n as never)).map(() => roll(1, 9) / 8);
    betas = names.filter((n) => takesBeta.includes(n as never)).map(() => roll(1, 9) / 8);
    Object.assign(attributes, { activations: names, activation_alpha: alphas, activation_beta: betas });
  }
  const clip = some() ? 0.75 : Infinity, late = kind === "GRU" && some(), coupled = kind === "LSTM" && some(), [a, b] = [[...alphas], [...betas]];
  if (clip < 1) attributes.clip = clip;
  if (late) attributes.linear_before_reset = 1;
  if (coupled) attributes.input_forget = 1;
  if (batchFirst) attributes.layout = 1;
  const activations = names.map((n) => functions[n]!(takesAlpha.includes(n as never) ? a.shift()! : 0, takesBeta.includes(n as never) ? b.shift()! : 0));
  const want = byEquations({ kind, steps, batch, input, hidden, directions, inputs, activations, clip, late, coupled });
  const turned = batchFirst ? inputs.map((x, i) => (x && [0, 5, 6].includes(i) ? swapped(x, [1, 0, 2]) : x)) : inputs;
  const got = runOp(kind, turned, attributes, { outputs: want.length, runtime: [4, 5, 6] });
  const back = batchFirst ? got.map((y, i) => swapped(y, i ? [1, 0, 2] : [1, 2, 0, 3])) : got;
  back.forEach((y, i) => { expect(y.shape).toEqual(want[i]!.shape); expectClose(listOf(y), listOf(want[i]!), 2e-5); });
}

describe.each<Kind>(["LSTM", "GRU", "RNN"])("%s", (kind) => {
  it("follows its equations with any options", () => { for (let seed = 1; seed <= 40; seed++) check(kind, seed * 7 + kind.length); });
});
describe("what is refused", () => {
  const X = sample([3, 2, 4]), W = sample([1, 5, 4]), R = sample([1, 5, 5]);
  it.each<[string, () => unknown]>([
    ["W, for inputs [3, 2, 4] (input 1) has shape [1, 5, 4], but must have [1, 4, 4]", () => runOp("RNN", [X, W, sample([1, 5, 4])], {})],
    ["attribute hidden_size is 6, but R has shape [1, 5, 5]", () => runOp("RNN", [X, W, R], { hidden_size: 6 })],
    ["attribute direction is \"both\"", () => runOp("RNN", [X, W, R], { direction: "both" })],
    ["attribute activations names 2 functions, but 1 are needed", () => runOp("RNN", [X, W, R], { activations: ["Tanh", "Tanh"] })],
    ["there is no activation Cube", () => runOp("RNN", [X, W, R], { activations: ["Cube"] })],
    ["the sequence [0, 2, 4] has no steps", () => runOp("RNN", [sample([0, 2, 4]), W, R], {})],
    ["sequence_lens (input 4) has shape [3], but must have [2]", () => runOp("RNN", [X, W, R, undefined, tensorOf("i32", [3], [1, 1, 1])], {})],
  ])("%s", (message, run) => expect(run).toThrow(message));
});
