/**
 * LSTM, GRU and RNN. For each direction: the product of all steps' inputs with W, then steps along time, each of which reads the
 * state that the step before has made.
 */
import { add, both, convert, div, less, make, mul, select, sub } from "../ir/algebra.ts";
import { accumulator, axis, type Axis, type Compute, type Output, type Stage } from "../ir/compute.ts";
import { int, minus, plus, range } from "../ir/linear.ts";
import { load, type Expr } from "../ir/scalar.ts";
import { boundOf, type Dim, type ValueType } from "../ir/graph.ts";
import { choice, dimsOf, expectShape, shapeOf, typeOf } from "./checks.ts";
import { clampTo, elu, hardSigmoid, leakyRelu, relu, sigmoid, softplus, softsign, tanh, thresholdedRelu } from "./formulas.ts";
import { expectType, floats, forOutputs, like, showShape } from "./helpers.ts";
import { byteScale } from "./quantize.ts";
import { sizeExpr, type AttributeSpec, type NodeView, type Op } from "./op.ts";

const accuracy = { absolute: 1e-6, relative: 2e-5, reason: "sums of float products are taken in another order, and each step builds on the last; exp and tanh are of single precision" } as const;

type Activation = (x: Expr) => Expr;
interface ActivationRule { readonly of: (x: Expr, alpha: number, beta: number) => Expr; readonly alpha?: number; readonly beta?: number }
/** By lower-case name, with the defaults of what they take. */
const activations: Readonly<Record<string, ActivationRule>> = {
  relu: { of: relu }, tanh: { of: tanh }, sigmoid: { of: sigmoid }, softsign: { of: softsign }, softplus: { of: softplus },
  affine: { of: (x, alpha, beta) => add(mul(x, like(x, alpha)), like(x, beta)), alpha: 1, beta: 0 },
  leakyrelu: { of: (x, alpha) => leakyRelu(x, like(x, alpha)), alpha: 0.01 },
  thresholdedrelu: { of: (x, alpha) => thresholdedRelu(x, alpha), alpha: 1 },
  scaledtanh: { of: (x, alpha, beta) => mul(tanh(mul(x, like(x, beta))), like(x, alpha)), alpha: 1, beta: 1 },
  hardsigmoid: { of: (x, alpha, beta) => hardSigmoid(x, alpha, beta), alpha: 0.2, beta: 0.5 },
  elu: { of: (x, alpha) => elu(x, alpha), alpha: 1 },
};
/** The activations of all directions, one after the other; `defaults` are those of one. */
function activationsOf(n: NodeView, defaults: readonly string[], directions: number): readonly Activation[] {
  const given = n.stringsOr("activations") ?? Array.from({ length: directions }, () => defaults).flat();
  if (given.length !== defaults.length * directions) n.fail(`attribute activations names ${given.length} functions, but ${defaults.length * directions} are needed`);
  const alphas = [...(n.intsOr("activation_alpha") ?? [])], betas = [...(n.intsOr("activation_beta") ?? [])], clip = n.given("clip") ? n.float("clip") : null;
  return given.map((name, i): Activation => {
    const rule = activations[name.toLowerCase()] ?? n.fail(`there is no activation ${name}; there are ${Object.keys(activations).join(", ")}`);
    // Numbers are meant for those functions that take some, in their order.
    const alpha = rule.alpha === undefined ? 0 : alphas.shift() ?? rule.alpha, beta = rule.beta === undefined ? 0 : betas.shift() ?? rule.beta;
    // LSTM's third is of the cell, which no runtime clips; "the input of activations" is that of the gates.
    return (x) => rule.of(clip === null || i % defaults.length === 2 ? x : clampTo(x, -clip, clip), alpha, beta);
  });
}

