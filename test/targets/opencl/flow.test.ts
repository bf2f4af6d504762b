/** Branches, loops and found sizes on a device and on the processor that stands in: built with all warnings, one program for both, run again and again. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { compile } from "../../../compiler/api.ts";
import { model, node, tensor } from "../../support/onnx.ts";
import { machineIsa } from "../../conformance/machine.ts";
import { because, skipped } from "../../support/tools.ts";
import { emptyFolder, environment } from "./device.ts";

const execute = promisify(execFile);
/** Step by step, the last first: doubles, which only a processor may have, are added to the state; a flag says what becomes of it. */
const steps = model({
  opset: 21, inputs: { h: "f32[2]", x: "f64[3, 2]", f: "bool[3]" }, outputs: ["g", "ys"],
  nodes: [node("g, ys = Scan(h, x, f)", { num_scan_inputs: 2, scan_input_directions: [1, 1], body: {
    inputs: { a: "f32[2]", b: "f64[2]", c: "bool[]" }, outputs: { n: "f32[2]", y: "f64[2]" },
    nodes: [node("d = Cast(a)", { to: 11 }), "e = Add(d, b)", node("s = Cast(e)", { to: 1 }), node("n = If(c)", { then_branch: { outputs: { t: "f32[2]" }, nodes: ["t = Neg(s)"] }, else_branch: { outputs: { o: "f32[2]" }, nodes: ["o = Add(s, s)"] } }), "y = Add(e, e)"],
  } }, "Scan_0")],
});
/** What is chosen, less its largest; how many there are is known to a run only, as is how many there were. */
const chosen = model({
  opset: 21, inputs: { x: "f32[W]", c: "bool[W]" }, outputs: ["y"], initializers: { axes: tensor("i64", [1], [0]) },
  nodes: ["z = Compress(x, c)", "m = ReduceMax(z, axes)", "y = Sub(z, m)"],
});
const around = (values: string, run: string, show: string) => `#include <stdio.h>
#include "net.h"
static char memory[NET_CONTEXT_BYTES];
int main(void) {
  ${values}
  for (int backend = 1; backend <= 2; ++backend) {
    net_options o = {0};
    net_context* c;
    o.backend = backend;
    o.profile = 1;
    int status = net_init_with(memory, sizeof memory, &o, &c);
    for (int again = 0; !status && again < 2; ++again) {
      status = ${run};
      double us = 0;
      for (int i = 0; i < net_step_count(); ++i) us += net_step_us(c, i);
      printf("%d%s", net_backend(c), us > 0 ? "" : " no times");
      ${show}
      printf("\\n");
    }
    if (status) printf("status %d\\n", status);
    net_release(c);
  }
  return 0;
}
`;
async function outputOf(made: Awaited<ReturnType<typeof compile>>, main: string): Promise<string> {
  const folder = emptyFolder();
  for (const [path, content] of made.files) writeFileSync(join(folder, path), content);
  writeFileSync(join(folder, "main.c"), main);
  if (made.build.kind !== "native") throw new Error("no native package");
  const strict = ["-Wall", "-Wextra", "-Werror"], { sources, compileFlags, linkFlags } = made.build, objects = sources.map((s) => `${s}.o`);
  await Promise.all(sources.map((s, i) => execute(s.endsWith(".cpp") ? "g++" : "gcc", [...(s.endsWith(".cpp") ? [...compileFlags, ...strict] : []), "-O1", "-c", s, "-o", objects[i]!], { cwd: folder })));
  for (const define of ["-DNET_TRACE", "-UNET_TRACE"]) await execute("g++", [...compileFlags, ...strict, define, "-fsyntax-only", "net.cpp"], { cwd: folder });
  await execute("gcc", ["-std=c99", ...strict, "main.c", ...objects, "-o", "main", ...linkFlags], { cwd: folder });
  return (await execute(join(folder, "main"), { cwd: folder, env: environment(folder) })).stdout;
}
test.skipIf(skipped("opencl"))(`loops, branches, and steps of the processor inside them${because("opencl")}`, { timeout: 120_000 }, async () => {
  const made = await compile(steps, { target: "opencl-arm", name: "net", isa: [machineIsa()] });
  expect(made.diagnostics.filter((d) => d.code === "stays-on-cpu").length).toBeGreaterThan(0);
  const said = await outputOf(made, around("float h[2] = {1, 2}, g[2];\n  double x[6] = {1, 2, 3, 4, 5, 6}, ys[6];\n  bool f[3] = {1, 0, 1};", "net_run_in(c, h, x, f, g, ys)",
    'printf(" %g %g", g[0], g[1]);\n      for (int i = 0; i < 6; ++i) printf(" %g", ys[i]);'));
  // 1 + 5 = 6, -6; -6 + 3 = -3, -6; -6 + 1 = -5, 5.
  const line = "5 6 12 16 -6 -8 -10 -12";
  expect(said).toBe(`1 ${line}\n1 ${line}\n0 ${line}\n0 ${line}\n`);
});
test.skipIf(skipped("opencl"))(`sizes that steps find, of sizes that a run chooses${because("opencl")}`, { timeout: 120_000 }, async () => {
  const made = await compile(chosen, { target: "opencl", name: "net", isa: [machineIsa()], dims: { W: [1, 8] } });
  const said = await outputOf(made, around("float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, y[8];\n  bool k[8] = {0, 1, 1, 0, 1, 1, 1, 1};\n  int64_t count = 0;",
    "net_set_input_shape_in(c, 0, (int64_t[]){again ? 8 : 5}) + net_set_input_shape_in(c, 1, (int64_t[]){again ? 8 : 5}) + net_run_in(c, x, k, y)",
    'net_output_shape_in(c, 0, &count);\n      printf(" %d:", (int)count);\n      for (int i = 0; i < count; ++i) printf(" %g", y[i]);'));
  const five = "3: -3 -2 0", eight = "6: -6 -5 -3 -2 -1 0";
  expect(said).toBe(`1 ${five}\n1 ${eight}\n0 ${five}\n0 ${eight}\n`);
});
