/** From a command's flags to a compiled model: progress while it works, warnings and notes after. */
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type CompileOptions, type CompileResult, choicesOf, compile } from "../api.ts";
import { CompileError } from "../diagnostics.ts";
import type { Target } from "../emit/target.ts";
import { modelName } from "../emit/names.ts";
import { objectFormats } from "../emit/object-files.ts";
import { targets } from "../../targets/index.ts";
import { Failure, UsageError, orFail } from "./exit.ts";
import { objectFormatFor } from "./native.ts";
import { type ModelFlags, compileOptions } from "./options.ts";
import { formatDiagnostics } from "./report.ts";
import { type Terminal, progress } from "./terminal.ts";

/** The target of that name; a UsageError where there is none. */
export const targetOf = (name: string): Target =>
  targets.get(name) ??
  (() => {
    throw new UsageError(`there is no target "${name}"`, `one of ${[...targets.keys()].join(", ")}`);
  })();
/** The compiler's options, with a target and choices that exist; a UsageError otherwise. */
export function checkFlags(f: ModelFlags): CompileOptions {
  const target = targetOf(f.target),
    o = compileOptions(f, target);
  try {
    choicesOf(target, o);
  } catch (e) {
    if (!(e instanceof CompileError)) throw e;
    throw new UsageError(e.diagnostics[0]!.message, e.diagnostics[0]!.hint);
  }
  return o;
}
async function withFormat(o: CompileOptions, t: Terminal): Promise<CompileOptions> {
  if (o.weights !== "object" || o.objectFormat) return o;
  const objectFormat = await objectFormatFor(t.env);
  if (!objectFormat)
    throw new UsageError(
      "--weights object: mlc does not know the object files of this compiler",
      `name them with --object-format: ${objectFormats.join(", ")}`,
    );
  return { ...o, objectFormat };
}
/** The names of the files that compiling would write. */
export function filesOf(model: string, f: ModelFlags): readonly string[] {
  const o = checkFlags(f),
    target = targetOf(o.target);
  return target.fileNames(o.name ?? modelName(basename(model).replace(/\.[^.]*$/, "")), choicesOf(target, o));
}
/** Compiles a model file. Throws CompileError with all that is wrong with it. */
export async function compileModel(
  model: string,
  f: ModelFlags,
  t: Terminal,
  { dump, tunable }: { readonly dump?: string | undefined } & Pick<CompileOptions, "tunable"> = {},
): Promise<CompileResult> {
  const options = await withFormat(checkFlags(f), t);
  const found = orFail(`cannot read the model ${model}`, () => statSync(model));
  if (!found.isFile()) throw new Failure(`cannot read the model ${model}: it is not a file`);
  if (dump) orFail(`cannot write into ${dump}`, () => mkdirSync(dump, { recursive: true }));
  const bar = progress(t);
  try {
    const result = await compile(model, {
      ...options,
      ...(tunable ? { tunable } : {}),
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
