/** Every form of schedule, at small sizes, through verifier and interpreter against plain loops. */
import type { WinogradAlgorithm } from "../../compiler/ir/compute.ts";
import { describe, expect, test } from "vitest";
import { rowMajor } from "../../compiler/ir/compute.ts";
import type { Directive, Edge, Schedule } from "../../compiler/ir/schedule.ts";
import { instructionSets } from "../../targets/cpp/isa.ts";
import { strassenSchedule } from "../../targets/cpp/schedules/strassen.ts";
import { winogradSchedule } from "../../targets/cpp/schedules/winograd.ts";
import { lower } from "../../compiler/lower/lower.ts";
import { evaluate, type Value } from "../../compiler/ir/interpret.ts";
import type { Kernel, Stmt } from "../../compiler/ir/kernel.ts";
import { difference, runCompute } from "../support/run-compute.ts";
import { conv, gemm, layernorm, softmax, strassen, winograd, type Problem } from "./problems.ts";
import { alsoPlaced, borderTile, convGpu, convTile, depthwiseTile, gemmGpu, gemmTile, plain, rowwise, softmaxGpu } from "./schedules.ts";

function agree(p: Problem, schedule: Schedule, tolerance = 1e-5, quick = false): void {
  const { results } = runCompute(p.compute, schedule, p.data, { quick });
  expect(difference(results.out!, p.expected)).toBeLessThanOrEqual(tolerance);
}
/** The addresses that a kernel asks for, in the order of its hints. */
function hintsOf(k: Kernel): number[] {
  const found: number[] = [];
  const run = (body: readonly Stmt[], vars: ReadonlyMap<string, Value>): void => {
    const known = new Map(vars);
    for (const s of body) {
      if (s.kind === "prefetch") found.push(Number(evaluate(s.at, known, {})[0]));
      else if (s.kind === "let" && s.value.dtype === "index") known.set(s.name, evaluate(s.value, known, {}));
      else if (s.kind === "for") for (let i = 0; i < Number(evaluate(s.extent, known, {})[0]); i++) run(s.body, new Map([...known, [s.name, [i]]]));
      else if (s.kind === "block") run(s.body, known);
    }
  };
  run(k.body, new Map());
  return found;
}
const edges: readonly Edge[] = ["overlap", "balance", "peel", "guard"], widths = [[16, 4], [16, 1], [8, 2], [4, 2], [4, 3]] as const;
const g = gemm(13, 10, 40), odd = gemm(7, 5, 21), c1 = conv({ H: 6, W: 7, C: 8, N: 16 }), c2 = conv({ H: 3, W: 5, C: 8, N: 16, stride: 2 });

