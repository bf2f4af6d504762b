/**
 * Sizes that change from turn to turn of a loop, or that branches give differently: symbols with bounds, and what they become. Part of type
 * inference. A body is typed with guesses of what its values can be as large as, until what it leaves fits what it is given.
 */
import { isGraph, isSizeList, type Dim, type Graph, type ValueName, type ValueType } from "../../ir/graph.ts";
import { sizesAttribute, type BranchSize, type LoopSize } from "../../ir/control.ts";
import { make, substitute } from "../../ir/algebra.ts";
import { int, range } from "../../ir/linear.ts";
import { parameter, variables, type Expr, type Range, type Var } from "../../ir/scalar.ts";
import { symbolNamed } from "../../ir/symbols.ts";
import { boundDim, lessDim, showDim } from "../../ops/helpers.ts";
import { sizeExpr, Unsupported } from "../../ops/op.ts";
import type { Inferred } from "./walk.ts";

/** A loop whose carried values may change their sizes. */
export interface Turning {
  /** Types of the values as the first turn gets them. */
  readonly first: readonly ValueType[];
  /** What the loop is called. */
  readonly loop: string;
  /** At most so many turns, where that is known; else the value that holds their number, if there is one. */
  readonly most: Dim | undefined;
  readonly limit: ValueName | undefined;
  /** Whether outputs have as many slices as turns are taken, which only a run can tell. */
  readonly counted: boolean;
  /** Types the body, given such values; where the outputs stand that it leaves of them. */
  readonly infer: (carried: readonly ValueType[]) => Inferred;
  readonly left: readonly number[];
  /** A name for the symbol of a value's dimension, or of the number of turns. */
  readonly name: (value: number | null, dimension: number) => string;
}
/** The body as it is typed in the end, with what it is given. */
export interface Turned { readonly body: Inferred; readonly carried: readonly ValueType[]; readonly sizes: readonly LoopSize[] }
/** Dimensions, each a value and a number, that have one size in each turn. */
interface Group { readonly name: string; readonly places: readonly (readonly [value: number, dimension: number])[]; readonly first: Dim; readonly next: Dim; readonly range: Range }

const rounds = 12, mostSteps = 4096;
const idOf = (d: Dim): string => (typeof d === "number" ? `${d}` : `e${d.id}`);
const rangeOf = (d: Dim): Range => (typeof d === "number" ? [d, d] : range(d));
const hull = (a: Range, b: Range): Range => [Math.max(0, Math.min(a[0], b[0])), Math.max(a[1], b[1])];
const holds = (a: Range, b: Range): boolean => a[0] <= b[0] && a[1] >= b[1];
const symbolOf = (g: Group): Var => parameter(g.name, g.range);

/** Types of a loop's body with symbols for all that changes. Throws Unsupported where nothing bounds a size. */
export function turned(t: Turning): Turned {
  let groups: readonly Group[] = [];
  for (let round = 0; round < rounds; round++) {
    const symbols = new Map(groups.flatMap((g) => g.places.map((place) => [place.join(), symbolOf(g)] as const)));
    const carried = t.first.map((x, k): ValueType => ({ dtype: x.dtype, shape: x.shape.map((size, d) => symbols.get(`${k},${d}`) ?? size) }));
    const body = t.infer(carried), left = t.left.map((i) => typeIn(body.graph, i)), isWrong = body.diagnostics.some((d) => d.severity === "error");
    // What the entry of the loop objects to.
    if (isWrong || left.some((x, k) => !x || x.dtype !== carried[k]!.dtype || x.shape.length !== carried[k]!.shape.length)) return { body, carried, sizes: [] };
    const found = bounded(grouped(t, groups, left as readonly ValueType[]), t, branchSizes(body.graph));
    const fits = found.length === groups.length && found.every((g, i) => g.places.join() === groups[i]!.places.join() && holds(groups[i]!.range, g.range));
    if (fits) return { body, carried, sizes: [...(t.counted ? [counting(t)] : []), ...found.map((g, i): LoopSize => ({ symbol: symbolOf(groups[i]!), first: g.first, next: g.next }))] };
    groups = found.map((g) => ({ ...g, range: hull(g.range, groups.find((old) => old.name === g.name)?.range ?? g.range) }));
  }
  throw new Unsupported(`the sizes of what it carries from turn to turn cannot be told: ${groups.map((g) => `${showDim(g.first)} becomes ${showDim(g.next)}`).join(", ")}`, "give the values one shape in all turns");
}
/** Dimensions that change: together where they begin as one and became one in this round. */
function grouped(t: Turning, groups: readonly Group[], left: readonly ValueType[]): readonly Group[] {
  const found = new Map<string, Group>(), taken = new Set<string>();
  t.first.forEach((x, k) => x.shape.forEach((first, d) => {
    const old = groups.find((g) => g.places.some(([value, dimension]) => value === k && dimension === d)), next = left[k]!.shape[d]!;
    if (!old && next === first) return;
    const key = `${old?.name ?? ""} ${idOf(first)} ${idOf(next)}`, known = found.get(key);
    if (known) { found.set(key, { ...known, places: [...known.places, [k, d]] }); return; }
    const name = old && !taken.has(old.name) ? old.name : symbolNamed(t.name(k, d));
    taken.add(name);
    found.set(key, { name, places: [[k, d]], first, next, range: rangeOf(first) });
  }));
  return [...found.values()];
}
const typeIn = (g: Graph, output: number): ValueType | undefined => { const v = g.outputs[output]!; return g.types.get(v) ?? g.constants.get(v); };
function counting(t: Turning): LoopSize {
  if (t.most === undefined) throw new Unsupported("its outputs have a slice for each turn, and nothing bounds how many turns there are", unbounded(t));
  const symbol = parameter(symbolNamed(t.name(null, 0)), [0, boundDim(t.most)]);
  return { symbol, first: 0, next: make("add", symbol, int(1)) };
}
/** What helps where nothing bounds the turns. */
const unbounded = ({ loop, limit, most }: Turning): string => (most === undefined
  ? `say how many there can be: --turns ${loop}=100${limit === undefined ? "" : `, or --value ${limit}=0..100`}` : `say that there are fewer turns than ${boundDim(most)}: --turns ${loop}=8`);

