/** The rules that any Compute must obey, whatever made it. */
import { children, fail, mentions, show, variables, type Expr, type Load, type Range } from "./scalar.ts";
import { int, range } from "./linear.ts";
import { extentOf, reductions, resultType, type Compute, type Layout, type Output, type Stage, type Tensor } from "./compute.ts";
import { boundsUnder, factsOf, noFacts, quotientFacts, type Facts } from "./bounds.ts";
import { less, loadsIn, substitute } from "./algebra.ts";
import { brokenOrder, recurrencesOf } from "./recurrence.ts";
import { signatures, typeError } from "./typing.ts";
import { types, type DType } from "./types.ts";

/** What a load may name: the least and greatest index of each dimension. */
interface Source { readonly dtype: DType; readonly limits: readonly (readonly [low: number, high: number])[]; readonly shape: readonly number[] }

/**
 * Names resolve, axes are unique, types agree, outputs are complete, and every index lies provably inside what it reads,
 * or under a select that tests it: lowering clamps such a load, which would hide an index that nobody tests. A load of the stage
 * itself or of a later one is surely of an earlier step of the recurrence that both take part in.
 * The first broken rule is thrown, with the names of the Compute and the stage.
 */
export function verifyCompute(c: Compute): void {
  const bad = (why: string): never => fail(`${c.name}: ${why}`), sources = new Map<string, Source>();
  for (const t of c.tensors) {
    if (sources.has(t.name)) bad(`${t.name} is declared twice`);
    checkTable(t, bad);
    sources.set(t.name, { dtype: t.dtype, shape: t.shape, limits: limitsOf(t.shape, t.layout) });
  }
  if (c.stages.length === 0) bad("has no stages");
  const source = (s: Stage): Source => ({ dtype: resultType(s), shape: s.axes.map(extentOf), limits: s.axes.map((a) => a.range) });
  const made = new Set<string>();
  for (const s of c.stages) {
    if (made.has(s.name) || sources.has(s.name)) bad(`${s.name} is declared twice`);
    made.add(s.name);
    // Stages that run step by step may read later ones too.
    const steps = recurrencesOf(c).find((r) => r.stages.includes(s))?.stages ?? [];
    checkStage(s, new Map([...sources, ...steps.map((x) => [x.name, source(x)] as const)]), (why) => bad(`stage ${s.name}: ${why}`));
    sources.set(s.name, source(s));
  }
  for (const r of recurrencesOf(c)) { const why = brokenOrder(r, show); if (why) bad(why); }
  if (c.outputs.length === 0) bad("has no outputs");
  for (const o of c.outputs) {
    const stage = c.stages.find((s) => s.name === o.stage) ?? bad(`output ${o.tensor} is stage ${o.stage}, which does not exist`);
    checkOutput(o, stage, (why) => bad(`output ${o.tensor}: ${why}`));
    const clash = readsWritten(c, o);
    if (clash) bad(`output ${o.tensor}: is an input as well, and ${show(clash)} may read what is written`);
  }
}
/**
 * A load that may read what the Compute itself writes to a tensor. A tensor may be read and written where no element is both: along some
 * dimension, the two ranges are apart. Tests do not count: what they keep out is read all the same, and left.
 */
export function readsWritten(c: Compute, o: Output): Load | undefined {
  const s = c.stages.find((x) => x.name === o.stage)!, loads = loadsIn(c.stages.flatMap((x) => (x.finish ? [x.value, x.finish] : [x.value])), o.tensor);
  const written = loads.length ? (o.index ?? s.axes).map((x) => boundsUnder(x, noFacts)) : [];
  return loads.find((l) => !l.at.some((x, d) => { const [low, high] = boundsUnder(x, noFacts), [least, most] = written[d]!; return high < least || low > most; }));
}
/** The margin is part of a tensor: producers write zeros there, consumers read them. */
const limitsOf = (shape: readonly number[], layout: Layout): Source["limits"] =>
  shape.map((n, d) => { const [before, after] = layout.halo?.[d] ?? [0, 0]; return [-before, n - 1 + after]; });
function checkTable(t: Tensor, bad: (why: string) => never): void {
  const size = t.shape.reduce((a, b) => a * b, 1);
  if (t.role === "table" && t.data?.length !== size) bad(`table ${t.name} has ${t.data?.length ?? "no"} elements, but its shape [${t.shape}] has ${size}`);
}

