/**
 * Network: what is computed, kernel by kernel, over tensors whose layouts are data. It lies between the Graph, which
 * knows operators, and the Program, which knows addresses. A tensor may be written by several Computes, each a box of it.
 */
import { show } from "./scalar.ts";
import { extentOf, memoryType, physical, rowMajor, type Compute, type Layout, type Stage } from "./compute.ts";
import { loadsIn } from "./algebra.ts";
import type { Flow } from "./control.ts";
import { sizeOf, type Dim, type TensorType } from "./graph.ts";
import { someSizes, type Equality, type Sizes, type SymbolFrom } from "./symbols.ts";
import type { SmallFloat } from "./formats.ts";
import { types, type ElementArray } from "./types.ts";

/**
 * input, output: the caller's memory, row-major; constant: known at compile time; prepared: made from constants by the setup, the same in
 * all runs; temporary: in the arena.
 */
export type TensorKind = "input" | "output" | "constant" | "prepared" | "temporary";
/** A tensor of the network. Loads of Computes name it; `shape` is logical, and `layout` says where each element lies. */
export interface NetTensor extends TensorType {
  readonly name: string;
  readonly kind: TensorKind;
  readonly layout: Layout;
  /** Of a constant: its elements in row-major order of `shape`, whatever the layout. */
  readonly data?: ElementArray;
  /** The tensor whose memory this one is, element for element in its own order. */
  readonly aliasOf?: string;
  /** With `aliasOf`: the element of that tensor, along its first dimension, that the turn of a loop has; `reverse`: the last one first. */
  readonly turn?: { readonly loop: string; readonly reverse: boolean };
  /**
   * Of an input or output that kernels see otherwise, because the target lacks its type or a run its size: the model's own type, shape and
   * sizes; `dtype` and `shape` are what takes their place.
   */
  readonly declared?: TensorType & { readonly sizes?: Sizes };
  /** How much of `shape` a run has. What lies beyond holds anything, and nothing that matters may come of it. */
  readonly sizes?: Sizes;
  /** Of f32: what its elements shall lie in memory as, since they are such in the model. narrow-storage puts it into the layout. */
  readonly memory?: SmallFloat;
  /** Of a constant of f32: sums of its elements' products are exact, as all are whole numbers, and must stay so. */
  readonly whole?: true;
}
/**
 * Where a symbol's value comes from: a dimension of an input, the one element of a tensor of i64 that a Compute has written, or the flow,
 * which says what it becomes. To a piece of a model, what other pieces know comes from the flow too.
 */
export type SymbolSource = { readonly input: string; readonly dim: number } | { readonly tensor: string } | { readonly flow: true };
/** Computes that run one after the other. */
export interface Run { readonly first: number; readonly count: number }
/** All of a model as Computes over tensors. */
export interface Network {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** What the model calls its outputs. */
  readonly outputNames: readonly string[];
  readonly tensors: ReadonlyMap<string, NetTensor>;
  /** What is done once, before the first run: makes what is prepared. */
  readonly setup?: readonly Compute[];
  /** In the order they run, or stand in `flow`. */
  readonly computes: readonly Compute[];
  /** The strings of the model, where some tensor holds strings: their numbers are their positions. */
  readonly texts?: readonly string[];
  /** With branches and loops: how the Computes follow each other. The bools that decide are tensors of one element. */
  readonly flow?: Flow<Run, string>;
  /** The symbols that Computes and sizes speak of. No axis is called like one. */
  readonly symbols?: readonly SymbolFrom<SymbolSource>[];
  /** What each run must have: nothing else holds without. */
  readonly equalities?: readonly Equality[];
}

/** Whether a tensor is the same in all runs: a weight of those who read it. */
export const isGiven = (t: NetTensor): boolean => t.kind === "constant" || t.kind === "prepared";
/**
 * The name of a tensor that is made beside another one. No tensor of the model is called so: those begin with %. What is derived in
 * the same way twice has one name.
 */
export const derivedName = (what: string, from: string): string => `${what}:${from}`;
/** What a stage computes with: its value and, where there is one, its tail. */
export const expressionsOfStage = (s: Stage) => (s.finish ? [s.value, s.finish] : [s.value]);
/** Names of the tensors that a Compute reads. */
export const readsOf = (c: Compute): readonly string[] => c.tensors.map((t) => t.name);
/** Names of the tensors that it writes, each once. */
export const writesOf = (c: Compute): readonly string[] => [...new Set(c.outputs.map((o) => o.tensor))];
/** The distinct loads in all stages; of one tensor or stage if it is named. */
export const loadsOfCompute = (c: Compute, tensor?: string) => loadsIn(c.stages.flatMap(expressionsOfStage), tensor);

/** The Computes that read and that write each tensor, in the order they run. */
export interface Uses { readonly readers: ReadonlyMap<string, readonly Compute[]>; readonly writers: ReadonlyMap<string, readonly Compute[]> }
/** Who reads and who writes each tensor. Tensors that nobody reads, or writes, have no entry there. */
export function usesOf(computes: readonly Compute[]): Uses {
  const readers = new Map<string, Compute[]>(), writers = new Map<string, Compute[]>();
  const put = (m: Map<string, Compute[]>, name: string, c: Compute) => { const l = m.get(name); if (l) l.push(c); else m.set(name, [c]); };
  for (const c of computes) {
    for (const r of readsOf(c)) put(readers, r, c);
    for (const w of writesOf(c)) put(writers, w, c);
  }
  return { readers, writers };
}
/** The Compute with outputs that know how much of their tensors a run has. */
export const withSizes = (c: Compute, tensors: ReadonlyMap<string, NetTensor>): Compute =>
  (c.outputs.some((o) => !o.sizes && tensors.get(o.tensor)?.sizes) ? { ...c, outputs: c.outputs.map((o) => (o.sizes ? o : { ...o, ...someSizes(tensors.get(o.tensor)!.sizes) })) } : c);
