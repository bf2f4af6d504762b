import { describe, expect, test } from "vitest";
import type { Buffer, Kernel, Space, Stmt } from "../../../compiler/ir/kernel.ts";
import type { Place, Port, Program, Step } from "../../../compiler/ir/program.ts";
import { apply, constant, load, variable, type Expr } from "../../../compiler/ir/scalar.ts";
import { planBindings } from "../../../targets/webgpu/plan.ts";

const kB = 1024;
/** out0[i] = sum of all other buffers at i, over a grid of groups of 64 lanes. */
function kernel(name: string, sizes: Readonly<Record<string, number>>, unused: readonly string[] = []): Kernel {
  const buffers = Object.entries(sizes).map(([n, size]): Buffer => {
    const space: Space = n.startsWith("out") ? "out" : n.startsWith("scratch") ? "scratch" : "in";
    return { name: n, dtype: "f32", size, space, ...(n.startsWith("w") ? { constant: true } : {}) };
  });
  const i = variable("index", "i", 1, [0, 63]), read = buffers.filter((b) => b.space === "in" && !unused.includes(b.name));
  const value = read.map((b): Expr => load("f32", b.name, [i])).reduce((a, b) => apply("add", a, b));
  const store: Stmt = { kind: "store", buffer: "out0", at: i, value };
  return { name, buffers, body: [{ kind: "for", name: "g", extent: constant("index", 3), at: "group.x", body: [{ kind: "for", name: "i", extent: constant("index", 64), at: "lane.x", body: [store] }] }] };
}
const arena = (offset: number): Place => ({ in: "arena", offset }), weight = (offset: number): Place => ({ in: "constants", offset });
const input = (port: number): Place => ({ in: "input", port, offset: 0 }), output = (port: number): Place => ({ in: "output", port, offset: 0 });
const port = (name: string, n: number): Port => ({ name, dtype: "f32", shape: [n] });
function plan(kernels: readonly Kernel[], steps: readonly (readonly [kernel: number, ...args: Place[]])[], more: Partial<Program> = {}) {
  return planBindings({
    name: "n", inputs: [port("a", 256), port("b", 256)], outputs: [port("y", 256)], dtypes: ["f32"], constants: new Uint8Array(0),
    arena: { bytes: 64 * kB, blocks: [], naive: 0, lowerBound: 0 },
    kernels: kernels.map((k) => ({ name: k.name, origin: [], variants: { webgpu: k } })),
    steps: steps.map(([k, ...args]): Step => ({ kernel: k, args, origin: [], macs: 0, kind: "", traffic: { read: 0, weights: 0, written: 0 }, results: [] })), ...more,
  }, "webgpu");
}
const sum = kernel("sum", { in0: 256, in1: 256, out0: 256 });