function checkStage(s: Stage, sources: ReadonlyMap<string, Source>, bad: (why: string) => never): void {
  const inner = s.reduce?.axes ?? [], all = [...s.axes, ...inner], names = all.map((a) => a.name);
  const twice = names.find((n, i) => names.indexOf(n) !== i);
  if (twice) bad(`axis ${twice} stands twice`);
  const odd = all.find((a) => a.dtype !== "index" || a.range[0] !== 0 || !Number.isInteger(a.range[1]) || a.range[1] < -1);
  if (odd) bad(`axis ${odd.name} must be an index that starts at 0, not ${odd.dtype} ${odd.range}`);
  if (s.reduce) {
    const { op } = reductions[s.reduce.op], { dtype } = s.value;
    if (op === null) checkRepeat(s, bad);
    else if (!signatures[op].kinds.includes(types[dtype].kind)) bad(`a reduction by ${op} does not exist for ${dtype}`);
  }
  const isEmpty = all.some((a) => extentOf(a) === 0);
  for (const [what, e] of [["value", s.value], ["finish", s.finish]] as const) {
    if (!e) continue;
    const wrong = typeError(e);
    if (wrong) bad(`${what}: ${wrong}`);
    if (e.lanes !== 1) bad(`${what} is a vector; lanes are the schedule's`);
    if (e.dtype === "index") bad(`${what} is an index; convert it to an element type`);
    const axes = new Map<string, Expr>((what === "value" ? all : s.axes).map((a) => [a.name, a]));
    checkNames(e, axes, what === "finish" || s.reduce?.op === "repeat" ? s.value.dtype : null, (why) => bad(`${what}: ${why}`));
    checkLoads(e, sources, isEmpty, (why) => bad(`${what}: ${why}`), what === "value" ? endFacts(s) : noFacts);
  }
}
/** Turns run along one axis, and the first of them has no turn before it. */
function checkRepeat(s: Stage, bad: (why: string) => never): void {
  const [turn, ...more] = s.reduce!.axes;
  if (!turn || more.length) return bad(`a repetition runs along one axis, not ${s.reduce!.axes.length}`);
  if (mentions(substitute(s.value, new Map([[turn.name, int(0)]])), new Set(["acc"]))) bad("the first turn of a repetition depends on the turn before");
}
/** Each variable is one of the axes, as declared, a symbol, or in a tail the accumulator. */
function checkNames(e: Expr, axes: ReadonlyMap<string, Expr>, acc: DType | null, bad: (why: string) => never): void {
  const seen = new Set<Expr>();
  const walk = (x: Expr): void => {
    if (seen.has(x)) return;
    seen.add(x);
    if (x.kind === "var" && x.param && axes.has(x.name)) bad(`${x.name} is an axis and a symbol`);
    if (x.kind === "var" && axes.has(x.name) && axes.get(x.name) !== x) bad(`${x.name} is used with the range ${x.range}, but declared with another`);
    if (x.kind === "var" && !axes.has(x.name) && !x.param) {
      if (!acc || x.name !== "acc") bad(`${x.name} is no axis here`);
      if (x.dtype !== acc) bad(`acc is used as ${x.dtype}, but the element is ${acc}`);
    }
    children(x).forEach(walk);
  };
  walk(e);
}

