/** The text of a kernel for one way in which its arguments lie in the bindings. */
import { printKernel, speakable } from "../../compiler/emit/print.ts";
import { loadsIn } from "../../compiler/ir/algebra.ts";
import { eachStmt, expressionsOf, type Buffer, type Kernel } from "../../compiler/ir/kernel.ts";
import { fail, type Expr } from "../../compiler/ir/scalar.ts";
import { reserved, wgsl, type Home, type Word } from "./dialect.ts";
import { inQuads, quadBuffers } from "./quads.ts";
import { dropUnused } from "../../compiler/lower/drop-unused.ts";

/** Where a buffer of the kernel is found: in which binding, and its first element in it (in elements, a multiple of 64). */
export interface Slot { readonly binding: number; readonly offset: number }
/** A storage binding of group 0. A kernel's constants are read; whatever else it uses is read_write. */
export interface Binding { readonly access: "read" | "read_write" }

/** What a kernel does with each of its buffers; those that it does not use have no entry. */
export function usesOf(k: Kernel): ReadonlyMap<string, { readonly loads: boolean; readonly stores: boolean }> {
  const all: Expr[] = [], stored = new Set<string>();
  eachStmt(k.body, (s) => { if (s.kind === "store") stored.add(s.buffer); if (s.kind !== "prefetch") all.push(...expressionsOf(s)); });
  const loaded = new Set(loadsIn(all).map((l) => l.buffer));
  const used = k.buffers.filter((b) => loaded.has(b.name) || stored.has(b.name));
  return new Map(used.map((b) => [b.name, { loads: loaded.has(b.name), stores: stored.has(b.name) }]));
}
/**
 * A module's text but for the preamble: bindings 0, 1, ... of group 0, shared memory, and one entry point with the name of
 * the kernel. All names of the module begin with that name. `slots` has an entry for each buffer; null for shared ones and
 * those that are not used. Buffers in one binding may overlap, and differ in type. The kernel's params, where there are any, are the i32 of
 * one more binding, a uniform one.
 */
export function printWgsl(kernel: Kernel, slots: readonly (Slot | null)[], bindings: readonly Binding[]): string {
  const k = speakable(kernel, reserved), uses = usesOf(k), names = namesIn(k), quads = quadBuffers(k);
  const fresh = (name: string): string => {
    let free = name;
    while (names.has(free) || reserved.has(free)) free += "_";
    names.add(free);
    return free;
  };
  const homes = new Map<string, Home>(), declared: string[] = [];
  // With a size, the checks of bounds that browsers add compare with a constant.
  const array = (element: Word, isQuads: boolean, size: number): string =>
    `array<${isQuads ? `vec4<${element}>` : element}, ${Math.max(1, Math.ceil(size / (isQuads ? 4 : 1)))}>`;
  bindings.forEach(({ access }, n) => {
    const held = k.buffers.flatMap((b, i) => (slots[i]?.binding === n && uses.has(b.name) ? [{ b, offset: slots[i].offset }] : []));
    const words = new Set(held.map(({ b }) => wordOf(b))), element = words.size === 1 ? [...words][0]! : "u32";
    const isQuads = held.every(({ b, offset }) => quads.can.has(b.name) && offset % 4 === 0) && held.some(({ b }) => quads.want.has(b.name));
    const name = fresh(`${k.name}_${held[0]?.b.name ?? `unused${n}`}`);
    const size = Math.max(0, ...held.map(({ b, offset }) => offset + b.size));
    declared.push(`@group(0) @binding(${n}) var<storage, ${access}> ${name}: ${array(element, isQuads, size)};`);
    for (const { b, offset } of held) homes.set(b.name, { name, element, quads: isQuads, offset });
  });
  for (const b of k.buffers) {
    if (b.space !== "shared" || !uses.has(b.name)) continue;
    const name = fresh(`${k.name}_${b.name}`), element = wordOf(b), isQuads = quads.can.has(b.name) && quads.want.has(b.name);
    declared.push(`var<workgroup> ${name}: ${array(element, isQuads, b.size)};`);
    homes.set(b.name, { name, element, quads: isQuads, offset: 0 });
  }
  for (const [name, { stores }] of uses) {
    const i = k.buffers.findIndex((b) => b.name === name), slot = slots[i];
    if (!homes.has(name)) fail(`${k.name}: ${name} is used, but has no binding`);
    if (stores && slot && bindings[slot.binding]!.access === "read") fail(`${k.name}: ${name} is written, but its binding is read only`);
  }
  const given = numbersOf(k, bindings.length, fresh);
  declared.push(...given.declared);
  // What passes through the working memory of a group needs the other barrier as well.
  const passes = [...uses].some(([name, u]) => u.loads && u.stores && k.buffers.find((b) => b.name === name)!.space !== "shared");
  const inVectors = new Set([...homes].filter(([, h]) => h.quads).map(([name]) => name)), counted = inQuads(k, inVectors, fresh);
  const barrier = passes ? "storageBarrier();\nworkgroupBarrier();" : "workgroupBarrier();";
  return printKernel({ ...counted, body: dropUnused(counted.body) }, wgsl(homes, declared, fresh, barrier, given.read));
}
/** The declaration of what a run gives a kernel in numbers, and the lines that give them their names. */
function numbersOf({ name, params = [] }: Kernel, binding: number, fresh: (name: string) => string): { readonly declared: readonly string[]; readonly read: readonly string[] } {
  if (params.length === 0) return { declared: [], read: [] };
  const type = fresh(`${name}_Numbers`), variable = fresh(`${name}_numbers`);
  return {
    declared: [`struct ${type} { ${params.map((p) => `${p.name}: i32`).join(", ")} }`, `@group(0) @binding(${binding}) var<uniform> ${variable}: ${type};`],
    read: params.map((p) => `  let ${p.name}: i32 = ${variable}.${p.name};`),
  };
}
function wordOf({ dtype: t }: Buffer): Word {
  return t === "f32" || t === "i32" || t === "u32" ? t : fail(`WGSL has no memory of type ${t}: store-types makes another type of it`);
}
function namesIn(k: Kernel): Set<string> {
  const names = new Set([k.name, ...k.buffers.map((b) => b.name), ...(k.params ?? []).map((p) => p.name)]);
  eachStmt(k.body, (s) => { if ("name" in s) names.add(s.name); });
  return names;
}
