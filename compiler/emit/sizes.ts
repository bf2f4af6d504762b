/** Sizes that only a run knows, in C: the numbers that steps are given, the shapes of inputs, the caller's dense memory. */
import { substitute } from "../ir/algebra.ts";
import { flowsIn, type Flow, type Leave } from "../ir/control.ts";
import { int, range } from "../ir/linear.ts";
import type { Kernel } from "../ir/kernel.ts";
import type { Place, Port, Program, Step } from "../ir/program.ts";
import { fail, show, variables, type Expr } from "../ir/scalar.ts";
import { types, type DType } from "../ir/types.ts";
import { identifier } from "./names.ts";
import { groupSize } from "./print.ts";
import type { SizedView } from "./views/common.ts";

/** Names in C of a program's symbols; none is in `taken`, which they join. */
export const symbolNames = (p: Program, taken: Set<string>): ReadonlyMap<string, string> =>
  new Map((p.symbols ?? []).map(({ variable }) => [variable.name, identifier(`size_${variable.name.replace(/^\W+/, "")}`, taken)]));
/** What differs between languages in an index: the smaller and the larger of two, and a quotient of numbers that are not below 0. */
export interface IndexWords { readonly min: string; readonly max: string; readonly quotient: (a: string, b: string) => string }
const wordsOfC: IndexWords = { min: "least", max: "most", quotient: (a, b) => `(${a} / ${b})` };
/** An index over symbols as C, of type ptrdiff_t, or in another language's words; of no looser binding than a product. */
export function indexText(e: number | Expr, names: ReadonlyMap<string, string>, words = wordsOfC): string {
  if (typeof e === "number") return `${e}`;
  switch (e.kind) {
    case "const": return `${e.value}`;
    case "var": return names.get(e.name) ?? fail(`${e.name} is no symbol of the program`);
    case "apply": {
      const [a, b, c] = e.args.map((x) => indexText(x, names, words)) as [string, string, string], infix = (op: string) => `(${a} ${op} ${b})`;
      switch (e.op) {
        case "add": return infix("+");
        case "sub": return infix("-");
        case "mul": return infix("*");
        case "quo": case "rem": { const by = range(e.args[1]!)[0] > 0 ? b : `${words.max}(${b}, 1)`; return e.op === "quo" ? words.quotient(a, by) : `(${a} % ${by})`; }
        case "min": return `${words.min}(${a}, ${b})`;
        case "max": return `${words.max}(${a}, ${b})`;
        case "less": return infix("<");
        case "lessEqual": return infix("<=");
        case "equal": return infix("==");
        case "and": return infix("&&");
        case "or": return infix("||");
        case "not": return `(!${a})`;
        case "select": return `(${a} ? ${b} : ${c})`;
        default: break;
      }
      break;
    }
    default: break;
  }
  return fail(`${show(e)} is no index over symbols`);
}
/** The most that an index over symbols is. */
export const mostOf = (e: number | Expr): number => (typeof e === "number" ? e : range(e)[1]);
/** The groups of a step's launch along x, y and z, in terms of the program's symbols. */
export function groupsOf(k: Kernel, s: Step): readonly (number | Expr)[] {
  const given = new Map((k.params ?? []).map((p, i) => { const value = s.params![i]!; return [p.name, typeof value === "number" ? int(value) : value] as const; }));
  return groupSize(k).groups.map((g) => (typeof g === "number" ? g : substitute(g, given)));
}
/** Whether a program has inputs or outputs whose sizes only a run knows. */
export const isSized = (p: Program): boolean => (p.symbols?.length ?? 0) > 0;
const dimsOf = (p: Port, names: ReadonlyMap<string, string>, words = wordsOfC): readonly string[] => p.shape.map((n, d) => indexText(p.sizes?.[d] ?? n, names, words));
/** Which of all inputs and outputs may be empty because of the shapes that inputs have, so that there may be no memory for them. */
export const isEmptiable = (p: Program): readonly boolean[] => {
  const given = new Set((p.symbols ?? []).flatMap(({ variable, from }) => ("input" in from ? [variable.name] : [])));
  return [...p.inputs, ...p.outputs].map((x) => leastShape(x).includes(0) && !x.shape.includes(0) && (x.sizes ?? []).every((e) => !e || [...variables(e)].every((name) => given.has(name))));
};
/** The least size of each dimension. */
export const leastShape = (p: Port): readonly number[] => p.shape.map((n, d) => (p.sizes?.[d] ? Math.max(0, range(p.sizes[d])[0]) : n));

