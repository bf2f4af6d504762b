import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { CompileResult } from "../../api.ts";
import { printable } from "../../diagnostics.ts";
import { readTensor } from "../../import/onnx/tensor-file.ts";
import type { Constant } from "../../ir/graph.ts";
import { formats, isSmallFloat } from "../../ir/formats.ts";
import { arrayOf, type DType, isFloat } from "../../ir/types.ts";
import type { PortFacts } from "../built.ts";
import { type Difference, compare } from "../compare.ts";
import { Failure, UsageError, orFail } from "../exit.ts";
import { type Built, type RunFlags, buildModel, checkInputs, meaningOf, runModel, traceModel } from "../harness.ts";
import { checkInput, filesOrRandom } from "../inputs.ts";
import { compileModel } from "../model.ts";
import { inputFiles } from "../options.ts";
import { hearing } from "../report.ts";
import { type Terminal, table } from "../terminal.ts";

interface Flags extends RunFlags {
  readonly data?: string;
  readonly input?: readonly (readonly [string, string])[];
  readonly runShape?: readonly (readonly [string, readonly number[]])[];
  readonly seed: number;
  readonly tolerance: number;
  readonly layers?: boolean;
  readonly json?: boolean;
}
/** The recorded tensors of one kind, by their number; as many as there are from 0 on. */
function recorded(folder: string, kind: "input" | "output", ports: readonly PortFacts[]): readonly Constant[] {
  const names = orFail(`cannot read ${folder}`, () => readdirSync(folder)).filter((n) => n.startsWith(`${kind}_`) && n.endsWith(".pb"));
  if (names.length > ports.length)
    throw new Failure(`${folder} records ${names.length} ${kind}s, but the model has ${ports.length}`, { code: "bad-data" });
  return ports.map((p, i) => {
    const path = join(folder, `${kind}_${i}.pb`);
    if (!existsSync(path)) throw new Failure(`${folder} has no ${kind}_${i}.pb, for ${kind} ${p.name}`, { code: "bad-data" });
    const value = orFail(`cannot read ${path}`, () => readTensor(readFileSync(path), path));
    if (kind === "input") checkInput(p, value, path);
    return value;
  });
}
/** Small floats are rounded after each node: sums in another order may end at another number, and go on from there. So many units in the last place are allowed. */
const roundings = 16;
const allowed = (t: DType, tolerance: number): number => (isSmallFloat(t) ? Math.max(tolerance, roundings * 2 ** -formats[t].mantissa) : tolerance);
/** Whether a difference is within what is allowed; whole numbers and bools must be equal. */
const agrees = (t: Constant, d: Difference, tolerance: number): boolean =>
  isFloat(t.dtype) ? d.maxRelative <= allowed(t.dtype, tolerance) : d.maxAbsolute === 0;
const shown = (x: number | string): string => (typeof x === "string" ? printable(JSON.stringify(x)) : String(x));
const number = (x: number): string => (x === 0 ? "0" : x.toExponential(2));

interface Layer {
  readonly step: number;
  readonly nodes: readonly string[];
  readonly value: string;
  readonly difference: Difference;
}
/** The first step whose result differs from the interpreted one, and how many results could be compared. */
async function layers(
  b: Built,
  r: CompileResult,
  inputs: readonly Constant[],
  tolerance: number,
): Promise<{ compared: number; total: number; first: Layer | null }> {
  const values = new Map<string, Constant>();
  meaningOf(r.graph, b, inputs, (name, value) => void values.set(name, value));
  let compared = 0,
    first: Layer | null = null;
  for (const { step, value, tensor } of await traceModel(b, inputs, r.program)) {
    const found = values.get(value),
      expected = found && found.dtype !== tensor.dtype ? { ...found, dtype: tensor.dtype, data: arrayOf(tensor.dtype, found.data) } : found;
    if (!expected || expected.shape.join() !== tensor.shape.join()) continue;
    compared++;
    const difference = compare(expected, tensor);
    if (!first && !agrees(expected, difference, tolerance)) first = { step, nodes: b.facts.steps[step]!.origin, value, difference };
  }
  return { compared, total: b.facts.steps.length, first };
}

/** `mlc verify`: how far the compiled code is from the interpreted model or from recorded tensors; 1 where it is too far. */
export async function verifyCommand(t: Terminal, model: string, f: Flags): Promise<number> {
  if (f.data && f.input) throw new UsageError("--data and --input both say what the inputs are", "give one of them");
  const r = await compileModel(model, f, t),
    b = await buildModel(model, f, t, r),
    { inputs: ports, outputs } = b.facts;
  const inputs = f.data ? recorded(f.data, "input", ports) : filesOrRandom(b.facts, { files: inputFiles(f.input), shapes: f.runShape, seed: f.seed });
  checkInputs(b, inputs);
  const expected = f.data ? recorded(f.data, "output", outputs) : ((m) => outputs.map((p) => m.get(p.name)!))(meaningOf(r.graph, b, inputs));
  const actual = await runModel(b, inputs, hearing(t));
  const results = outputs.map((p, i) => {
    const want = expected[i]!,
      got = actual[i]!;
    if (want.dtype !== got.dtype || want.shape.join() !== got.shape.join()) {
      throw new Failure(`output ${p.name} is ${got.dtype}[${got.shape.join(", ")}], but ${want.dtype}[${want.shape.join(", ")}] is expected`, {
        code: "bad-output",
        ...(f.data ? {} : { hint: "the model states a size that its data decides otherwise: give data for which it is true, with --input" }),
      });
    }
    const difference = compare(want, got);
    return { name: p.name, dtype: p.dtype, shape: got.shape, ...difference, ok: agrees(want, difference, f.tolerance) };
  });
  const layer = f.layers ? await layers(b, r, inputs, f.tolerance) : undefined;
  const ok = results.every((x) => x.ok) && !layer?.first;
  if (f.json) {
    const finite = (_: string, v: unknown) => (typeof v === "number" && !Number.isFinite(v) ? String(v) : v);
    t.out.write(
      `${JSON.stringify({ ok, reference: f.data ?? "interpreter", tolerance: f.tolerance, outputs: results, ...(layer ? { layers: layer } : {}) }, finite, 2)}\n`,
    );
    return ok ? 0 : 1;
  }
  const { green, red, bold } = t.colors;
  const rows = results.map((x) => [
    x.name,
    `${x.dtype}[${x.shape.join(", ")}]`,
    number(x.maxAbsolute),
    number(x.maxRelative),
    Number.isFinite(x.maxUlp) ? x.maxUlp.toFixed(0) : "inf",
    x.ok ? green("ok") : red("differs"),
  ]);
  t.out.write(`${table(["output", "type", "max absolute", "max relative", "max ULP", ""], rows, t.colors, t.out)}\n`);
  for (const x of results) if (!x.ok) t.out.write(`${x.name}: element ${x.index} is ${shown(x.actual)}, expected ${shown(x.expected)}\n`);
  if (layer) {
    const d = layer.first?.difference;
    t.out.write(`\n${layer.compared} results of ${layer.total} steps compared: `);
    t.out.write(
      d
        ? `${red("the first to diverge")} is step ${layer.first!.step}, ${bold(layer.first!.nodes.join(" + "))}\n  value ${layer.first!.value}, element ${d.index} is ${shown(d.actual)}, expected ${shown(d.expected)}; max absolute ${number(d.maxAbsolute)}, relative ${number(d.maxRelative)}\n`
        : `${green("none diverges")}\n`,
    );
  }
  return ok ? 0 : 1;
}
