/**
 * Needs the blocks that share memory, with the steps between which each is alive (aliases already merged into one block).
 * Ensures an arena in which blocks alive at the same step do not overlap, as small as a bounded search finds. Last, when
 * nothing creates or lengthens the life of a block any more.
 *
 * The problem is dynamic storage allocation (NP-hard). Blocks are placed one after another, each into a gap left by those
 * that live at the same time; everything lies in the order. Several orders are tried, then a local search moves blocks
 * that touch the top to earlier places. It stops at the lower bound or after a number of steps that depends on the number of
 * blocks only, and draws from a generator with a fixed seed, so the plan depends on the blocks alone.
 */
import { CompileError } from "../../diagnostics.ts";
import { valueOfTensor } from "./lower-graph.ts";
import type { Arena, ArenaBlock } from "../../ir/program.ts";

/** A piece of memory: in use from the start of `firstStep` to the end of `lastStep`. */
export interface Block {
  readonly name: string;
  readonly bytes: number;
  readonly firstStep: number;
  readonly lastStep: number;
  /** A power of two; offsets are multiples of it and of 64. */
  readonly align?: number;
}
const unit = 64;
/** Placements of one block among all others that the search may make; some 0.1 seconds. */
const work = 80_000_000;

/** The most bytes of an arena. */
const most = 2 ** 36;
function tooLarge(blocks: readonly Block[], bytes: number): never {
  const shown = (n: number) => `${(n / 2 ** 30).toFixed(1)} GB`, largest = blocks.reduce((a, b) => (b.bytes > a.bytes ? b : a));
  throw new CompileError([{
    severity: "error", code: "too-large",
    message: `the model needs ${shown(bytes)} of working memory, ${shown(largest.bytes)} of it for ${valueOfTensor(largest.name) ?? largest.name}; ${shown(most)} are the most`,
    hint: "smaller shapes (--shape, --dim) need less",
  }]);
}

/** Offsets for all blocks, in their order. Throws CompileError where no plan is of a reasonable size. */
export function planMemory(blocks: readonly Block[]): Arena {
  const lowerBound = peak(blocks, (b) => b.bytes);
  if (lowerBound > most) tooLarge(blocks, lowerBound);
  const problem = prepare(blocks), best = search(problem);
  const placed = blocks.map((b, i): ArenaBlock => ({
    name: b.name, offset: best.offsets[i]! * unit, bytes: b.bytes, firstStep: b.firstStep, lastStep: b.lastStep,
  }));
  const naive = placed.reduce((sum, b) => sum + b.bytes, 0);
  return { bytes: best.top * unit, blocks: placed, naive, lowerBound };
}

/** What is wrong with a plan: blocks that overlap while both are alive, that leave the arena or are not aligned, false totals. */
export function verifyArena(arena: Arena): readonly string[] {
  const problems: string[] = [], { blocks } = arena;
  blocks.forEach((a, i) => {
    if (a.offset < 0 || a.offset % unit !== 0) problems.push(`${a.name} starts at ${a.offset}, which is no multiple of ${unit}`);
    if (a.offset + a.bytes > arena.bytes) problems.push(`${a.name} ends at ${a.offset + a.bytes}, beyond the ${arena.bytes} bytes of the arena`);
    for (const b of blocks.slice(i + 1)) {
      const together = a.firstStep <= b.lastStep && b.firstStep <= a.lastStep;
      if (together && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes) {
        problems.push(`${a.name} and ${b.name} overlap and are both alive at step ${Math.max(a.firstStep, b.firstStep)}`);
      }
    }
  });
  if (arena.naive !== blocks.reduce((sum, b) => sum + b.bytes, 0)) problems.push(`naive is ${arena.naive}, not the sum of all blocks`);
  const bound = peak(blocks, (b) => b.bytes);
  if (arena.lowerBound !== bound) problems.push(`lowerBound is ${arena.lowerBound}, not ${bound}, the largest sum of blocks alive at one step`);
  return problems;
}

/** The largest sum of sizes alive at one step; a sum can only grow where a block starts. */
function peak<B extends ArenaBlock | Block>(blocks: readonly B[], size: (b: B) => number): number {
  const starts = new Set(blocks.map((b) => b.firstStep));
  return Math.max(0, ...[...starts].map((s) => blocks.reduce((sum, b) => (b.firstStep <= s && s <= b.lastStep ? sum + size(b) : sum), 0)));
}

interface Problem {
  readonly count: number;
  /** In units. */
  readonly sizes: Int32Array;
  readonly aligns: Int32Array;
  /** Whether two blocks live at the same time: count x count. */
  readonly together: Uint8Array;
  readonly bound: number;
  readonly blocks: readonly Block[];
}
interface Plan { readonly top: number; readonly offsets: Int32Array; readonly order: readonly number[] }

