/** What the plugins of bundlers share: a model that a program imports becomes a package for WebGPU. */
import { createHash } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { compile, type CompileOptions, type CompileResult } from "../index.ts";
import { printable, type Diagnostic } from "../diagnostics.ts";

/** How models are compiled. */
export interface ModelOptions extends Pick<CompileOptions, "name" | "shapes" | "dims" | "lengths" | "absent" | "values" | "settings" | "allowExternalData"> {
  /** Writes what TypeScript has to know of model.onnx to model.d.onnx.ts beside it, for the compiler option allowArbitraryExtensions. */
  readonly types?: boolean;
}
/** The same for all models, or for each by its path. */
export type PluginOptions = ModelOptions | ((path: string) => ModelOptions);
/** A compiled model; `hash` tells its files from others. */
export interface Compiled { readonly files: ReadonlyMap<string, string>; readonly weights: Uint8Array; readonly name: string; readonly hash: string; readonly diagnostics: readonly Diagnostic[] }

/** Compiles, unless nothing has changed since the last time. Throws a CompileError for what is wrong with a model. */
export function modelCompiler(options: PluginOptions = {}): (path: string) => Promise<Compiled> {
  const known = new Map<string, { readonly key: string; readonly made: Compiled }>();
  return async (path) => {
    const { types = false, ...o } = typeof options === "function" ? options(path) : options;
    const key = createHash("sha256").update(readFileSync(path)).update(JSON.stringify(o)).digest("hex"), before = known.get(path);
    if (before?.key === key) return before.made;
    const made = partsOf(await compile(path, { target: "webgpu", ...o }));
    if (types) writeDeclarations(path, made.files.get("index.d.ts")!);
    known.set(path, { key, made });
    return made;
  };
}
function partsOf({ files, name, diagnostics }: CompileResult): Compiled {
  const hash = createHash("sha256");
  for (const content of files.values()) hash.update(content);
  const texts = [...files].flatMap(([path, content]) => (typeof content === "string" ? [[path, content] as const] : []));
  return { files: new Map(texts), weights: files.get("weights.bin") as Uint8Array, name, hash: hash.digest("hex").slice(0, 16), diagnostics };
}
function writeDeclarations(path: string, text: string): void {
  const to = join(dirname(path), basename(path).replace(/\.onnx$/, ".d.onnx.ts")), temporary = `${to}.new`;
  writeFileSync(temporary, `${text}export default createNet;\n`);
  renameSync(temporary, to);
}
/** A diagnostic as a line of text. */
export const messageOf = (d: Diagnostic): string => printable([d.op ? `${d.op}${d.node ? ` (${d.node})` : ""}: ` : "", d.message, d.hint ? ` (${d.hint})` : ""].join(""));