describe("products", () => {
  test("unscheduled", () => agree(g, plain));
  for (const edge of edges) {
    test.each(widths)(`${edge}, %i lanes, %i vectors`, (lanes, vectors) => {
      agree(g, gemmTile({ rows: 6, vectors, lanes, edge }));
      agree(odd, gemmTile({ rows: 3, vectors, lanes, edge }));
    });
    test.each(widths)(`convolutions, ${edge}, %i lanes, %i vectors`, (lanes, vectors) => {
      // The widest and the narrowest have their addresses checked.
      agree(c1, convTile({ rows: 4, vectors, lanes, edge }), 1e-5, vectors < 3);
      agree(c2, convTile({ rows: 4, vectors, lanes, edge }), 1e-5, vectors < 3);
    });
  }
  test.each([[1, 1, 1], [1, 9, 17], [2, 1, 16], [5, 3, 1]])("of %i x %i x %i", (m, k, n) => agree(gemm(m, k, n), gemmTile({ rows: 4, vectors: 2, lanes: 8, edge: "balance" })));
  test("panels in parallel", () => agree(g, alsoPlaced(gemmTile({ rows: 2, vectors: 1, lanes: 8, edge: "balance" }), "gemm", "no", "parallel")));
  test.each([4, 8, 16])("operands copied to scratch, %i at a time", (lanes) => {
    const s = gemmTile({ rows: 4, vectors: 1, lanes, edge: "balance" }), at = ["gemm", "mo"] as const;
    agree(g, { ...s, tensors: [...s.tensors!, { cache: "A", at, in: "scratch", over: lanes }] });
    agree(g, { ...s, tensors: [{ cache: "W", at: ["gemm", "no"], in: "scratch", over: lanes }, { cache: "A", at, in: "scratch", over: lanes, layout: { ...rowMajor(2), pad: [0, 3] } }] });
  });
  test("prefetches and early hints change nothing", () => {
    const s = gemmTile({ rows: 6, vectors: 1, lanes: 16, edge: "balance" });
    agree(g, { ...s, stages: { gemm: [...s.stages.gemm!, { prefetch: "W", next: "no" }, { early: "R" }, { early: "out" }] } });
    agree(g, { ...s, stages: { gemm: [...s.stages.gemm!, { prefetch: "W", next: "no", share: ["m"], run: 16 }, { prefetch: "W", ahead: "k", turns: 8 }] } });
  });
  const asked = (p: Problem, rows: number, vectors: number, lanes: number, d: Directive) => {
    const s = gemmTile({ rows, vectors, lanes, edge: "balance" });
    return hintsOf(lower(p.compute, { ...s, stages: { gemm: [...s.stages.gemm!, d] } }));
  };
  test("rows ask together for each line of the next panels, once", () => {
    // 30 rows in tiles of 6, panels of 16 columns over 20 terms: 20 lines, of which each tile asks for four.
    const hints = asked(gemm(30, 20, 32), 6, 1, 16, { prefetch: "W", next: "no", share: ["m"], run: 16 });
    const lines = new Set(hints.map((at) => Math.floor(at / 16)));
    for (let line = 20; line < 40; line++) expect(lines).toContain(line);
    expect(Math.min(...hints)).toBe(320);
    // One hint in each turn of each tile, the last panels' own included.
    expect(hints).toHaveLength(2 * 5 * 20);
    // A single tile asks for whole panels: as many lines in each turn as a panel has.
    expect(asked(gemm(6, 20, 64), 6, 2, 16, { prefetch: "W", next: "no", share: ["m"], run: 32 }).filter((at) => at < 1280)).toHaveLength(40);
  });
  test("a tile asks for its own panels some turns ahead, for a line only once", () => {
    for (const lanes of [4, 8, 16]) {
      const hints = asked(gemm(6, 20, 16), 6, 16 / lanes, lanes, { prefetch: "W", ahead: "k", turns: 8 });
      expect(hints).toEqual(Array.from({ length: 20 }, (_, k) => (k + 8) * 16));
    }
  });
});
describe("padding", () => {
  test.each([[5, 13, 16], [5, 13, 8], [2, 3, 4], [1, 1, 8]])("bodies for the border of %i x %i, %i lanes", (H, W, lanes) =>
    agree(conv({ H, W, C: 4, N: 16, halo: false }), borderTile({ rows: 4, vectors: 1, lanes, edge: "balance" })));
  test("stride 2, bodies for the border", () => agree(conv({ H: 4, W: 5, C: 3, N: 8, stride: 2, halo: false }), borderTile({ rows: 2, vectors: 1, lanes: 8, edge: "balance" })));
  test("unscheduled", () => agree(conv({ H: 5, W: 6, C: 4, N: 16, halo: false }), plain));
});
describe("depthwise", () => {
  const halo = conv({ H: 5, W: 7, C: 24, N: 24, depthwise: true }), tested = conv({ H: 5, W: 7, C: 24, N: 24, depthwise: true, halo: false });
  test.each([4, 8, 16])("%i lanes", (lanes) => {
    agree(halo, depthwiseTile(lanes, 2, 4, "balance"));
    agree(halo, depthwiseTile(lanes, 2, 4, "overlap", false));
    agree(tested, depthwiseTile(lanes, 2, 4, "border"));
  });
  test("channels that no vector holds", () => agree(conv({ H: 4, W: 4, C: 5, N: 5, depthwise: true }), depthwiseTile(16, 2, 2, "peel")));
});
describe("winograd", () => {
  const sizes = [[1, 8, 8, 16, 16, 4, 4], [2, 6, 7, 16, 32, 4, 2], [1, 5, 9, 16, 16, 2, 2], [2, 14, 3, 17, 20, 4, 4], [1, 1, 1, 16, 16, 2, 2]] as const;
  for (const set of Object.values(instructionSets)) {
    // SSE and NEON have vectors of one size.
    test.each(set.name === "sse" ? sizes.slice(2, 3) : sizes)(`${set.name}: batch %i, %i x %i, %i -> %i, tiles of %i x %i`, (...size) => {
      const p = winograd(...size), { compute, schedule } = winogradSchedule(p.compute, p.compute.algorithm as WinogradAlgorithm, set);
      agree({ ...p, compute }, schedule, 1e-4, size[0] > 1 || size[5] === 2);
    });
  }
  test.each([
    ["5x5", 10, 7, 16, 16, 4, 2, { kernel: [5, 5], pad: 2 }], ["tiles of six", 13, 8, 16, 16, 6, 6, {}], ["1x7", 9, 9, 16, 16, 1, 4, { kernel: [1, 7], pad: 0 }],
    ["3x1", 9, 5, 16, 32, 3, 1, { kernel: [3, 1], pad: 0 }], ["groups", 7, 9, 16, 24, 4, 2, { groups: 2 }], ["tiles of five", 11, 6, 16, 16, 5, 3, {}],
  ] as const)("%s", (_, H, W, C, N, fy, fx, more) => {
    for (const set of [instructionSets.avx2, instructionSets.avx512]) {
      const p = winograd(1, H, W, C, N, fy, fx, more), { compute, schedule } = winogradSchedule(p.compute, p.compute.algorithm as WinogradAlgorithm, set);
      agree({ ...p, compute }, schedule, 1e-4, true);
    }
  });
  test.each([[8, 8, 2, 2, [2, 2]], [9, 7, 3, 3, [2, 2]], [7, 12, 4, 2, [2, 1]]] as const)("%i x %i in tiles of %i x %i, outputs %j apart", (H, W, fy, fx, strides) => {
    const p = winograd(1, H, W, 16, 16, fy, fx, { strides });
    agree(p, winogradSchedule(p.compute, p.compute.algorithm as WinogradAlgorithm, instructionSets.avx2).schedule, 1e-4);
  });
  test("without padding", () => { const p = winograd(1, 7, 8, 16, 16, 4, 4, { pad: 0 }); agree(p, winogradSchedule(p.compute, p.compute.algorithm as WinogradAlgorithm, instructionSets.avx2).schedule, 1e-4); });
  test("blocks of tiles in parallel", () => {
    const p = winograd(1, 23, 22, 16, 16, 4, 4);
    agree(p, alsoPlaced(winogradSchedule(p.compute, p.compute.algorithm as WinogradAlgorithm, instructionSets.avx2).schedule, "Y", "tb", "parallel"), 1e-4);
  });
});
describe("strassen", () => {
  for (const set of Object.values(instructionSets)) {
    test.each([[26, 8, 64], [25, 10, 32], [3, 4, 160], [1, 2, 32]])(`${set.name}: %i x %i x %i`, (...size) => {
      const p = strassen(...size);
      agree(p, strassenSchedule(p.compute, set).schedule, 1e-5, size[0] > 25);
    });
  }
});
describe("stages inside the loops of others", () => {
  const s = softmax(3, 30), l = layernorm(3, 30);
  test("unscheduled", () => { agree(s, plain); agree(l, plain); });
  test.each([4, 8, 16])("%i lanes", (lanes) => {
    agree(s, rowwise(lanes, "softmax", ["top", "sum"], ["e"]));
    agree(l, rowwise(lanes, "norm", ["mean", "scale"]));
  });
  test.each([[4, 30], [8, 37], [16, 200], [16, 5]])("sums in several accumulators: %i lanes, rows of %i", (lanes, size) => {
    const p = softmax(3, size), base = rowwise(lanes, "softmax", ["top", "sum"], ["e"]), along: readonly Directive[] = [
      { split: "k", by: 4 * lanes, into: ["ko", "kc"], edge: "peel" }, { split: "kc", by: lanes, into: ["kj", "kv"], edge: "peel" }, { order: ["r", "ko", "kj", "kv"] },
      { place: ["kj"], as: "unroll" }, { place: ["kv"], as: "vector" }, { apart: "kj" },
    ];
    const where = (name: string) => base.stages[name]!.filter((d) => "computeAt" in d);
    agree(p, { stages: { ...base.stages, top: [...along, ...where("top")], sum: [...along, ...where("sum")] } });
  });
  test("accumulators of turns that are no constants are refused", () => {
    expect(() => runCompute(s.compute, { stages: { top: [{ split: "k", by: 5, into: ["ko", "ki"] }, { apart: "ki" }] } }, s.data)).toThrow(/unrolled/);
  });
  test("rows in parallel", () => agree(s, alsoPlaced(rowwise(8, "softmax", ["top", "sum"], ["e"]), "softmax", "r", "parallel")));
});
describe("groups and lanes", () => {
  for (const shared of [false, true]) for (const vector of [false, true]) {
    const t = { lanes: 2, each: 4, depth: 4, shared, vector };
    test(`2x2 lanes of 4x4${shared ? ", shared" : ""}${vector ? ", vectors" : ""}`, () => {
      agree(gemm(9, 6, 12), gemmGpu(t));
      agree(conv({ H: 2, W: 9, C: 5, N: 12 }), convGpu(t));
      agree(conv({ H: 2, W: 5, C: 6, N: 8, stride: 2 }), convGpu(t));
      agree(conv({ H: 3, W: 4, C: 3, N: 8, halo: false }), convGpu(t));
    });
  }
  test("one row per lane", () => agree(softmax(5, 7), softmaxGpu(4)));
});
