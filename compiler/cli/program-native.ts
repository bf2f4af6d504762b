/** A native package as a program: built with $CC and $CXX, linked with a main of its own. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CompileResult } from "../api.ts";
import { renderShell } from "../emit/shell.ts";
import type { NativeBuild } from "../emit/target.ts";
import type { Port } from "../ir/program.ts";
import { types } from "../ir/types.ts";
import type { Built, Facts, Maker } from "./built.ts";
import { type Toolchain, codeBytes, compileObjects, must, toolchain } from "./native.ts";
import { traceRows } from "./results.ts";
import { progress } from "./terminal.ts";

type Known = Omit<Facts, "codeBytes">;
const buildOf = (facts: Known): NativeBuild => {
  if (facts.build.kind === "native") return facts.build;
  throw new Error(`${facts.name} is no native package`);
};
const local = (side: string) => (_: Port, i: number) => `${side}${i}`;
const isText = (p: Port): boolean => p.dtype === "string";
/** An input as an argument. In C, a pointer to pointers becomes one to constant pointers by a cast only. */
const argument = (p: Port, i: number): string => (isText(p) ? `(${types.chars.c} const*)input${i}` : `input${i}`);
const portView = (side: "input" | "output") => (p: Port, i: number) => ({
  ctype: types[isText(p) ? "chars" : p.dtype].c,
  text: isText(p),
  local: `${side}${i}`,
  macro: `${side.toUpperCase()}${i}`,
});
function mainSource(facts: Known, files: CompileResult["files"]): string {
  const { name, inputs, outputs, steps } = facts,
    build = buildOf(facts),
    has = (f: string): boolean => String(files.get(`${name}.h`)).includes(`${f}(`);
  return renderShell("native/main.c", {
    name,
    NAME: name.toUpperCase(),
    inputs: inputs.map(portView("input")),
    outputs: outputs.map(portView("output")),
    passed: [...inputs.map(argument), ...outputs.map(local("output"))].join(", "),
    outputList: [...outputs.map(local("output")), "NULL"].join(", "),
    fileWeights: !build.sources.some((s) => s.startsWith(`${name}_weights`)) && !build.objects.length && files.has(`${name}_weights.bin`),
    prepares: has(`${name}_prepare_weights`),
    texts: [...inputs, ...outputs].some(isText),
    results: traceRows(steps).map((row) => ({ row: `{${row.join(", ")}}` })),
    stepCount: steps.length,
    sized: has(`${name}_set_input_shape_in`),
    devices: has(`${name}_init_with`),
    threads: has(`${name}_set_threads_in`),
    released: has(`${name}_init_with`) || has(`${name}_set_threads_in`),
    launches: has(`${name}_step_launches`) ? `${name}_step_launches(context, step)` : "1",
    peak: facts.peak !== "",
  });
}
async function link(t: Toolchain, folder: string, b: NativeBuild, objects: readonly string[], to: string, flags: readonly string[]): Promise<void> {
  await must([...t.cc, "-std=c99", ...t.cflags, ...flags, "-o", to, "main.c", ...objects, ...b.linkFlags], "linking the program", {
    cwd: folder,
    env: t.env,
  });
}
/** The program that also tells what each step leaves behind, or how long it took: sources that mention the hook are compiled again. */
async function observer(b: Built): Promise<readonly string[]> {
  const path = join(b.folder, "main_trace");
  if (existsSync(path)) return [path];
  const tools = toolchain(b.env),
    build = buildOf(b.facts),
    NAME = b.facts.name.toUpperCase(),
    define = `-D${NAME}_TRACE`;
  const hooked = build.sources.filter((s) => new RegExp(`\\b${NAME}_(TRACE|AFTER)\\b`).test(readFileSync(join(b.folder, s), "latin1")));
  const work = mkdtempSync(join(b.folder, "trace-"));
  try {
    const again = { ...build, sources: hooked, objects: [], compileFlags: [...build.compileFlags, define] };
    const made = [...(await compileObjects(tools, b.folder, again, work))];
    if (b.facts.peak) made.push(...(await compileObjects(tools, b.folder, { ...build, sources: ["peak.cpp"], objects: [] }, work)));
    const rest = build.sources.filter((s) => !hooked.includes(s)).map((s) => join(b.folder, "objects", `${s}.o`));
    await link(tools, b.folder, build, [...made, ...rest, ...build.objects], join(work, "main"), [define]);
    renameSync(join(work, "main"), path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return [path];
}
/** See `Maker`. */
export const nativeMaker: Maker = {
  tools: async (env) => {
    const t = toolchain(env);
    const versions = await Promise.all([t.cc, t.cxx].map((c) => must([...c, "--version"], `asking ${c[0]} for its version`, { env })));
    return JSON.stringify([t.cc, t.cxx, t.cflags, t.cxxflags, versions]);
  },
  make: async (folder, facts, files, t) => {
    const tools = toolchain(t.env),
      build = buildOf(facts),
      objects = join(folder, "objects"),
      bar = progress(t);
    mkdirSync(objects);
    try {
      const made = await compileObjects(tools, folder, build, objects, (n, total, what) => bar.step(n, total, what));
      writeFileSync(join(folder, "main.c"), mainSource(facts, files));
      if (facts.peak) writeFileSync(join(folder, "peak.cpp"), facts.peak);
      await link(tools, folder, build, made, "main", []);
      return await codeBytes(tools, made);
    } finally {
      bar.stop();
    }
  },
  command: async (b) => [join(b.folder, "main")],
  observer,
};