describe("bindings", () => {
  test("are one for each argument where none meet", () => {
    const p = plan([sum], [[0, input(0), input(1), arena(0)], [0, arena(0), arena(kB), output(0)]]);
    expect(p.kernels).toHaveLength(1);
    expect(p.kernels[0]).toMatchObject({ groups: [3, 1, 1], lanes: [64, 1, 1], slots: [{ binding: 0, offset: 0 }, { binding: 1, offset: 0 }, { binding: 2, offset: 0 }] });
    expect(p.kernels[0]!.bindings).toEqual([0, 1, 2].map(() => ({ access: "read_write", bytes: kB })));
    // Working memory, inputs and outputs stand in one row.
    expect(p.buffers).toEqual([64 * kB, kB, kB, kB]);
    expect(p.steps.map((s) => s.addresses)).toEqual([[64 * kB, 65 * kB, 0], [0, kB, 66 * kB]]);
  });
  test("are shared by arguments that overlap, and each pattern has a kernel of its own", () => {
    const p = plan([sum], [[0, arena(0), arena(kB), arena(0)], [0, arena(0), arena(512), arena(4 * kB)], [0, arena(8 * kB), arena(9 * kB), arena(8 * kB)], [0, input(0), input(0), output(0)]]);
    expect(p.steps.map((s) => s.kernel)).toEqual([0, 1, 0, 2]);
    expect(p.kernels.map((k) => k.kernel.name)).toEqual(["sum", "sum_v1", "sum_v2"]);
    expect(p.kernels[0]!.slots).toEqual([{ binding: 0, offset: 0 }, { binding: 1, offset: 0 }, { binding: 0, offset: 0 }]);
    expect(p.kernels[1]!.slots).toEqual([{ binding: 0, offset: 0 }, { binding: 0, offset: 128 }, { binding: 1, offset: 0 }]);
    expect(p.kernels[1]!.bindings.map((b) => b.bytes)).toEqual([1536, 1024]);
    expect(p.steps[2]!.addresses).toEqual([8 * kB, 9 * kB]);
  });
  test("a third argument joins two", () => {
    const k = kernel("three", { in0: 256, in1: 256, in2: 512, out0: 256 });
    const p = plan([k], [[0, arena(0), arena(1280), arena(512), output(0)]]);
    expect(p.kernels[0]!.slots.map((s) => s?.binding)).toEqual([0, 0, 0, 1]);
    expect(p.kernels[0]!.slots.map((s) => s?.offset)).toEqual([0, 320, 128, 0]);
    expect(p.kernels[0]!.bindings.map((b) => b.bytes)).toEqual([2560, 1024]);
  });
  test("are left out where the kernel does not use a buffer", () => {
    const p = plan([kernel("some", { in0: 256, scratch: 64, in1: 256, out0: 256 }, ["in1"])], [[0, arena(0), arena(kB), arena(2 * kB), output(0)]]);
    expect(p.kernels[0]!.slots).toEqual([{ binding: 0, offset: 0 }, null, null, { binding: 1, offset: 0 }]);
  });
  test("of weights are only read, and may overlap", () => {
    const k = kernel("weights", { in0: 256, w0: 256, w1: 128, out0: 256 });
    const p = plan([k], [[0, input(0), weight(0), weight(512), output(0)], [0, input(0), weight(0), weight(0), output(0)]], { constants: new Uint8Array(kB) });
    expect(p.kernels.map((x) => x.bindings.map((b) => b.access).join())).toEqual(["read_write,read,read,read_write", "read_write,read,read,read_write"].slice(0, p.kernels.length));
    expect(p.kernels).toHaveLength(1);
  });
  test("are joined where there would be more than every device has", () => {
    const k = kernel("many", Object.fromEntries([...Array.from({ length: 9 }, (_, i) => [`in${i}`, 64]), ["w0", 64], ["out0", 64]]));
    const at = [0, 1024, 1280, 4096, 8192, 16384, 20480, 24576, 32768];
    const p = plan([k], [[0, ...at.map(arena), weight(0), output(0)]], { constants: new Uint8Array(256) });
    expect(p.needs.maxStorageBuffersPerShaderStage).toBe(8);
    expect(p.kernels[0]!.slots.slice(0, 5)).toEqual([{ binding: 0, offset: 0 }, { binding: 0, offset: 256 }, { binding: 0, offset: 320 }, { binding: 0, offset: 1024 }, { binding: 1, offset: 0 }]);
    expect(p.kernels[0]!.bindings[0]!.bytes).toBe(4352);
  });
});
describe("weights", () => {
  const MB = 2 ** 20, k = (n: number) => kernel(`of${n}`, { w0: n / 4, out0: 256 });
  /** Stands for a blob that nobody has to allocate. */
  const blob = (length: number) => ({ constants: { length } as Uint8Array });
  test("are cut where a buffer would be too large, never inside one", () => {
    const sizes = [100, 100, 100, 120, 30], offsets = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0) * MB);
    const p = plan(sizes.map((n) => k(n * MB)), sizes.map((_, i) => [i, weight(offsets[i]!), output(0)]), blob(450 * MB));
    expect(p.pieces).toBe(2);
    expect(p.buffers.slice(1, 3)).toEqual([200 * MB, 250 * MB]);
    expect(p.steps.map((s) => s.addresses[0]! - 64 * kB)).toEqual(offsets);
    expect(p.needs).toMatchObject({ maxBufferSize: 250 * MB, maxStorageBufferBindingSize: 120 * MB });
  });
  test("of more than a buffer's size stay whole: the device must allow it", () => {
    const p = plan([k(4 * MB), k(300 * MB), k(8 * MB)], [[0, weight(0), output(0)], [1, weight(4 * MB), output(0)], [2, weight(304 * MB), output(0)]], blob(312 * MB));
    expect(p.buffers.slice(1, 1 + p.pieces)).toEqual([4 * MB, 300 * MB, 8 * MB]);
    expect(p.needs.maxBufferSize).toBe(300 * MB);
  });
  test("none at all need no buffer", () => {
    expect(plan([sum], [[0, input(0), input(1), output(0)]]).pieces).toBe(0);
  });
});
