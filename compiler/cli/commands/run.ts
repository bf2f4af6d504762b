import { describePort } from "../built.ts";
import { UsageError } from "../exit.ts";
import { type RunFlags, buildModel, runModel } from "../harness.ts";
import { fromFiles } from "../inputs.ts";
import { npyBytes } from "../npy.ts";
import { inputFiles } from "../options.ts";
import { fileNameOf, writeFiles, writeFolder } from "../output.ts";
import { hearing } from "../report.ts";
import type { Terminal } from "../terminal.ts";

interface Flags extends RunFlags {
  readonly input?: readonly (readonly [string, string])[];
  readonly outputDir: string;
  readonly json?: boolean;
}
/** `mlc run`: the outputs for inputs from .npy files, as .npy files. */
export async function runCommand(t: Terminal, model: string, f: Flags): Promise<void> {
  const files = inputFiles(f.input),
    b = await buildModel(model, f, t),
    { inputs, outputs } = b.facts;
  const values = fromFiles(inputs, files),
    missing = inputs.filter((p) => !values.has(p.name));
  if (missing.length) {
    const list = missing.map((p) => `--input ${p.name}=FILE.npy (${describePort(p)})`);
    throw new UsageError(`no value for ${missing.length === 1 ? "input" : "inputs"} ${missing.map((p) => p.name).join(", ")}`, list.join(" "));
  }
  const results = await runModel(
    b,
    inputs.map((p) => values.get(p.name)!),
    hearing(t),
  );
  const names = outputs.map((p) => `${fileNameOf(p.name)}.npy`),
    twice = names.find((n, i) => names.indexOf(n) !== i);
  if (twice) throw new UsageError(`two outputs would both be ${twice}`, `rename one of ${outputs.map((p) => p.name).join(", ")} in the model`);
  await writeFolder(f.outputDir, async (folder) => writeFiles(folder, new Map(results.map((r, i) => [names[i]!, npyBytes(r)]))));
  const list = outputs.map((p, i) => ({
    name: p.name,
    dtype: p.dtype,
    shape: results[i]!.shape,
    file: `${f.outputDir.replace(/\/+$/, "")}/${names[i]}`,
  }));
  if (f.json) t.out.write(`${JSON.stringify({ outputs: list }, null, 2)}\n`);
  else for (const o of list) t.out.write(`${o.name}: ${o.dtype}[${o.shape.join(", ")}] -> ${o.file}\n`);
}
