/**
 * What a Network computes, in the memory that it plans: layouts, margins, aliases, results over operands and the arena's
 * offsets are the real ones; only the loops are plain. Memory is NaN (or an odd pattern) before a block's life begins and
 * after it ends, so what is read too early, too late or outside a margin shows.
 */
import { fail } from "../../compiler/ir/scalar.ts";
import { physical } from "../../compiler/ir/compute.ts";
import type { Compute, Output, Tensor } from "../../compiler/ir/compute.ts";
import { rebuild } from "../../compiler/ir/algebra.ts";
import { load, type Expr } from "../../compiler/ir/scalar.ts";
import type { NetTensor, Network } from "../../compiler/ir/network.ts";
import { arrayOf, types, type ElementArray, type Num } from "../../compiler/ir/types.ts";
import { evaluateCompute } from "../../compiler/evaluate/index.ts";
import { verify } from "../../compiler/ir/verify.ts";
import { compileToJs } from "../../compiler/emit/js.ts";
import { lower } from "../../compiler/lower/lower.ts";
import { planMemory, verifyArena } from "../../compiler/passes/network/plan-memory.ts";
import { placeTensors } from "../../compiler/passes/network/place-tensors.ts";
import { fromLayout, poison, toLayout } from "./layouts.ts";

/** A Compute whose buffers are called "in <tensor>" and "out <tensor>": one tensor may be both. */
function apart(c: Compute): Compute {
  const made = new Set(c.stages.map((s) => s.name));
  const go = (e: Expr) => rebuild(e, (x) => (x.kind === "load" && !made.has(x.buffer) ? load(x.dtype, `in ${x.buffer}`, x.at) : x));
  return {
    ...c,
    // Without a schedule that unrolls their loops, tables are read like any other tensor.
    tensors: c.tensors.map((t): Tensor => ({ ...t, name: `in ${t.name}`, role: t.role === "table" ? "input" : t.role })),
    outputs: c.outputs.map((o): Output => ({ ...o, tensor: `out ${o.tensor}` })),
    stages: c.stages.map((s) => ({ ...s, value: go(s.value), ...(s.finish ? { finish: go(s.finish) } : {}) })),
  };
}

/** Elements of constants, and of what the setup makes of them; row-major. */
function prepared(n: Network): Map<string, ElementArray> {
  const known = new Map([...n.tensors.values()].flatMap((t) => (t.data ? [[t.name, t.data] as const] : [])));
  for (const c of n.setup ?? []) for (const [name, data] of evaluateCompute(c, known)) known.set(name, data);
  return known;
}
/** Row-major outputs by tensor name, from row-major inputs by tensor name. */
export function evaluateNetwork(n: Network, feeds: ReadonlyMap<string, ElementArray>): Map<string, ElementArray> {
  const placement = placeTensors(n), arena = planMemory(placement.blocks), wrong = verifyArena(arena);
  if (wrong.length) fail(wrong.join("\n"));
  const bytes = new Uint8Array(arena.bytes).fill(0xff), own = new Map<string, ElementArray>(), given = prepared(n);
  const sizeOf = (t: NetTensor) => physical(t.shape, t.layout).size;
  for (const t of n.tensors.values()) {
    if (t.aliasOf !== undefined || t.kind === "temporary") continue;
    if (t.kind === "output") own.set(t.name, poison(t.dtype, sizeOf(t)));
    else own.set(t.name, toLayout(t.dtype, t.shape, t.layout, given.get(t.name) ?? feeds.get(t.name) ?? fail(`no data for ${t.name}`)));
  }
  const memoryOf = (name: string): ElementArray => {
    const t = n.tensors.get(name) ?? fail(`no tensor ${name}`), root = placement.rootOf(name), known = own.get(root);
    const Elements = types[t.dtype].array;
    if (known) return known.constructor === Elements && known.length === sizeOf(t) ? known : new Elements(known.buffer, known.byteOffset, sizeOf(t));
    const block = arena.blocks[placement.blockOf.get(root) ?? fail(`${root} has no place`)]!;
    if (sizeOf(t) * types[t.dtype].bytes > block.bytes) fail(`${name} does not fit its block`);
    return new Elements(bytes.buffer, block.offset, sizeOf(t));
  };
  n.computes.forEach((c, step) => {
    for (const b of arena.blocks) {
      if (b.firstStep !== step) continue;
      const { dtype } = n.tensors.get(b.name)!;
      bytes.set(new Uint8Array(poison(dtype, Math.ceil(b.bytes / types[dtype].bytes)).buffer).subarray(0, b.bytes), b.offset);
    }
    const plain = apart(c), kernel = lower(plain, { stages: {} });
    verify(kernel);
    const memory: Record<string, ElementArray> = {};
    for (const t of c.tensors) memory[`in ${t.name}`] = t.role === "table" ? arrayOf(t.dtype, t.data as Iterable<Num>) : memoryOf(t.name);
    for (const o of c.outputs) memory[`out ${o.tensor}`] = memoryOf(o.tensor);
    for (const b of kernel.buffers) {
      if (b.space !== "scratch" && memory[b.name]!.length !== b.size) fail(`${c.name}: ${b.name} has ${memory[b.name]!.length} elements, but the kernel takes it for ${b.size}`);
    }
    compileToJs(kernel)(memory);
    for (const b of arena.blocks) if (b.lastStep === step) bytes.fill(0xff, b.offset, b.offset + b.bytes);
  });
  return new Map(n.outputs.map((name) => {
    const t = n.tensors.get(name)!;
    return [name, fromLayout(t.dtype, t.shape, t.layout, memoryOf(name))];
  }));
}
