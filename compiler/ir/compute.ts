/** Compute: what a kernel produces, with no word about how. */
import { fail, load, show, variable, type Expr, type Var } from "./scalar.ts";
import { int, plus, range, times } from "./linear.ts";
import { make, substitute } from "./algebra.ts";
import type { Sizes } from "./symbols.ts";
import type { SmallFloat } from "./formats.ts";
import type { DType, ElementArray, Num } from "./types.ts";
import { types, limits } from "./types.ts";

/** One physical dimension: a logical one whole, or its quotient or remainder by a block. */
export interface Part { readonly dim: number; readonly quo?: number; readonly rem?: number }
/** How a tensor lies in memory. `halo` is a margin of zeros per logical dimension; `pad` elements follow each `Part`. */
export interface Layout {
  readonly parts: readonly Part[];
  readonly halo?: readonly (readonly [before: number, after: number])[];
  readonly pad?: readonly number[];
  /** Of f32: elements lie in memory as these, rounded when they are stored. */
  readonly memory?: SmallFloat;
}
/** input: written at run time; weight: a constant that may be packed; table: a small constant that folds into the code. */
export type Role = "input" | "weight" | "table";
/** What a Compute reads from outside. `shape` is logical; indices of loads have one entry for each of its dimensions. */
export interface Tensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly layout: Layout;
  readonly role: Role;
  /** Of a table: its elements, row-major. */
  readonly data?: ElementArray | readonly number[];
  /** Of a weight that is made from another constant: which of its elements each one is. */
  readonly source?: Source;
}
/** Element (axes) is element `at` of the constant `of`. */
export interface Source { readonly of: string; readonly axes: readonly Axis[]; readonly at: readonly Expr[] }
/** An index variable that runs from 0 to its extent less 1. An extent of 0 is allowed: nothing is computed then. */
export type Axis = Var & { readonly range: readonly [0, number] };

/**
 * Each reduction: the operator that combines two elements, and that which combines lanes, null where no vector form exists.
 * `repeat` has neither: its value is computed anew in each turn along its only axis, from `acc`, what the turn before has made (the first
 * turn depends on none), and the last turn's is the element. Where all turns but the first are alike, those after one that changes nothing are left out.
 */
export const reductions = {
  add: { op: "add", lanes: "sumLanes" }, mul: { op: "mul", lanes: "mulLanes" },
  max: { op: "max", lanes: "maxLanes" }, min: { op: "min", lanes: "minLanes" },
  and: { op: "and", lanes: null }, or: { op: "or", lanes: null }, xor: { op: "xor", lanes: null },
  repeat: { op: null, lanes: null },
} as const;
/** A reduction in any order: associative and commutative, floats up to rounding, so that schedules may reorder it. */
export type Reduction = Exclude<keyof typeof reductions, "repeat">;
/** What a reduction starts from: combined with it, every value stays as it is. */
export function neutral(op: keyof typeof reductions, t: DType): Num {
  switch (op) {
    case "add": case "or": case "xor": case "repeat": return types[t].kind === "float" ? -0 : types[t].wrap(0);
    case "mul": return types[t].wrap(1);
    case "max": return limits(t)[0];
    case "min": return limits(t)[1];
    case "and": return t === "bool" ? 1 : types[t].wrap(-1);
    default: return op satisfies never;
  }
}

/** `finish` turns the reduced element, the variable `acc`, into the result; the value of a `repeat` is over it too. Without `reduce`, the element is `value`. */
export interface Stage {
  readonly name: string;
  readonly axes: readonly Axis[];
  /** How far a run needs the axes, where no index tells: one axis may go over several boxes whose sizes a run alone knows. */
  readonly ends?: Sizes;
  readonly value: Expr;
  /** `ends`: only the first so many elements of each axis take part, where a run alone knows how many. */
  readonly reduce?: { readonly op: keyof typeof reductions; readonly axes: readonly Axis[]; readonly ends?: Sizes };
  readonly finish?: Expr;
}
/** A stage whose elements the outside sees, as the elements of a tensor. */
export interface Output {
  readonly stage: string;
  readonly tensor: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly layout: Layout;
  /** Where in the tensor an element goes, over the stage's axes; the axes themselves without it. Injective. */
  readonly index?: readonly Expr[];
  /** How much of the tensor a run has: nothing else needs to be computed. */
  readonly sizes?: Sizes;
}
/**
 * Stages that become one kernel, producers first. Loads name a tensor or an earlier stage; one of the stage itself or of a later
 * stage is of an earlier step along their first axis, which they then take together (recurrence.ts).
 */
