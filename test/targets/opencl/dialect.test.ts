/** The OpenCL dialect: every operator over every type, at every width, does what the interpreter does. Schedules for grids; goldens of small kernels. */
import { expect, test } from "vitest";
import { printKernel } from "../../../compiler/emit/print.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import { newArray } from "../../../compiler/ir/types.ts";
import { opencl } from "../../../targets/opencl/dialect.ts";
import { programText } from "../../../targets/opencl/program.ts";
import { agrees, cases, kernelOf, memory, merged, N } from "../cases.ts";
import { emptyFolder, launch } from "./device.ts";
import { because, skipped } from "../../support/tools.ts";

/** By default a compiler may contract a * b + c, which the interpreter does not. */
const exact = "#pragma OPENCL FP_CONTRACT OFF\n", options = "-cl-std=CL1.2 -Werror", together = 30;
test.skipIf(skipped("opencl"))(`all operators, types and widths${because("opencl")}`, { timeout: 120_000 }, async () => {
  const folder = emptyFolder(), all = [...cases(4), ...cases(16).filter((c) => c.lanes > 1)], kernels = all.map((c) => kernelOf(c, () => false));
  const parts = Array.from({ length: Math.ceil(all.length / together) }, (_, n) => merged(`part${n}`, kernels.slice(n * together, (n + 1) * together)));
  const got = await launch(folder, exact + programText(parts), options, parts.map((kernel, n) => ({ kernel, args: memory, before: n % 2 ? 16 : 0 })));
  all.forEach((c, n) => {
    const k = kernels[n]!, want = newArray(k.buffers.at(-1)!.dtype, N), out = got[Math.floor(n / together)]![`out_${n % together}`]!;
    interpret(k, { ...memory, out: want });
    for (let e = 0; e < N; e++) if (!agrees(c, out[e]!, want[e]!)) expect.fail(`${c.name}, element ${e}: ${out[e]}, not ${want[e]}\n${printKernel(k, opencl)}\n${k.buffers.map((x) => `${x.name} ${memory[x.name]?.[e]}`).join(", ")}`);
  });
});
