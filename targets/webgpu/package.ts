/** The package: an ES module with its declarations, kernels and weights. */
import { bannerStart } from "../../compiler/emit/package.ts";
import { commentText, wrapList } from "../../compiler/emit/names.ts";
import { leastShape } from "../../compiler/emit/sizes.ts";
import { renderShell } from "../../compiler/emit/shell.ts";
import type { EmitOptions } from "../../compiler/emit/target.ts";
import { checksum } from "../../compiler/emit/weights.ts";
import { callersArray, type Port, type Program } from "../../compiler/ir/program.ts";
import { onnxTypeName, types } from "../../compiler/ir/types.ts";
import { declarations } from "./declarations.ts";
import { bindingAlignment, planBindings, type Plan } from "./plan.ts";
import { moduleSizes, type ModuleSizes } from "./sizes.ts";
import { preambleOf } from "./preamble.ts";
import { printWgsl } from "./print.ts";

/** The files of a package, known before anything is compiled. */
export const moduleFiles = (name: string): readonly string[] => ["index.js", "index.d.ts", `${name}.wgsl`, "weights.bin", "package.json"];

/** The files for the program's kernels of one variant. */
export function packageModule(p: Program, variant: string, o: EmitOptions): ReadonlyMap<string, string | Uint8Array> {
  const plan = planBindings(p, variant), sized = moduleSizes(p, plan), weights = padded(p.constants), wgsl = `${o.name}.wgsl`;
  const banner = [`${bannerStart(o.name)} ${commentText(o.version)}. Compile the model again rather than edit this.`, `Model SHA-256: ${commentText(o.hash)}`, `Flags: ${commentText(o.flags) || "none"}`];
  return new Map<string, string | Uint8Array>([
    ["index.js", moduleText(p, plan, sized, weights, wgsl, banner, o.name)],
    ["index.d.ts", `${banner.map((l) => `// ${l}\n`).join("")}\n${declarations(o.name, p.inputs, p.outputs)}`],
    [wgsl, kernelsText(p, plan, sized, banner)],
    ["weights.bin", weights],
    ["package.json", `${JSON.stringify({
      name: o.name.toLowerCase(), version: "1.0.0", description: `${bannerStart(o.name)} ${o.version}`, type: "module", sideEffects: false,
      exports: { ".": { types: "./index.d.ts", default: "./index.js" }, [`./${wgsl}`]: `./${wgsl}`, "./weights.bin": "./weights.bin", "./package.json": "./package.json" },
      types: "./index.d.ts", files: ["index.js", "index.d.ts", wgsl, "weights.bin"],
    }, null, 2)}\n`],
  ]);
}
/** The checksum goes by blocks of 32 bytes. */
function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length % 32 === 0) return bytes;
  const out = new Uint8Array(Math.ceil(bytes.length / 32) * 32);
  out.set(bytes);
  return out;
}
const portText = (p: Port): string => {
  const name = (t: Port["dtype"]): string => onnxTypeName(types[t].onnx);
  const { dtype, count } = callersArray(p), held = dtype === p.dtype ? "" : `, array: "${name(dtype)}"${p.sizes ? "" : `, length: ${count}`}`;
  return `{ name: ${JSON.stringify(p.name)}, type: "${name(p.dtype)}", shape: [${p.shape.join(", ")}]${p.sizes ? `, least: [${leastShape(p).join(", ")}]` : ""}, stored: "${name(p.stored ?? p.dtype)}"${held} }`;
};
function moduleText(p: Program, plan: Plan, sized: ModuleSizes | null, weights: Uint8Array, wgsl: string, banner: readonly string[], name: string): string {
  const view = sized?.view() ?? null, part = { sized: sized !== null, open: view?.open === true, walk: (view?.walk ?? null) !== null };
  const rest = ["webgpu/ports.js", "webgpu/weights.js", "webgpu/device.js", "webgpu/steps.js", ...(part.walk ? ["webgpu/walk.js" as const] : []), "webgpu/net.js"] as const;
  const tables = renderShell("webgpu/index.js", {
    banner, wgsl, wgslText: JSON.stringify(`./${wgsl}`), nameText: JSON.stringify(name), inputs: p.inputs.map(portText), outputs: p.outputs.map(portText),
    sized: view, needs: JSON.stringify(plan.needs), kernels: plan.kernels.length, weightsBytes: weights.length, checksum: weights.length ? checksum(weights) : 0, buffers: plan.buffers.join(", "), pieces: plan.pieces,
  });
  return tables + rest.map((template) => renderShell(template, part)).join("");
}
function unit(address: number): number {
  if (address % bindingAlignment) throw new Error(`a binding cannot begin at ${address}`);
  return address / bindingAlignment;
}
/**
 * One text that is valid as a whole. At the lines that begin with //# it is cut into a module for each kernel, all with the part
 * before the first. What the host has to know of kernels and steps stands there too, so that the module is small for any network.
 */
function kernelsText(p: Program, plan: Plan, sized: ModuleSizes | null, banner: readonly string[]): string {
  const layersOf = (step: number): string => commentText(p.steps[step]!.origin.join(" + "));
  const kernels = plan.kernels.map((k, i) => {
    const layers = plan.steps.flatMap((s, step) => (s.kernel === i ? [layersOf(step)] : [])).filter(Boolean);
    const comment = wrapList(layers.length ? layers : p.kernels[k.of]!.origin.map(commentText), 120).map((l) => `// ${l}\n`).join("");
    const numbers = k.kernel.params?.length ?? 0, bindings = [...k.bindings.map((b) => `${b.access === "read" ? "r" : "w"}${b.bytes / 16}`), ...(numbers ? [`u${Math.ceil(numbers / 4)}`] : [])];
    return `//# kernel ${[...k.groups.map((g) => (typeof g === "number" ? g : "?")), ...bindings].join(" ")}\n${comment}${printWgsl(k.kernel, k.slots, k.bindings)}\n`;
  });
  const steps = plan.steps.map((s) => `// ${[s.kernel, ...s.addresses.map(unit), ...s.groups.flatMap((g) => (typeof g === "number" ? [] : [sized!.numberOf(g)]))].join(" ")}\n`);
  return `${banner.map((l) => `// ${l}\n`).join("")}\n${preambleOf(kernels.join(""))}\n${kernels.join("")}//# steps\n${steps.join("")}`;
}