const interesting = new WeakMap<Expr, boolean>();
/** Whether there is a load, a quotient or a remainder in it: what can be wrong about a range. */
function hasIndices(e: Expr): boolean {
  let known = interesting.get(e);
  if (known === undefined) interesting.set(e, (known = e.kind === "load" || (e.kind === "apply" && (e.op === "quo" || e.op === "rem")) || children(e).some(hasIndices)));
  return known;
}
/** Nothing (an empty range) where an index is surely inside its limits, or what it may reach. Tests, and what quotients are, are asked only where it matters. */
function boundsWithin(x: Expr, facts: Facts, [least, most]: Range): Range {
  const [low, high] = range(x);
  if (low >= least && high <= most) return nowhere;
  const reach = (f: Facts): Range => { const [low, high] = boundsUnder(x, f); return low < least || high > most ? [low, high] : nowhere; }, plain = reach(facts);
  return plain[0] > plain[1] ? nowhere : reach([...facts, ...quotientFacts([x, ...facts.flatMap((f) => [...f.terms.keys()])])]);
}
const nowhere: Range = [1, 0];
/** Walks with the tests that hold at each place; each expression once for each set of tests. */
function checkLoads(root: Expr, sources: ReadonlyMap<string, Source>, isEmpty: boolean, bad: (why: string) => never, given = noFacts): void {
  const seen = new Map<Facts, Set<Expr>>(), contexts = new Map<Facts, Map<Expr, readonly [Facts, Facts]>>();
  const under = (facts: Facts, cond: Expr): readonly [Facts, Facts] => {
    const known = contexts.get(facts) ?? new Map<Expr, readonly [Facts, Facts]>();
    contexts.set(facts, known);
    const pair = known.get(cond) ?? [true, false].map((holds) => { const more = factsOf(cond, holds); return more.length ? [...facts, ...more] : facts; }) as [Facts, Facts];
    known.set(cond, pair);
    return pair;
  };
  const walk = (e: Expr, facts: Facts): void => {
    if (!hasIndices(e)) return;
    const done = seen.get(facts) ?? new Set();
    seen.set(facts, done);
    if (done.has(e)) return;
    done.add(e);
    if (e.kind === "apply" && e.op === "select") {
      const [cond, a, b] = e.args as [Expr, Expr, Expr], [yes, no] = under(facts, cond);
      walk(cond, facts), walk(a, yes), walk(b, no);
      return;
    }
    children(e).forEach((c) => walk(c, facts));
    if (e.kind === "load") checkLoad(e, facts);
    if (!isEmpty && e.kind === "apply" && (e.op === "quo" || e.op === "rem") && range(e.args[0]!)[0] < 0 && boundsUnder(e.args[0]!, facts)[0] < 0) {
      bad(`${show(e)} may divide a negative number, where languages differ`);
    }
  };
  const checkLoad = (e: Load, facts: Facts): void => {
    const from = sources.get(e.buffer) ?? bad(`reads ${e.buffer}, which is neither a tensor nor an earlier stage`);
    if (e.at.length !== from.limits.length) bad(`${show(e)} has ${e.at.length} indices, but ${e.buffer} has the shape [${from.shape}]`);
    if (e.dtype !== from.dtype) bad(`${show(e)} is read as ${e.dtype}, but holds ${from.dtype}`);
    if (!isEmpty) e.at.forEach((x, d) => {
      const [low, high] = boundsWithin(x, facts, from.limits[d]!);
      if (low <= high) bad(`${show(e)}: index ${d} may reach ${low}..${high}, but ${e.buffer} has the shape [${from.shape}]; test it in a select, or clamp it`);
    });
  };
  walk(root, given);
}
/** What holds of a reduction's axes that end early. */
const endFacts = (s: Stage): Facts => (s.reduce?.ends ?? []).flatMap((end, i) => (end ? factsOf(less(s.reduce!.axes[i]!, end), true) : []));

function checkOutput(o: Output, s: Stage, bad: (why: string) => never): void {
  if (o.dtype !== resultType(s)) bad(`is ${o.dtype}, but stage ${s.name} makes ${resultType(s)}`);
  const index: readonly Expr[] = o.index ?? s.axes;
  if (index.length !== o.shape.length) bad(`has ${index.length} indices for the shape [${o.shape}]`);
  if (s.axes.some((a) => extentOf(a) === 0)) return;
  const axes = new Map<string, Expr>(s.axes.map((a) => [a.name, a])), limits = limitsOf(o.shape, o.layout);
  index.forEach((x, d) => {
    const wrong = x.dtype === "index" ? typeError(x) : `is ${x.dtype}`, [low, high] = boundsWithin(x, noFacts, limits[d]!);
    if (wrong) bad(`index ${d}: ${wrong}`);
    checkNames(x, axes, null, bad);
    checkLoads(x, new Map(), false, bad);
    if (low <= high) bad(`index ${d}, ${show(x)}, may reach ${low}..${high} in the shape [${o.shape}]`);
  });
  const lost = s.axes.find((a) => extentOf(a) > 1 && !index.some((x) => variables(x).has(a.name)));
  if (lost) bad(`all elements along ${lost.name} go to one place`);
}
