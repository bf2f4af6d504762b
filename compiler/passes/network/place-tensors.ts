/**
 * Which tensors share memory, and how long each piece is in use.
 * A step may write its result over an operand that dies there, where every element is read just before it is
 * overwritten: the addresses agree, and nothing else of the operand is read later.
 */
import { address, settled, type Compute } from "../../ir/compute.ts";
import { loadsIn } from "../../ir/algebra.ts";
import { bytesOfTensor, expressionsOfStage, readsOf, writesOf, type NetTensor, type Network, type Run } from "../../ir/network.ts";
import { flowsIn, piecesOf, type Flow } from "../../ir/control.ts";
import { types } from "../../ir/types.ts";
import type { Block } from "./plan-memory.ts";

/** Where temporaries live, before addresses are chosen. */
export interface Placement {
  readonly blocks: readonly Block[];
  /** Index of a temporary's block, by the root of its aliases. */
  readonly blockOf: ReadonlyMap<string, number>;
  readonly rootOf: (name: string) => string;
  /** Operands whose memory a result of the Compute takes over: operand -> result. */
  readonly sharing: (c: Compute) => Sharing;
}
/** For operands, the result that lies in the same memory; in place: each element is stored where it has just been read, and read nowhere else. */
export type Sharing = ReadonlyMap<string, { readonly result: string; readonly how: "anyhow" | "inPlace" }>;
interface Life { readonly name: string; first: number; last: number; bytes: number; into: string | null }

/** Whether a tensor lies in the arena: of the caller's, those that kernels see in other sizes than the caller. */
export const isOwn = (t: NetTensor): boolean => t.kind === "temporary" || (t.sizes !== undefined && t.kind !== "constant");
/** Blocks for all temporaries, and which of them may lie over each other; the caller's live from before the first step, or to behind the last. Needs: aliases are final. */
export function placeTensors(n: Network): Placement {
  const rootOf = (name: string): string => { const t = n.tensors.get(name)!; return t.aliasOf === undefined ? name : rootOf(t.aliasOf); };
  const lives = new Map<string, Life>(), end = n.computes.length;
  n.computes.forEach((c, step) => {
    for (const name of [...writesOf(c), ...readsOf(c)]) {
      const root = n.tensors.has(name) ? n.tensors.get(rootOf(name))! : undefined;
      if (!root || !isOwn(root)) continue;
      const life = lives.get(root.name);
      if (life) { life.last = Math.max(life.last, step); life.bytes = Math.max(life.bytes, bytesOfTensor(n.tensors.get(name)!)); }
      else lives.set(root.name, { name: root.name, first: root.kind === "input" ? -1 : step, last: root.kind === "output" ? end : step, bytes: Math.max(bytesOfTensor(root), bytesOfTensor(n.tensors.get(name)!)), into: null });
    }
  });
  const loops = loopsIn(n.flow ?? []), touch = (name: string, step: number) => { const life = lives.get(rootOf(name)); if (life) { life.first = Math.min(life.first, step); life.last = Math.max(life.last, step); } };
  for (const { condition, at } of decisionsIn(n.flow ?? [])) touch(condition, at);
  for (const [first, last] of loops) for (const life of lives.values()) throughLoop(life, first, last);
  const shared = new Map<Compute, Sharing>();
  n.computes.forEach((c, step) => {
    const taken = new Map<string, { readonly result: string; readonly how: "anyhow" | "inPlace" }>(), turn = loops.find(([first, last]) => first <= step && step <= last)?.[0] ?? -1;
    for (const operand of readsOf(c)) {
      const result = n.tensors.has(operand) ? writesOf(c).find((w) => w !== operand && rootOf(w) === rootOf(operand)) : undefined;
      if (result !== undefined) taken.set(operand, { result, how: "anyhow" });
    }
    for (const result of writesOf(c)) {
      const out = lives.get(rootOf(result));
      if (!out || out.first !== step) continue;
      // The last step leaves outputs alone too: what of them lies here is copied to the caller after it.
      const operand = readsOf(c).find((name) => {
        const life = n.tensors.has(name) ? lives.get(rootOf(name)) : undefined;
        return life && life !== out && life.last === step && life.first >= turn && life.into === null && n.tensors.get(life.name)!.kind !== "output" && ![...taken.keys()].includes(name) && overwrites(c, n.tensors.get(name)!, n.tensors.get(result)!)
          && readsOf(c).every((other) => other === name || !n.tensors.has(other) || rootOf(other) !== rootOf(name));
      });
      if (operand === undefined) continue;
      lives.get(rootOf(operand))!.into = rootOf(result);
      taken.set(operand, { result, how: "inPlace" });
    }
    if (taken.size) shared.set(c, taken);
  });
  const owner = (name: string): string => { const l = lives.get(name)!; return l.into === null ? name : owner(l.into); };
  const blocks: { name: string; bytes: number; firstStep: number; lastStep: number }[] = [], index = new Map<string, number>();
  for (const l of lives.values()) {
    const own = owner(l.name), i = index.get(own);
    if (i === undefined) { index.set(own, blocks.length); blocks.push({ name: own, bytes: l.bytes, firstStep: l.first, lastStep: l.last }); continue; }
    const b = blocks[i]!;
    b.bytes = Math.max(b.bytes, l.bytes); b.firstStep = Math.min(b.firstStep, l.first); b.lastStep = Math.max(b.lastStep, l.last);
  }
  const none: Sharing = new Map();
  return { blocks, blockOf: new Map([...lives.keys()].map((name) => [name, index.get(owner(name))!])), rootOf, sharing: (c) => shared.get(c) ?? none };
}

