/** A loop of nothing but multiply-adds, as many independent ones as the registers hold: what no kernel of an instruction set can exceed. */
import { printKernel } from "../../compiler/emit/print.ts";
import { renderShell } from "../../compiler/emit/shell.ts";
import { add, mul } from "../../compiler/ir/algebra.ts";
import type { Kernel, Stmt } from "../../compiler/ir/kernel.ts";
import { int } from "../../compiler/ir/linear.ts";
import { load, variable } from "../../compiler/ir/scalar.ts";
import { cpp } from "./dialect.ts";
import { preambleOf } from "./preamble.ts";
import type { InstructionSet } from "./isa.ts";

const rounds = 20_000;
/** Registers left for the factor, the summand, and the product where there is no fused multiply-add: the chains still hide its latency. */
const others = 4;

/** `in0` holds a factor and a summand for each lane, and where each chain starts, or the compiler would see that all are one; each chain's last value goes to `out0`. */
function peakKernel(set: InstructionSet): Kernel {
  const { lanes } = set, chains = set.registers - others, names = Array.from({ length: chains }, (_, i) => `chain${i}`);
  const constantIn = (name: string, offset: number): Stmt => ({ kind: "let", name, value: load("f32", "in0", [int(offset)], lanes), mutable: false });
  const vector = (name: string) => variable("f32", name, lanes), x = vector("x"), y = vector("y");
  return {
    name: `peak_${set.name}`,
    buffers: [{ name: "in0", dtype: "f32", size: (2 + chains) * lanes, space: "in" }, { name: "out0", dtype: "f32", size: chains * lanes, space: "out" }],
    body: [
      constantIn("x", 0), constantIn("y", lanes),
      ...names.map((name, i): Stmt => ({ kind: "let", name, value: load("f32", "in0", [int((2 + i) * lanes)], lanes), mutable: true })),
      { kind: "for", name: "i", extent: int(rounds), at: "serial", body: names.map((name): Stmt => ({ kind: "set", name, value: add(mul(vector(name), x), y) })) },
      ...names.map((name, i): Stmt => ({ kind: "store", buffer: "out0", at: int(i * lanes), value: vector(name) })),
    ],
  };
}
/** A C++ source with `double mlc_peak(const char* isa)`: runs the loop of that set once and returns how many operations it took, 0 for an unknown set. */
export const peakSource = (sets: readonly InstructionSet[]): string => renderShell("native/peak.cpp", {
  preamble: preambleOf([]), sets: sets.map((s) => ({ name: s.name, guard: s.guard, text: printKernel(peakKernel(s), cpp(s)), lanes: s.lanes, operations: 2 * rounds * (s.registers - others) * s.lanes })),
});