/** Refuses a sequence that may have no steps, of which no state would be left. */
export function expectSteps(n: NodeView, steps: Dim): void {
  if (range(sizeExpr(steps))[0] < 1) n.fail(`the sequence ${showShape(n.type(0).shape)} ${steps === 0 ? "has" : "may have"} no steps`, "let it have one at least");
}
/** Sizes by ONNX's names; `gates` blocks of `hidden` columns. */
interface Sizes { readonly steps: Dim; readonly batch: Dim; readonly input: number; readonly hidden: number; readonly directions: number; readonly batchFirst: boolean; readonly gates: number }
function sizes(n: NodeView, gates: number): Sizes {
  const X = dimsOf(n, 0, 3, 3), W = shapeOf(n, 1, 3, 3), R = shapeOf(n, 2, 3, 3), batchFirst = n.int("layout") === 1;
  const directions = choice(n, "direction", ["forward", "reverse", "bidirectional"]) === "bidirectional" ? 2 : 1, hidden = R[2]!;
  const [steps, batch] = (batchFirst ? [X[1], X[0]] : [X[0], X[1]]) as [Dim, Dim], input = W[2]!;
  if (n.given("hidden_size") && n.int("hidden_size") !== hidden) n.fail(`attribute hidden_size is ${n.int("hidden_size")}, but R has shape ${showShape(R)}`);
  expectSteps(n, steps);
  if (!n.same(X[2]!, input)) n.fail(`W has shape ${showShape(W)}, which does not go with inputs ${showShape(X)}`);
  expectShape(n, 1, [directions, gates * hidden, input], `W, for inputs ${showShape(X)}`);
  expectShape(n, 2, [directions, gates * hidden, hidden], `R, for W ${showShape(W)}`);
  expectShape(n, 3, [directions, 2 * gates * hidden], "B");
  expectShape(n, 4, [batch], "sequence_lens");
  return { steps, batch, input, hidden, directions, batchFirst, gates };
}
const stateShape = (s: Sizes): readonly Dim[] => (s.batchFirst ? [s.batch, s.directions, s.hidden] : [s.directions, s.batch, s.hidden]);
function inferWith(gates: number, defaults: readonly string[], states: number): Op["infer"] {
  return (n) => {
    const { dtype } = n.type(0), s = sizes(n, gates), state = stateShape(s);
    for (const i of n.inputs.keys()) if (i !== 4 && n.has(i)) { expectType(n, i, floats); if (n.type(i).dtype !== dtype) n.fail(`inputs 0 and ${i} have types ${dtype} and ${n.type(i).dtype}, but must have the same`); }
    typeOf(n, floats, 0, 2);
    expectType(n, 4, ["i32"]);
    for (let i = 0; i < states; i++) expectShape(n, 5 + i, state, i ? "initial_c" : "initial_h");
    if (states === 2) expectShape(n, 7, [s.directions, 3 * s.hidden], "P");
    activationsOf(n, defaults, s.directions);
    const Y: ValueType = { dtype, shape: s.batchFirst ? [s.batch, s.steps, s.directions, s.hidden] : [s.steps, s.directions, s.batch, s.hidden] };
    return forOutputs(n, [Y, ...Array.from({ length: states }, () => ({ dtype, shape: state }))]);
  };
}

/** What the equations of one direction are written in. `t` counts steps in the order in which they run. */
class Direction {
  readonly n: NodeView;
  readonly s: Sizes;
  readonly d: number;
  readonly act: readonly Activation[];
  readonly stages: Stage[] = [];
  readonly outputs: Output[] = [];
  readonly t: Axis;
  readonly b: Axis;
  /** Along the hidden state, of what is made and of what a product reads. */
  readonly h: Axis;
  readonly k: Axis;
  /** The most steps that a run has; how many it has. */
  private readonly most: number;
  private readonly steps: Expr;
  private readonly position: Expr;
  private readonly isReverse: boolean;