/** The same Compute, its tensor list made anew from what its stages still load; `known` tells of tensors it did not list. */
export function relist(c: Compute, known: ReadonlyMap<string, NetTensor>): Compute {
  const made = new Set(c.stages.map((s) => s.name)), old = new Map(c.tensors.map((t) => [t.name, t]));
  const names = new Set(loadsOfCompute(c).map((l) => l.buffer).filter((b) => !made.has(b)));
  const tensors = [...names].map((name) => {
    const before = old.get(name);
    if (before) return before;
    const t = known.get(name)!;
    return { name, dtype: t.dtype, shape: t.shape, layout: t.layout, role: isGiven(t) ? "weight" as const : "input" as const };
  });
  return { ...c, tensors };
}
/** Every Compute with the layouts that the network's tensors have now. */
export function withLayouts(n: Network): Network {
  return {
    ...n,
    computes: n.computes.map((c) => ({
      ...c,
      tensors: c.tensors.map((t) => (t.role === "table" ? t : { ...t, layout: n.tensors.get(t.name)!.layout })),
      outputs: c.outputs.map((o) => ({ ...o, layout: n.tensors.get(o.tensor)!.layout })),
    })),
  };
}
/** Bytes that a tensor takes in its layout. */
export const bytesOfTensor = (t: NetTensor): number => physical(t.shape, t.layout).size * types[memoryType(t)].bytes;
/** Whether a layout is the plain one of its rank. */
export const isRowMajor = (l: Layout): boolean => JSON.stringify(l) === JSON.stringify(rowMajor(l.parts.length));
/** Iterations of all loops: what layouts are weighed by. */
export const workOf = (c: Compute): number =>
  c.stages.reduce((sum, s) => sum + sizeOf(s.axes.map(extentOf)) * sizeOf(s.reduce?.axes.map(extentOf) ?? []), 0);

const showLayout = (l: Layout): string => {
  const parts = l.parts.map((p) => `${p.dim}${p.quo ? `/${p.quo}` : p.rem ? `%${p.rem}` : ""}`).join(" ");
  const halo = l.halo?.some(([a, b]) => a || b) ? ` halo ${l.halo.map(([a, b]) => `${a}+${b}`).join(" ")}` : "";
  return `(${l.memory ? `${l.memory} ` : ""}${parts}${l.pad?.some(Boolean) ? ` pad ${l.pad.join(" ")}` : ""}${halo})`;
};
const showDim = (d: Dim): string => (typeof d === "number" ? `${d}` : show(d));
const showEquality = ({ sizes, node }: Equality): string => `equal ${sizes.map(show).join(" = ")} for ${node}`;
const showFlow = (flow: Flow<Run, string>): readonly string[] => flow.flatMap((item) => {
  const inner = (f: Flow<Run, string>) => showFlow(f).map((l) => `  ${l}`);
  switch (item.kind) {
    case "piece": return [`computes ${item.piece.first}..${item.piece.first + item.piece.count - 1}`];
    case "leave": return [...item.sizes.map((s) => `let ${s.symbol.name} be ${showDim(s.value)}`), ...item.equalities.map(showEquality)];
    case "branch": return [`if ${item.condition}`, ...inner(item.ifTrue), `else`, ...inner(item.ifFalse)];
    case "loop": return [`loop ${item.name}${item.most === undefined ? "" : ` ${showDim(item.most)} turns`}${item.condition === undefined ? "" : ` while ${item.condition}`}`, ...inner(item.body)];
    default: return item satisfies never;
  }
});
/** The network as text: one block per Compute. For people and goldens; it does not parse. */
export function printNetwork(n: Network): string {
  const out: string[] = [`network ${n.name}`, `inputs ${n.inputs.join(", ")}`, `outputs ${n.outputs.join(", ")}`];
  for (const { variable: { name, range: [low, high] = [] }, from } of n.symbols ?? []) out.push(`symbol ${name} in ${low}..${high} from ${"tensor" in from ? from.tensor : "input" in from ? `${from.input}[${from.dim}]` : "the flow"}`);
  out.push(...(n.equalities ?? []).map(showEquality));
  for (const t of n.tensors.values()) out.push(`${t.kind} ${t.name}: ${t.dtype}[${t.shape.map((size, d) => (t.sizes?.[d] ? `${show(t.sizes[d])} <= ${size}` : size)).join(", ")}] ${showLayout(t.layout)}${t.turn ? ` of ${t.aliasOf} at the turn of ${t.turn.loop}${t.turn.reverse ? ", backwards" : ""}` : ""}`);
  if (n.flow) out.push(...showFlow(n.flow));
  for (const c of [...(n.setup ?? []), ...n.computes]) {
    out.push(``, `${c.name}  # ${c.origin.join(", ")}`);
    for (const s of c.stages) {
      const axes = s.axes.map((a) => `${a.name}<${extentOf(a)}`).join(", ");
      const over = s.reduce ? ` ${s.reduce.op} over ${s.reduce.axes.map((a) => `${a.name}<${extentOf(a)}`).join(", ")}` : "";
      out.push(`  ${s.name}[${axes}] =${over} ${show(s.value)}${s.finish ? ` then ${show(s.finish)}` : ""}`);
    }
    for (const o of c.outputs) out.push(`  -> ${o.tensor}${o.index ? `[${o.index.map(show).join(", ")}]` : ""} from ${o.stage}`);
  }
  return `${out.join("\n")}\n`;
}
