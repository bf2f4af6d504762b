/** Graphs as whole packages of a target, built and run on this machine, against what the graphs mean. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { settingsOf, type Target } from "../../compiler/emit/target.ts";
import { choicesOf } from "../../compiler/api.ts";
import { CompileError } from "../../compiler/diagnostics.ts";
import { constantOf, sizeOf, type Constant, type Graph } from "../../compiler/ir/graph.ts";
import { mapFlow } from "../../compiler/ir/control.ts";
import type { Port } from "../../compiler/ir/program.ts";
import { bytesFor, typeOfOnnx, types, viewOf } from "../../compiler/ir/types.ts";
import { evaluateGraph } from "../../compiler/evaluate/index.ts";
import { foldWithin } from "../../compiler/passes/graph/fold-constants.ts";
import { inferTypes } from "../../compiler/passes/graph/infer-types.ts";
import { graphPasses } from "../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../compiler/passes/graph/run.ts";
import { cutRegions } from "../../compiler/passes/graph/cut-regions.ts";
import { compileRegions } from "../../compiler/passes/network/pipeline.ts";
import { executors, type Member, type Options } from "../conformance/group.ts";
import { machineFor, runOptions } from "../conformance/machine.ts";
import type { Tensor } from "../conformance/proto.ts";
import type { Compiled } from "../conformance/compile.ts";

/** A graph with one set of inputs, which choose what sizes are open. */
export interface Sample { readonly name: string; readonly graph: Graph; readonly feeds: ReadonlyMap<string, Constant> }
/** What a sample gave, or why it gave nothing; `refused`: the compiler says that the target cannot do this. */
export type Outcome = { readonly outputs: readonly Constant[] } | { readonly problem: string } | { readonly refused: string };

const tensorOf = (c: Constant): Tensor => ({ code: types[c.dtype].onnx, shape: c.shape, bytes: new Uint8Array(c.data.buffer, c.data.byteOffset, c.data.byteLength) });
const portOf = (p: Port) => ({ name: p.name, code: types[p.dtype].onnx, shape: p.shape, bytes: sizeOf(p.shape) * types[p.dtype].bytes, ...(p.sizes ? { open: true as const } : {}) });
/** The package of a graph, by all passes, as the tests build it for this machine. */
export function packageOf(graph: Graph, target: Target, name: string): Compiled {
  const choices = choicesOf(target, machineFor(target.name).options);
  const { graph: typed, diagnostics } = inferTypes(graph, { fold: foldWithin() }), errors = diagnostics.filter((d) => d.severity === "error");
  if (errors.length) throw new Error(errors.map((d) => d.message).join("; "));
  const cut = cutRegions(typed), flow = mapFlow(cut.flow, (piece) => runPasses(piece, graphPasses).graph, (v) => v);
  const program = compileRegions({ ...cut, flow }, { facts: target.facts(settingsOf(target, choices.settings)), variants: target.variants(choices) });
  const { files, build, diagnostics: said } = target.emit(program, { ...choices, name, hash: "0".repeat(64), version: "test", flags: "" });
  if (said.some((d) => d.severity === "error")) throw new CompileError(said);
  return { name, files, build, header: `#include "${name}/${name}.h"`, inputs: program.inputs.map(portOf), outputs: program.outputs.map(portOf), pinned: [] };
}
/** Runs all, in one program or process; an outcome for each. `more` changes how. */
export async function runOn(target: Target, samples: readonly Sample[], more: Partial<Options> = {}): Promise<readonly Outcome[]> {
  const folder = mkdtempSync(join(tmpdir(), "mlc-on-target-")), machine = machineFor(target.name), outcomes: Outcome[] = samples.map(() => ({ problem: "was not run" }));
  const options: Options = {
    compile: () => { throw new Error("compiled already"); }, ...runOptions(machine, folder), keep: false, ...more,
  };
  try {
    const members: (Member & { readonly at: number })[] = [];
    for (const [i, s] of samples.entries()) {
      // Compiling many graphs in one go would keep the test's process from answering its parent for minutes.
      await new Promise(setImmediate);
      try {
        const compiled = packageOf(s.graph, target, `g${i}`), test = { name: s.name, model: "", sets: [""] };
        const fed = [compiled.inputs.map((p) => tensorOf(s.feeds.get(p.name)!))];
        members.push({ at: i, test, compiled, fed, sets: [{ inputs: fed[0]!, outputs: [] }] });
      } catch (e) {
        outcomes[i] = e instanceof CompileError ? { refused: e.message } : { problem: `the compiler: ${(e as Error).stack}` };
      }
    }
    for (const [kind, executor] of Object.entries(executors)) {
      const some = members.filter((m) => m.compiled.build.kind === kind);
      if (some.length === 0) continue;
      const fail = (m: Member, problem: string): void => { outcomes[members.find((x) => x === m)!.at] = { problem }; };
      const built = (await executor.build(some, options, fail)) as typeof members, ran = built.length ? await executor.run(built, options) : [];
      for (const [k, m] of built.entries()) {
        const r = ran[k]![0]!, out = samples[m.at]!.graph.outputs;
        outcomes[m.at] = "problem" in r ? r : { outputs: out.map((_, o) => {
          const p = m.compiled.outputs[o]!, t = typeOfOnnx(p.code)!;
          const shape = r.shapes?.get(o) ?? p.shape;
          return constantOf(t, shape, viewOf(t, new Uint8Array(r.outputs[o]!).subarray(0, bytesFor(t, sizeOf(shape)))));
        }) };
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return outcomes;
}
/** What is wrong with the outcomes: a line for each sample that failed, or an output further off than its tolerance allows, in parts of the largest. */
export function faults(samples: readonly (Sample & { readonly tolerance?: number })[], outcomes: readonly Outcome[], off: (got: Constant["data"], want: Constant["data"]) => number): readonly string[] {
  return samples.flatMap((s, i) => {
    const r = outcomes[i]!;
    if ("problem" in r) return [`${s.name}: ${r.problem}`];
    if ("refused" in r) return [`${s.name}: refused: ${r.refused}`];
    const want = evaluateGraph(s.graph, s.feeds), { tolerance = 1e-4 } = s;
    return s.graph.outputs.flatMap((v, o) => {
      const got = r.outputs[o]!, { shape, data } = want.get(v)!;
      if (got.shape.join() !== shape.join()) return [`${s.name}: ${v} has the shape [${got.shape.join(", ")}], not [${shape.join(", ")}]`];
      const far = off(got.data, data);
      return far <= tolerance ? [] : [`${s.name}: ${v} is ${far} off`];
    });
  });
}