  constructor(n: NodeView, s: Sizes, d: number, act: readonly Activation[]) {
    this.n = n; this.s = s; this.d = d; this.act = act;
    const [most, batch] = boundOf({ dtype: "f32", shape: [s.steps, s.batch] }).shape as [number, number];
    this.most = most; this.steps = sizeExpr(s.steps);
    this.t = axis("t", most); this.b = axis("b", batch); this.h = axis("h", s.hidden); this.k = axis("k", s.hidden);
    this.isReverse = n.string("direction") === "reverse" || d === 1;
    // Steps behind a run's own, which loops need not leave out, are all the first.
    this.position = this.isReverse ? make("max", int(0), minus(plus(this.steps, int(-1)), this.t)) : this.t;
  }
  name(of: string): string { return this.d ? `${of}_back` : of; }
  stage(name: string, axes: readonly Axis[], value: Expr, more: Pick<Stage, "reduce" | "finish"> = {}): (...at: readonly Expr[]) => Expr {
    const s: Stage = { name: this.name(name), axes, value, ...more };
    this.stages.push(s);
    const { dtype } = s.finish ?? s.value;
    return (...at) => load(dtype, s.name, at);
  }
  /** An element of the stage `name`, which need not exist yet. */
  of(name: string, ...at: readonly Expr[]): Expr { return load(this.n.in(0).dtype, this.name(name), at); }
  zero(): Expr { return like(this.n.load(0, [int(0), int(0), int(0)]), 0); }
  bias(column: Expr): Expr { return this.n.load(3, [int(this.d), column]); }
  weight(column: Expr, k: Expr): Expr { return this.n.load(2, [int(this.d), column, k]); }
  /** The product of every step's input with `W`, and the biases: those of `W`, and of `R` unless `apart`. */
  inputs(apart = false): (column: Expr) => Expr {
    const { n, b, s } = this, when = axis("s", this.most), i = axis("i", s.input), column = axis("n", s.gates * s.hidden);
    const value = mul(n.load(0, s.batchFirst ? [b, when, i] : [when, b, i]), n.load(1, [int(this.d), column, i])), sum = accumulator(value.dtype);
    const biases = () => (apart ? this.bias(column) : add(this.bias(column), this.bias(plus(column, int(s.gates * s.hidden)))));
    const x = this.stage("x", [when, b, column], value, { reduce: { op: "add", axes: [i] }, ...(n.has(3) ? { finish: add(sum, biases()) } : {}) });
    return (c) => x(this.position, b, c);
  }
  /** What the step before made of a state, or what it is given as initial state. */
  before(state: string, initial: number, k: Expr): Expr {
    const { n, s, b, t, most } = this, index = s.batchFirst ? [b, int(this.d), k] : [int(this.d), b, k];
    const first = n.has(initial) ? n.load(initial, index) : this.zero();
    return most === 1 ? first : select(less(t, int(1)), first, this.of(state, minus(t, int(1)), b, k));
  }
  /** The hidden state before this step, as a stage that products read; null where it is nothing but zeros. */
  previous(): ((k: Expr) => Expr) | null {
    const { b, t, k, most } = this;
    if (most === 1) return this.n.has(5) ? (x) => this.before("h", 5, x) : null;
    const p = this.stage("p", [t, b, k], this.before("h", 5, k));
    return (x) => p(t, b, x);
  }
  /**
   * The hidden state before this step as bytes would hold it: 256 numbers between the least and the largest element of all sequences that still
   * run, 0 among them, as DynamicQuantizeLinear chooses them; null where it is nothing but zeros.
   */
  rounded(): ((k: Expr) => Expr) | null {
    const state = this.previous();
    if (!state) return null;
    const { n, t, b, k, isReverse } = this, zero = this.zero(), acc = accumulator(zero.dtype);
    // What a sequence that has ended still holds counts no longer.
    const x = n.has(4) && !isReverse ? select(less(convert("index", n.load(4, [b])), t), zero, state(k)) : state(k);
    const extreme = (op: "min" | "max") => this.stage(op, [t], x, { reduce: { op, axes: [b, k] }, finish: make(op, acc, zero) });
    const low = extreme("min")(t), high = extreme("max")(t), scale = this.stage("scale", [t], byteScale(low, high))(t), point = this.stage("zero", [t], make("round", make("neg", div(low, scale))))(t);
    const q = this.stage("q", [t, b, k], mul(sub(clampTo(add(make("round", div(state(k), scale)), point), 0, 255), point), scale));
    return (i) => q(t, b, i);
  }
  /** Columns `from` on of the product of a state with `R`, and `plus` to it. */
  product(name: string, from: number, columns: number, state: ((k: Expr) => Expr) | null, addend: (column: Expr) => Expr): (column: Expr) => Expr {
    const { t, b, k } = this, column = axis(`${name}_n`, columns), whole = plus(column, int(from));
    if (!state) return (c) => addend(plus(c, int(from)));
    const value = mul(state(k), this.weight(whole, k)), sum = accumulator(value.dtype);
    const g = this.stage(name, [t, b, column], value, { reduce: { op: "add", axes: [k] }, finish: add(sum, addend(whole)) });
    return (c) => g(t, b, c);
  }
  /** A state after this step. Sequences that have ended keep theirs, and so do all behind a run's last step where those write what it has written. */
  state(name: string, initial: number, value: Expr): void {
    const { t, b, h, s, isReverse, steps } = this, ended = this.live(), runs = isReverse && typeof s.steps !== "number" ? less(t, steps) : null;
    const live = runs && ended ? both(runs, ended) : runs ?? ended;
    this.stage(name, [t, b, h], live ? select(live, value, this.before(name, initial, h)) : value);
  }
  private live(): Expr | null { return this.n.has(4) ? less(this.position, convert("index", this.n.load(4, [this.b]))) : null; }
  /** Y, and the states after the last step. */
  results(states: readonly string[]): void {
    const { n, s, t, b, h, d } = this, live = this.live(), place = (o: number) => n.node.outputs[o];
    if (place(0)) {
      if (live) this.stage("y", [t, b, h], select(live, this.of("h", t, b, h), this.zero()));
      const index = s.batchFirst ? [b, this.position, int(d), h] : [this.position, int(d), b, h];
      this.outputs.push(n.result(this.stages.find((x) => x.name === this.name(live ? "y" : "h"))!, 0, { index }));
    }
    states.forEach((name, i) => {
      if (!place(i + 1)) return;
      this.stage(`${name}_last`, [b, h], this.of(name, plus(this.steps, int(-1)), b, h));
      this.outputs.push(n.result(this.stages.at(-1)!, i + 1, { index: s.batchFirst ? [b, int(d), h] : [int(d), b, h] }));
    });
  }
}