function prepare(blocks: readonly Block[]): Problem {
  const count = blocks.length, together = new Uint8Array(count * count), units = (b: { bytes: number }) => Math.ceil(b.bytes / unit);
  blocks.forEach((a, i) => blocks.forEach((b, j) => {
    if (a.firstStep <= b.lastStep && b.firstStep <= a.lastStep) together[i * count + j] = 1;
  }));
  return {
    count, together, blocks, sizes: Int32Array.from(blocks, units),
    aligns: Int32Array.from(blocks, (b) => Math.max(1, (b.align ?? unit) / unit)), bound: peak(blocks, units),
  };
}

/** Places blocks in this order, each into the lowest (or tightest) gap; null as soon as the top exceeds `limit`. */
function place(p: Problem, order: readonly number[], tightest: boolean, limit: number): Plan | null {
  const { count, sizes, aligns, together } = p, offsets = new Int32Array(count), byOffset = new Int32Array(count);
  let placed = 0, top = 0;
  for (const b of order) {
    const size = sizes[b]!, mask = aligns[b]! - 1, row = b * count;
    let end = 0, best = -1, slack = Infinity;
    for (let k = 0; k < placed && size > 0; k++) {
      const other = byOffset[k]!;
      if (together[row + other] === 0) continue;
      const start = (end + mask) & ~mask, gap = offsets[other]! - start;
      if (gap >= size && gap - size < slack) {
        best = start;
        slack = gap - size;
        if (!tightest || slack === 0) break;
      }
      end = Math.max(end, offsets[other]! + sizes[other]!);
    }
    const at = best >= 0 ? best : (end + mask) & ~mask;
    offsets[b] = at;
    if (size === 0) continue;
    top = Math.max(top, at + size);
    if (top > limit) return null;
    let k = placed++;
    for (; k > 0 && offsets[byOffset[k - 1]!]! > at; k--) byOffset[k] = byOffset[k - 1]!;
    byOffset[k] = b;
  }
  return { top, offsets, order };
}

function search(p: Problem): Plan {
  let best: Plan | null = null, tightest = false;
  for (const order of orders(p)) {
    for (const fit of [true, false]) {
      const plan = place(p, order, fit, best ? best.top - 1 : Infinity);
      if (plan) { best = plan; tightest = fit; }
      if (best && best.top <= p.bound) return best;
    }
  }
  return best ? improve(p, best, tightest) : { top: 0, offsets: new Int32Array(0), order: [] };
}
const orders = (p: Problem): readonly (readonly number[])[] => {
  const { blocks, sizes } = p, all = blocks.map((_, i) => i);
  const life = (i: number) => blocks[i]!.lastStep - blocks[i]!.firstStep + 1, size = (i: number) => sizes[i]!;
  const load = all.map((i) => all.reduce((sum, j) => (p.together[i * p.count + j] ? sum + size(j) : sum), 0));
  const by = (...keys: readonly ((i: number) => number)[]) =>
    all.toSorted((a, b) => keys.reduce((order, key) => order || key(b) - key(a), 0) || a - b);
  return [
    by(size, life), by((i) => size(i) * life(i)), by(life, size), by((i) => load[i]!, size),
    by((i) => -blocks[i]!.firstStep, size), by((i) => blocks[i]!.lastStep, size),
  ];
};

/** Moves blocks at the top to earlier places in the order, and shakes the order where that no longer helps. */
function improve(p: Problem, start: Plan, tightest: boolean): Plan {
  const random = generator(1), draw = (n: number) => Math.floor(random() * n);
  let best = start, now = start, idle = 0;
  for (let left = Math.min(10_000, Math.floor(work / (p.count * p.count))); left > 0 && best.top > p.bound; left--) {
    const order = [...now.order], atTop = order.filter((b) => now.offsets[b]! + p.sizes[b]! === now.top);
    for (const b of idle > 40 ? [order[draw(p.count)]!, order[draw(p.count)]!, order[draw(p.count)]!] : [atTop[draw(atTop.length)]!]) {
      const from = order.indexOf(b);
      order.splice(from, 1);
      order.splice(draw(idle > 40 ? p.count : Math.max(1, from)), 0, b);
    }
    const shaken = idle > 40, plan = place(p, order, tightest, shaken ? Infinity : now.top);
    idle = shaken || (plan && plan.top < now.top) ? 0 : idle + 1;
    if (plan) now = plan;
    if (now.top < best.top) best = now;
    else if (shaken && now.top > best.top * 1.25) now = best;
  }
  return best;
}
/** Numbers from 0 to 1: a linear congruential generator modulo 2^32 (multiplier of Numerical Recipes), of which the upper bits are good. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}
