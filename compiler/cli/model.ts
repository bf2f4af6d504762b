/** From a command's flags to a compiled model: progress while it works, warnings and notes after. */
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CompileOptions, type CompileResult, compile } from "../api.ts";
import { targets } from "../../targets/index.ts";
import { Failure, UsageError, orFail } from "./exit.ts";
import { type ModelFlags, compileOptions } from "./options.ts";
import { formatDiagnostics } from "./report.ts";
import { type Terminal, progress } from "./terminal.ts";

/** The compiler's options, with a target and instruction sets that exist; a UsageError otherwise. */
export function checkFlags(f: ModelFlags): CompileOptions {
  const target = targets.get(f.target);
  if (!target) throw new UsageError(`there is no target "${f.target}"`, `one of ${[...targets.keys()].join(", ")}`);
  const known = Object.keys(target.instructionSets),
    wrong = f.isa?.filter((i) => !known.includes(i)) ?? [];
  if (wrong.length) throw new UsageError(`the target ${f.target} has no instruction set ${wrong.join(", ")}`, `those it has: ${known.join(", ")}`);
  return compileOptions(f);
}
/** Compiles a model file. Throws CompileError with all that is wrong with it. */
export async function compileModel(model: string, f: ModelFlags, t: Terminal, dump?: string): Promise<CompileResult> {
  const options = checkFlags(f);
  const found = orFail(`cannot read the model ${model}`, () => statSync(model));
  if (!found.isFile()) throw new Failure(`cannot read the model ${model}: it is not a file`);
  if (dump) orFail(`cannot write into ${dump}`, () => mkdirSync(dump, { recursive: true }));
  const bar = progress(t);
  try {
    const result = await compile(model, {
      ...options,
      ...(dump ? { dump: (name: string, text: string) => writeFileSync(join(dump, name), text) } : {}),
      progress: (done, total, what) => bar.step(done, total, what),
    });
    bar.stop();
    t.err.write(formatDiagnostics(result.diagnostics, t.errColors, t.err));
    return result;
  } finally {
    bar.stop();
  }
}