function lowerWith(gates: number, defaults: readonly string[], states: readonly string[], step: (r: Direction) => void): (n: NodeView) => Compute {
  return (n) => {
    const s = sizes(n, gates), act = activationsOf(n, defaults, s.directions), count = defaults.length;
    const all = Array.from({ length: s.directions }, (_, d) => {
      const r = new Direction(n, s, d, act.slice(d * count, (d + 1) * count));
      step(r);
      r.results(states);
      return r;
    });
    return n.compute(all.flatMap((r) => r.stages), all.flatMap((r) => r.outputs));
  };
}

const one = (x: Expr): Expr => like(x, 1);
function lstmStep(r: Direction, previous = (): ((k: Expr) => Expr) | null => r.previous()): void {
  const { n, s: { hidden }, act: [f, g, h], h: at, t, b } = r as Direction & { act: readonly [Activation, Activation, Activation] };
  const x = r.inputs(), gate = r.product("g", 0, 4 * hidden, previous(), x), old = r.before("c", 6, at);
  const peephole = (block: number, c: Expr, value: Expr) => (n.has(7) ? add(value, mul(n.load(7, [int(r.d), plus(at, int(block * hidden))]), c)) : value);
  const input = f(peephole(0, old, gate(at))), forget = n.int("input_forget") ? sub(one(input), input) : f(peephole(2, old, gate(plus(at, int(2 * hidden)))));
  r.state("c", 6, add(mul(forget, old), mul(input, g(gate(plus(at, int(3 * hidden)))))));
  const c = r.of("c", t, b, at);
  r.state("h", 5, mul(f(peephole(1, c, gate(plus(at, int(hidden))))), h(c)));
}
function gruStep(r: Direction): void {
  const { n, s: { hidden }, act: [f, g], h: at, k, t, b } = r as Direction & { act: readonly [Activation, Activation] };
  const late = n.int("linear_before_reset") !== 0, x = r.inputs(late), p = r.previous();
  const old = p ? p(at) : r.zero();
  let z: Expr, fresh: Expr;
  if (late) {
    const bias = (c: Expr) => (n.has(3) ? r.bias(plus(c, int(3 * hidden))) : r.zero()), state = r.product("g", 0, 3 * hidden, p, bias);
    const gate = (block: number) => f(add(x(plus(at, int(block * hidden))), state(plus(at, int(block * hidden)))));
    z = gate(0);
    fresh = g(add(x(plus(at, int(2 * hidden))), mul(gate(1), state(plus(at, int(2 * hidden))))));
  } else {
    const zr = r.product("g", 0, 2 * hidden, p, x);
    const reset = p && r.stage("r", [t, b, k], mul(f(zr(plus(k, int(hidden)))), p(k)));
    z = f(zr(at));
    fresh = g(r.product("m", 2 * hidden, hidden, reset && ((i) => reset(t, b, i)), x)(at));
  }
  r.state("h", 5, add(mul(sub(one(z), z), fresh), mul(z, old)));
}
function rnnStep(r: Direction): void {
  const [f] = r.act as [Activation];
  r.state("h", 5, f(r.product("g", 0, r.s.hidden, r.previous(), r.inputs())(r.h)));
}