/** Sizes that branches inside a graph give, by their symbols: one of two. */
function branchSizes(g: Graph): ReadonlyMap<string, readonly Dim[]> {
  return new Map(g.nodes.flatMap((n) => {
    const { [sizesAttribute]: list } = n.attributes, graphs = Object.values(n.attributes).filter(isGraph), dims = list !== undefined && isSizeList(list) && graphs.length === 2 ? list.dims : [];
    const own = Array.from({ length: dims.length / 3 }, (_, i) => [(dims[3 * i] as Var).name, dims.slice(3 * i + 1, 3 * i + 3)] as const);
    return [...own, ...graphs.flatMap((inner) => [...branchSizes(inner)])];
  }));
}
/** What a size can be, given the ranges of some symbols, and the two sizes that others are one of. */
function rangeWithin(d: Dim, known: ReadonlyMap<string, Range>, branches: ReadonlyMap<string, readonly Dim[]>): Range {
  if (typeof d === "number") return [d, d];
  const now = new Map([...variables(d)].flatMap((name): [string, Expr][] => {
    const r = known.get(name) ?? branches.get(name)?.map((x) => rangeWithin(x, known, branches)).reduce(hull);
    return r ? [[name, r[0] === r[1] ? int(r[0]) : parameter(name, r)]] : [];
  }));
  return range(substitute(d, now));
}
/** The groups with ranges that hold all their sizes after any number of turns. */
function bounded(groups: readonly Group[], t: Turning, branches: ReadonlyMap<string, readonly Dim[]>): readonly Group[] {
  const turns = t.most === undefined ? Infinity : boundDim(t.most), own = new Set([...groups.map((g) => g.name), ...branches.keys()]), later = groups.map((g) => growth(g, turns, own));
  let ranges = groups.map((g, i) => later[i] ?? rangeOf(g.first));
  for (let turn = 0; turn < turns; turn++) {
    const now = new Map(groups.map((g, i) => [g.name, ranges[i]!])), grown = groups.map((g, i) => (later[i] ? ranges[i]! : hull(ranges[i]!, rangeWithin(g.next, now, branches))));
    if (grown.every((r, i) => holds(ranges[i]!, r))) break;
    ranges = grown;
    if (turn >= mostSteps || ranges.some((r) => r[1] > 2 ** 31)) {
      const g = groups.find((_, i) => !later[i])!;
      throw new Unsupported(`a size of what it carries from turn to turn is ${showDim(g.first)} at first and then becomes ${showDim(g.next)}, and nothing bounds ${Number.isFinite(turns) ? "it" : "how many turns there are"}`, unbounded(t));
    }
  }
  return groups.map((g, i) => ({ ...g, range: ranges[i]! }));
}
/** What a size can be that changes by so much in each turn, whatever it is; null where its growth depends on what changes too. */
function growth(g: Group, turns: number, own: ReadonlySet<string>): Range | null {
  const by = lessDim(g.next, parameter(g.name, g.range)), [low, high] = rangeOf(g.first);
  if (!Number.isFinite(turns) || [...variables(sizeExpr(by))].some((v) => own.has(v))) return null;
  const [less, more] = rangeOf(by);
  return [Math.max(0, low + Math.min(0, less * turns)), high + Math.max(0, more * turns)];
}

/** Symbols for the sizes in which two branches differ. */
export function chosen(a: readonly ValueType[], b: readonly ValueType[], name: (output: number, dimension: number) => string): readonly BranchSize[] {
  const found = new Map<string, BranchSize>();
  a.forEach((x, i) => {
    const y = b[i];
    if (!y || x.shape.length !== y.shape.length) return;
    x.shape.forEach((d, k) => {
      const other = y.shape[k]!, key = `${idOf(d)} ${idOf(other)}`;
      if (d !== other && !found.has(key)) found.set(key, { symbol: parameter(symbolNamed(name(i, k)), hull(rangeOf(d), rangeOf(other))), ifTrue: d, ifFalse: other });
    });
  });
  return [...found.values()];
}
/** The symbols and what they are worth, as the attribute that operators' entries read. */
export function sizesOf(list: readonly (LoopSize | BranchSize)[]): { readonly dtype: "i64"; readonly shape: readonly number[]; readonly dims: readonly Dim[] } {
  const dims = list.flatMap((s): readonly Dim[] => ("first" in s ? [s.symbol, s.first, s.next] : [s.symbol, s.ifTrue, s.ifFalse]));
  return { dtype: "i64", shape: [dims.length], dims };
}
