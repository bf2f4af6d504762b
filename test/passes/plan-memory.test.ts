import { describe, expect, test } from "vitest";
import { planMemory, verifyArena, type Block } from "../../compiler/passes/network/plan-memory.ts";

const block = (name: string, bytes: number, firstStep: number, lastStep: number, align = 64): Block => ({ name, bytes, firstStep, lastStep, align });
function sound(blocks: readonly Block[]) {
  const arena = planMemory(blocks);
  expect(verifyArena(arena)).toEqual([]);
  expect(arena.blocks.map((b) => b.name)).toEqual(blocks.map((b) => b.name));
  arena.blocks.forEach((b, i) => expect(b.offset % (blocks[i]!.align ?? 64)).toBe(0));
  return arena;
}
/** Small and fast, with a seed that failures print. */
function random(seed: number): (n: number) => number {
  let s = seed >>> 0;
  return (n) => { s = (s + 0x6d2b79f5) >>> 0; let t = Math.imul(s ^ (s >>> 15), 1 | s); t ^= t + Math.imul(t ^ (t >>> 7), 61 | t); return ((t ^ (t >>> 14)) >>> 0) % n; };
}
/** A chain of layers: each reads the one before; some also read an earlier one (a residual, or a concatenation of all before). */
function network(layers: number, sizeOf: (i: number) => number, skips: (i: number) => readonly number[]): Block[] {
  const last = Array.from({ length: layers }, (_, i) => i + 1);
  for (let i = 0; i < layers; i++) for (const s of skips(i)) last[s] = Math.max(last[s]!, i);
  return last.map((l, i) => block(`t${i}`, sizeOf(i), i, Math.min(l, layers - 1)));
}

describe("plan-memory", () => {
  test("nothing needs no memory", () => {
    expect(planMemory([])).toEqual({ bytes: 0, blocks: [], naive: 0, lowerBound: 0 });
  });
  test("a chain needs two neighbours at a time", () => {
    const arena = sound([block("a", 640, 0, 1), block("b", 640, 1, 2), block("c", 640, 2, 3)]);
    expect(arena).toMatchObject({ bytes: 1280, naive: 1920, lowerBound: 1280 });
  });
  test("sizes are rounded to 64, zero bytes need nothing, wide alignment is kept", () => {
    const arena = sound([block("a", 1, 0, 5), block("none", 0, 0, 5), block("wide", 4096, 0, 5, 4096), block("c", 100, 0, 5)]);
    expect(arena.bytes).toBeLessThanOrEqual(8192);
  });
  test("the verifier sees overlaps, ends, alignment and false totals", () => {
    const good = planMemory([block("a", 128, 0, 1), block("b", 128, 1, 2)]);
    const moved = { ...good, blocks: good.blocks.map((b) => ({ ...b, offset: 0 })) };
    expect(verifyArena(moved)).toEqual(["a and b overlap and are both alive at step 1"]);
    expect(verifyArena({ ...good, bytes: 128 })).toHaveLength(1);
    expect(verifyArena({ ...good, naive: 1, lowerBound: 1 })).toHaveLength(2);
    expect(verifyArena({ ...good, blocks: good.blocks.map((b) => ({ ...b, offset: b.offset + 4 })) })).not.toEqual([]);
  });

  test("networks: within 1.05 of the bound", () => {
    const resnet = network(70, (i) => (802816 >> Math.min(3, Math.floor(i / 17))) * (i % 4 === 3 ? 4 : 1), (i) => (i % 4 === 3 && i >= 4 ? [i - 4] : []));
    const mobilenet = network(60, (i) => ((1 + (i % 3)) * 602112) >> Math.floor(i / 12), (i) => (i % 6 === 5 ? [i - 3] : []));
    const densenet = network(120, (i) => (802816 >> Math.floor(i / 30)) + 32768 * (i % 30), (i) => (i % 30 > 1 ? [i - 2, i - (i % 5)] : []));
    const inception = network(90, (i) => 64 * (1000 + ((i * 7919) % 1500)), (i) => (i % 9 === 8 ? [i - 1, i - 3, i - 5, i - 8] : i % 2 ? [i - (i % 9)] : []));
    const unet = network(40, (i) => 1 << (20 - Math.min(i, 39 - i) / 3), (i) => (i >= 20 ? [39 - i] : []));
    for (const blocks of [resnet, mobilenet, densenet, inception, unet]) {
      const arena = sound(blocks);
      expect(arena.bytes / arena.lowerBound).toBeLessThanOrEqual(1.05);
    }
  });
  test("random blocks: sound, the same each time, and near the bound", () => {
    let worst = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const next = random(seed), steps = 5 + next(60);
      const blocks = Array.from({ length: 1 + next(70) }, (_, i) => {
        const first = next(steps);
        return block(`b${i}`, next(4) === 0 ? next(200) : 64 * (1 + next(2000)), first, Math.min(steps - 1, first + next(next(5) === 0 ? steps : 5)));
      });
      const arena = sound(blocks);
      expect(planMemory(blocks), `seed ${seed}`).toEqual(arena);
      expect(arena.bytes / arena.lowerBound, `seed ${seed}`).toBeLessThanOrEqual(1.25);
      worst += arena.bytes / arena.lowerBound;
    }
    expect(worst / 40).toBeLessThan(1.05);
  });
  test("adversarial: a plan by size alone is 1.5 times the bound, the search finds better", () => {
    const blocks = [
      ...Array.from({ length: 12 }, (_, i) => block(`long${i}`, 64 * 10, i, i + 12)), ...Array.from({ length: 24 }, (_, i) => block(`short${i}`, 64 * 11, i, i)),
    ];
    expect(sound(blocks).bytes / sound(blocks).lowerBound).toBeLessThanOrEqual(1.05);
  });
  test("200 blocks of random sizes and lives", () => {
    const next = random(7), blocks = Array.from({ length: 200 }, (_, i) => block(`b${i}`, 64 * (1 + next(5000)), i, i + 1 + next(12)));
    expect(sound(blocks).bytes / sound(blocks).lowerBound).toBeLessThanOrEqual(1.1);
  });
});