/** The first and the last step of each loop, inner ones first. */
const loopsIn = (flow: Flow<Run, string>): readonly (readonly [number, number])[] => flow.flatMap((item) => [...flowsIn(item).flatMap(loopsIn), ...(item.kind === "loop" ? [spanOf(item.body)] : [])]);
/** The first and the last step of a flow that has some. */
export function spanOf(flow: Flow<Run, string>): readonly [number, number] {
  const runs = piecesOf(flow);
  return [Math.min(...runs.map((x) => x.first)), Math.max(...runs.map((x) => x.first + x.count - 1))];
}
/** What decides in a flow, and the first step behind each decision, which a loop takes again before each turn. */
export const decisionsIn = (flow: Flow<Run, string>): readonly { readonly condition: string; readonly at: number }[] => flow.flatMap((item) => {
  const own = (item.kind !== "branch" && item.kind !== "loop") || item.condition === undefined ? [] : [{ condition: item.condition, at: spanOf([item])[0] }];
  return [...own, ...flowsIn(item).flatMap(decisionsIn)];
});
/** What lives longer than a turn of a loop lives through all of it: a turn may read what the one before has written, or what came before the loop. */
function throughLoop(l: Life, first: number, last: number): void {
  if (l.first < first && l.last >= first && l.last < last) l.last = last;
  if (l.first > first && l.first <= last && l.last > last) l.first = first;
}

/** Whether each element of `a` is read only where the same address of `r` is written, after the reading. */
export function overwrites(c: Compute, a: NetTensor, r: NetTensor): boolean {
  if (types[a.dtype].bytes !== types[r.dtype].bytes || a.layout.memory !== r.layout.memory || bytesOfTensor(a) !== bytesOfTensor(r)) return false;
  const [o, ...more] = c.outputs.filter((x) => x.tensor === r.name);
  if (!o || more.length) return false;
  const s = c.stages.find((x) => x.name === o.stage)!, store = settled(address(r.shape, r.layout, o.index ?? s.axes), s.axes);
  for (const x of c.stages) {
    // What a reduction reads, other tiles of the result still need.
    const late = x === s ? (x.reduce ? (x.finish ? [x.finish] : []) : expressionsOfStage(x)) : [];
    const all = loadsIn(expressionsOfStage(x), a.name), here = loadsIn(late, a.name);
    if (all.length !== here.length || here.some((l) => settled(address(a.shape, a.layout, l.at), s.axes) !== store)) return false;
  }
  return true;
}
