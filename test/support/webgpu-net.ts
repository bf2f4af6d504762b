/** Packages for WebGPU, written to folders and run in this process, on Dawn. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { compile, type CompileOptions, type CompileResult } from "../../compiler/api.ts";
import { webgpuTarget } from "../../targets/webgpu/index.ts";

type Value = ArrayBufferView | readonly (number | bigint | boolean)[] | GPUBuffer;
/** A package's module, without the names of the model. */
export interface NetModule {
  readonly inputs: readonly { readonly name: string; readonly type: string; readonly shape: readonly number[]; readonly stored: string }[];
  readonly outputs: NetModule["inputs"];
  createNet(o?: object): Promise<Net>;
}
/** A network that is ready to run. */
export interface Net {
  readonly device: GPUDevice;
  run(inputs: Readonly<Record<string, Value>>): Promise<Record<string, Float32Array>>;
  run(inputs: Readonly<Record<string, Value>>, o: { outputs: "buffers" | Readonly<Record<string, GPUBuffer>> }): Promise<Record<string, GPUBuffer>>;
  dispose(): void;
  /** Where runs choose sizes. */
  setInputShape?(name: string, dims: readonly number[]): void;
  outputShape?(name: string): readonly number[];
}

const folders: string[] = [];
/** A folder that `removeFolders` removes. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "mlc-webgpu-"));
  folders.push(folder);
  return folder;
}
/** To be called when all is done. */
export const removeFolders = (): void => { for (const f of folders.splice(0)) rmSync(f, { recursive: true, force: true }); };
/** Files by their relative paths into a folder. */
export function writeAll(folder: string, files: ReadonlyMap<string, string | Uint8Array>): void {
  for (const [path, content] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}
/** A package in a folder of its own. */
export interface Installed { readonly folder: string; readonly module: NetModule; readonly result: CompileResult }
/** Compiles for WebGPU; `change` may edit the files first. */
export async function install(model: Uint8Array, name: string, o: Partial<CompileOptions> = {}, change: (path: string, text: string) => string = (_, text) => text): Promise<Installed> {
  const result = await compile(model, { target: webgpuTarget.name, name, ...o }), folder = temporaryFolder();
  writeAll(folder, new Map([...result.files].map(([path, x]) => [path, typeof x === "string" ? change(path, x) : x])));
  return { folder, module: (await import(pathToFileURL(join(folder, "index.js")).href)) as NetModule, result };
}

let gpu: GPU | undefined;
/** Dawn's entry, held: its promises are settled only as long as it lives. On SwiftShader where the system has Chromium's and names no other driver. */
export async function openGpu(): Promise<GPU> {
  if (gpu) return gpu;
  const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";
  if (existsSync(driver)) process.env["VK_ICD_FILENAMES"] ??= driver;
  process.env["XDG_RUNTIME_DIR"] ??= tmpdir();
  const { create, globals } = await import("webgpu");
  Object.assign(globalThis, globals);
  return (gpu = create([]));
}
/** Codes of what TypeScript says of a module's names: some that are not there, or are there in vain. */
export async function wrongNames(text: string): Promise<readonly number[]> {
  const { ModuleKind, ModuleResolutionKind, Project, ScriptTarget } = await import("ts-morph");
  const project = new Project({ compilerOptions: {
    allowJs: true, checkJs: true, noEmit: true, noUnusedLocals: true, noUnusedParameters: true, target: ScriptTarget.ES2023, module: ModuleKind.NodeNext,
    moduleResolution: ModuleResolutionKind.NodeNext, lib: ["lib.es2023.d.ts", "lib.dom.d.ts", "lib.dom.asynciterable.d.ts"], types: [],
  } });
  const codes = project.createSourceFile("net/index.mjs", text).getPreEmitDiagnostics().map((d) => d.getCode());
  // Cannot find name; did you mean; no value in scope for the shorthand; declared but never read.
  return codes.filter((c) => [2304, 2552, 18004, 6133, 6192, 6196, 6198].includes(c));
}