const attributes: Readonly<Record<string, AttributeSpec>> = {
  activation_alpha: { kind: "floats", optional: true }, activation_beta: { kind: "floats", optional: true }, activations: { kind: "strings", optional: true },
  clip: { kind: "float", optional: true }, direction: { kind: "string", default: "forward" }, hidden_size: { kind: "int", optional: true }, layout: { kind: "int", default: 0 },
};
const rnn: Op = {
  name: "RNN", since: 22, inputs: [3, 6], outputs: [0, 2], accuracy, attributes,
  infer: inferWith(1, ["Tanh"], 1), lower: lowerWith(1, ["Tanh"], ["h"], rnnStep),
};
const gruActivations = ["Sigmoid", "Tanh"], lstmActivations = ["Sigmoid", "Tanh", "Tanh"];
const gru: Op = {
  name: "GRU", since: 22, inputs: [3, 6], outputs: [0, 2], accuracy, attributes: { ...attributes, linear_before_reset: { kind: "int", default: 0 } },
  infer: inferWith(3, gruActivations, 1), lower: lowerWith(3, gruActivations, ["h"], gruStep),
};
const lstm: Op = {
  name: "LSTM", since: 22, inputs: [3, 8], outputs: [0, 3], accuracy, attributes: { ...attributes, input_forget: { kind: "int", default: 0 } },
  infer: inferWith(4, lstmActivations, 2), lower: lowerWith(4, lstmActivations, ["h", "c"], (r) => lstmStep(r)),
};
/** An LSTM whose products with R are of hidden states that are rounded to bytes. */
export const roundedLstm: Op = { ...lstm, name: "mlc.RoundedLSTM", since: 1, internal: true, lower: lowerWith(4, lstmActivations, ["h", "c"], (r) => lstmStep(r, () => r.rounded())) };
/** LSTM, GRU and RNN. */
export const recurrentOps: readonly Op[] = [lstm, gru, rnn, roundedLstm];