export interface Compute {
  readonly name: string;
  readonly tensors: readonly Tensor[];
  readonly stages: readonly Stage[];
  readonly outputs: readonly Output[];
  /** The model's nodes it stands for. */
  readonly origin: readonly string[];
  /** How the stages came to be, where a plain reading would not tell: schedules know these by name. */
  readonly algorithm?: Algorithm;
  /** What could have been chosen instead, for reports. */
  readonly choices?: readonly Choice[];
  /** Tells the layer whose algorithm was chosen, for tuning; there only where asked for. */
  readonly decision?: string;
}
/** A way to compute a layer: bytes of its weights as kernels would read them, and its estimated time on the target's machine. */
export interface Choice { readonly algorithm: string; readonly weightBytes: number; readonly ms: number; readonly chosen: boolean }
/** F(tile, filter) of Winograd, in tiles of so many rows and columns. */
export interface WinogradAlgorithm { readonly kind: "winograd"; readonly tile: readonly [rows: number, columns: number]; readonly macs: number }
/** One level of Strassen's product. */
export interface StrassenAlgorithm { readonly kind: "strassen"; readonly macs: number }
/** What the stages carry out; `macs` are those of the plain algorithm that it stands for. */
export type Algorithm = WinogradAlgorithm | StrassenAlgorithm;

/** In a stage's `finish`: the reduced element, whose type is that of the stage's value. */
export const accumulator = (t: DType): Var => variable(t, "acc");
/** The accumulator of f32 sums. */
export const acc = accumulator("f32");
/** An axis of so many elements. Axes of one name and extent are the same object. */
export const axis = (name: string, extent: number): Axis => variable("index", name, 1, [0, extent - 1]) as Axis;
/** How many elements an axis has. */
export const extentOf = (a: Axis): number => a.range[1] + 1;
/** The type of a stage's elements, as its consumers load them. */
export const resultType = (s: Stage): DType => (s.finish ?? s.value).dtype;
/** The plain layout: dimensions in their order, the last one contiguous, no margin and no padding. */
export const rowMajor = (rank: number): Layout => ({ parts: Array.from({ length: rank }, (_, dim) => ({ dim })) });
/** An element of a tensor or of an earlier stage. */
export const at = (of: { readonly name: string; readonly dtype?: DType }, ...index: readonly Expr[]): Expr => load(of.dtype ?? "f32", of.name, index);
/** A tensor of f32, row-major, unless `more` says otherwise. */
export const tensor = (name: string, role: Role, shape: readonly number[], more: Partial<Tensor> = {}): Tensor =>
  ({ name, role, shape, dtype: "f32", layout: rowMajor(shape.length), ...more });
/** The result of a stage as a tensor of the same extents, row-major unless said otherwise. */
export const output = (s: Stage, tensorName = "out", more: Partial<Output> = {}): Output => {
  const shape = s.axes.map(extentOf);
  return { stage: s.name, tensor: tensorName, dtype: resultType(s), shape, layout: rowMajor(shape.length), ...more };
};

/** The type of a tensor's elements in memory. */
export const memoryType = (t: { readonly dtype: DType; readonly layout: Layout }): DType => t.layout.memory ?? t.dtype;
/** Physical extents and strides, in elements, of a layout over a shape. */
export function physical(shape: readonly number[], layout: Layout): { extents: number[]; strides: number[]; size: number } {
  const extents = layout.parts.map(({ dim, quo, rem }) => {
    const [before, after] = layout.halo?.[dim] ?? [0, 0];
    const whole = (shape[dim] ?? fail(`layout names dimension ${dim} of ${shape.length}`)) + before + after;
    return rem ?? (quo ? Math.ceil(whole / quo) : whole);
  });
  const strides: number[] = [];
  let size = 1;
  for (let i = extents.length - 1; i >= 0; i--) {
    strides[i] = size;
    size = size * extents[i]! + (layout.pad?.[i] ?? 0);
  }
  return { extents, strides, size };
}
/** The address, in elements, of a logical index. */
export function address(shape: readonly number[], layout: Layout, index: readonly Expr[]): Expr {
  const { strides } = physical(shape, layout);
  return layout.parts.reduce<Expr>((sum, { dim, quo, rem }, i) => {
    const logical = plus(index[dim] ?? fail(`index of ${index.map(show)} has no dimension ${dim}`), int(layout.halo?.[dim]?.[0] ?? 0));
    const part = quo ? make("quo", logical, int(quo)) : rem ? make("rem", logical, int(rem)) : logical;
    return plus(sum, times(part, strides[i]!));
  }, int(0));
}
/** An index or address in which axes of one element are 0, so that the same place has one form. */
export const settled = (e: Expr, axes: readonly Axis[]): Expr =>
  substitute(e, new Map(axes.filter((a) => extentOf(a) === 1).map((a) => [a.name, int(0)])));
/** Whether an index surely stays inside dimension `dim`, halo included. */
export function inside(shape: readonly number[], layout: Layout, dim: number, index: Expr): boolean {
  const [before, after] = layout.halo?.[dim] ?? [0, 0];
  const [low, high] = range(index);
  return low >= -before && high < shape[dim]! + after;
}