/** `ids`: of inputs, then outputs. */
export function sizedView(p: Program, names: ReadonlyMap<string, string>, ids: readonly string[], words = wordsOfC): SizedView {
  let first = 0;
  const firsts = p.inputs.map((x) => { const at = first; first += x.shape.length; return at; });
  const symbols = p.symbols ?? [], own = symbols.map((s) => ({ id: names.get(s.variable.name)!, from: s.from, range: s.variable.range! }));
  const given = own.flatMap(({ id, from }) => ("input" in from ? [{ id, at: firsts[from.input]! + from.dim }] : [])), told = new Set(given.map((g) => g.at));
  const checks = p.inputs.flatMap((x, i) => (x.sizes ?? []).flatMap((e, d) => (e && !told.has(firsts[i]! + d) ? [{ at: firsts[i]! + d, size: indexText(e, names, words) }] : [])));
  const copied = (list: readonly Port[], shift: number, inside: boolean) => list.flatMap((x, i) => {
    if (!x.at) return [];
    const dims = dimsOf(x, names), arena = `arena + ${(x.at as Place).offset}`, id = ids[i + shift]!;
    return [{ dims: dims.join(", "), whole: x.shape.join(", "), rank: x.shape.length, bytes: types[x.dtype].bytes, to: inside ? arena : id, from: inside ? id : arena, inside }];
  });
  const flat = (f: (x: Port) => readonly number[]): string => p.inputs.flatMap(f).join(", ");
  return {
    symbols: own.map(({ id, range: [, high] }) => ({ id, high })), given, checks, differ: differing(p, names, null), learns: symbols.some((s) => !("input" in s.from)) || asks(p.flow ?? []), changing: own.flatMap(({ id, from }) => ("flow" in from ? [id] : [])), firsts: [...firsts, first].join(", "), shapeLength: Math.max(1, first),
    least: flat(leastShape) || "0", most: flat((x) => x.shape) || "0",
    emptiable: isEmptiable(p).flatMap((empty, index) => (empty ? [{ index, id: ids[index]!, elements: dimsOf([...p.inputs, ...p.outputs][index]!, new Map([...names].map(([name, id]) => [name, `context->known.${id}`])), words).join(" * ") }] : [])),
    copiesIn: copied(p.inputs, 0, true), copiesOut: copied(p.outputs, p.inputs.length, false),
    outputs: p.outputs.map((x, index) => ({ index, dims: dimsOf(x, names, words).map((size, d) => ({ d, size })) })),
    bytes: 8 * (Math.max(1, first) + symbols.length),
  };
}
/** Whether sizes must be equal where a branch or a turn ends. */
const asks = (flow: Flow<unknown, unknown>): boolean => flow.some((item) => (item.kind === "leave" && item.equalities.length > 0) || flowsIn(item).some(asks));
/** As C: that two sizes differ which must not, of those pairs where this symbol is the last that is learned; null: of those that inputs tell. */
function differing(p: Program, names: ReadonlyMap<string, string>, last: string | null): readonly string[] {
  const steps = new Map((p.symbols ?? []).flatMap(({ variable, from }) => ("place" in from ? [[variable.name, from.steps] as const] : [])));
  const lastOf = (list: readonly Expr[]): string | null => {
    const all = new Set(list.flatMap((e) => [...variables(e)]));
    return [...steps.keys()].filter((s) => all.has(s)).reduce<string | null>((a, b) => (a !== null && steps.get(a)! > steps.get(b)! ? a : b), null);
  };
  return (p.equalities ?? []).filter((e) => lastOf(e.sizes) === last).map(({ sizes }) => sizes.map((e) => indexText(e, names)).join(" != "));
}
/** Symbols that are known behind step `index`, read where a step has left them. */
export const learned = (p: Program, names: ReadonlyMap<string, string>, index: number): readonly { readonly id: string; readonly place: Place; readonly dtype: DType; readonly offset: number; readonly low: number; readonly high: number; readonly differ: readonly string[] }[] =>
  (p.symbols ?? []).flatMap(({ variable, from }) => ("place" in from && from.steps === index + 1
    ? [{ id: names.get(variable.name)!, place: from.place, dtype: from.dtype, offset: from.place.offset, low: variable.range![0], high: variable.range![1], differ: differing(p, names, variable.name) }] : []));
/**
 * How C is written where several tasks run the steps: what is done by one alone begins with `first`; the line after which all have come here. Both "" where there is one.
 * `refuse`: what ends a run that cannot go on.
 */
export interface SizeWords { readonly first: string; readonly meet: string; readonly refuse: readonly string[] }
const refusal = (why: readonly string[], { refuse }: SizeWords): readonly string[] => (why.length ? [`if (${why.join(" || ")}) {`, ...refuse.map((line) => `  ${line}`), "}"] : []);
/** What symbols become where a branch or a turn ends, as lines of C: all at once. */
export function leaveLines({ sizes, equalities }: Leave<unknown>, names: ReadonlyMap<string, string>, words: SizeWords): readonly string[] {
  const list = sizes.map(({ symbol, value }) => ({ id: names.get(symbol.name)!, text: indexText(value, names), value: typeof value === "number" ? int(value) : value, range: range(symbol) }));
  const next = list.map((s) => (list.length > 1 && list.some((other) => s.text.includes(other.id)) ? `next_${s.id}` : s.id));
  const outside = list.flatMap(({ value, range: [low, high] }, i) => [...(range(value)[0] < low ? [`${next[i]} < ${low}`] : []), ...(range(value)[1] > high ? [`${next[i]} > ${high}`] : [])]);
  return [
    ...refusal(equalities.map(({ sizes: pair }) => pair.map((e) => indexText(e, names)).join(" != ")), words),
    ...list.map((s, i) => `${next[i] === s.id ? "" : "const ptrdiff_t "}${next[i]} = ${s.text};`),
    ...list.flatMap((s, i) => (next[i] === s.id ? [] : [`${s.id} = ${next[i]};`])),
    ...refusal(outside, words), ...list.map((s) => `${words.first}s->${s.id} = ${s.id};`),
  ];
}
/** The same as lines of C, which the steps see from there on. */
export const learnedLines = (p: Program, names: ReadonlyMap<string, string>, index: number, words: SizeWords): readonly string[] => learned(p, names, index).flatMap(({ id, offset, low, high, differ }) => [
  ...(words.meet ? [words.meet] : []), `const ptrdiff_t ${id} = most(${low}, least((ptrdiff_t)*(const int64_t*)(arena + ${offset}), ${high}));`, `${words.first}s->${id} = ${id};`, ...refusal(differ, words),
]);
