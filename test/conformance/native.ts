/** Native packages of a group: one translation unit and one program for all, each run in a child of its own. */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { promisify } from "node:util";
import { driverText, failureOf, type DriverCase, type DriverRun } from "./driver.ts";
import type { Compiled, Port } from "./compile.ts";
import type { Executor, Member, Options, Ran } from "./group.ts";

const execute = promisify(execFile);
const align = (n: number): number => Math.ceil(n / 64) * 64;
const total = (tensors: readonly { readonly bytes: number }[]): number => tensors.reduce((s, t) => s + t.bytes, 0);
const firstLines = (text: string, n = 3): string => text.split("\n").filter((l) => /error/.test(l)).slice(0, n).join("; ") || text.slice(0, 300);
const sourcesOf = (c: Compiled, extension: string): readonly string[] =>
  c.build.kind === "native" ? c.build.sources.filter((s) => extname(s) === extension) : [];
const flagsOf = (members: readonly Member[]): readonly string[] =>
  [...new Set(members.flatMap(({ compiled: { build } }) => (build.kind === "native" ? build.linkFlags : [])))];

/** One translation unit with a source of each of many cases, each in a namespace: the system's headers are read once. */
function unitText(cases: readonly Compiled[], source: number): string {
  const system = new Set(cases.flatMap((c) => [...c.files].flatMap(([path, text]) =>
    (/\.(cpp|h)$/.test(path) ? Buffer.from(text as string).toString().match(/^#include <.*>/gm) ?? [] : []))));
  const includes = [...system].map((line) => `#if __has_include(${line.slice("#include ".length)})\n${line}\n#endif\n`);
  const bodies = cases.flatMap((c) => sourcesOf(c, ".cpp").slice(source, source + 1).map((path) => `namespace unit_${c.name} {\n#include "${c.name}/${path}"\n}\n`));
  return `${includes.join("")}${bodies.join("")}`;
}
/** All weights in one file of assembler, which defines the same names for each. */
const assembler = (some: readonly Member[]): string =>
  some.flatMap(({ compiled: c }) => sourcesOf(c, ".S").map((f) => `#undef JOIN_\n#undef JOIN\n#undef WEIGHTS\n#include "${c.name}/${f}"\n`)).join("");
const driverPort = (p: Port) => ({ bytes: p.bytes, isText: p.code === 8, open: p.open === true });
const hasErrorText = (c: Compiled): boolean => Buffer.from((c.files.get(`${c.name}.h`) as string | undefined) ?? "").includes(`${c.name}_error(`);

async function build(members: readonly Member[], o: Options, fail: (m: Member, reason: string) => void): Promise<readonly Member[]> {
  for (const { compiled } of members) {
    for (const [path, content] of compiled.files) {
      const at = join(o.folder, compiled.name, path);
      mkdirSync(dirname(at), { recursive: true });
      writeFileSync(path.endsWith(".bin") ? join(o.folder, path) : at, content);
    }
  }
  const unit = async (some: readonly Member[], file: string): Promise<readonly string[]> => {
    const units = Array.from({ length: Math.max(...some.map((m) => sourcesOf(m.compiled, ".cpp").length)) }, (_, i) => `${file}_${i}`);
    for (const [i, u] of units.entries()) {
      writeFileSync(join(o.folder, `${u}.cpp`), unitText(some.map((m) => m.compiled), i));
      await execute(o.cxx[0]!, [...o.cxx.slice(1), "-c", `${u}.cpp`, "-o", `${u}.o`], { cwd: o.folder, maxBuffer: 1 << 26 });
    }
    return units.map((u) => `${u}.o`);
  };
  let objects: string[] = [], good = members;
  try {
    objects = [...(await unit(members, "unit"))];
  } catch {
    const alone: Member[] = [];
    for (const m of members) {
      try {
        objects.push(...(await unit([m], m.compiled.name)));
        alone.push(m);
      } catch (e) {
        fail(m, `the C++ compiler: ${firstLines((e as { stderr?: string }).stderr ?? String(e))}`);
      }
    }
    good = alone;
  }
  if (good.length === 0) return [];
  let inputAt = 0, outputAt = 0;
  const runs: DriverRun[] = [], inputs: Uint8Array[] = [];
  good.forEach((m, c) => m.fed.forEach((fed) => {
    runs.push({ case: c, inputAt, outputAt, shapes: fed.map((t, i) => (m.compiled.inputs[i]!.open ? t.shape : null)) });
    const size = total(m.compiled.inputs), whole = new Uint8Array(align(size));
    fed.reduce((at, t, i) => (whole.set(t.bytes, at), at + m.compiled.inputs[i]!.bytes), 0);
    inputs.push(whole);
    inputAt += whole.length;
    outputAt += align(total(m.compiled.outputs));
  }));
  const tests: DriverCase[] = good.map(({ compiled: k }) => ({
    name: k.name, include: k.header, inputs: k.inputs.map(driverPort), outputs: k.outputs.map(driverPort), hasErrorText: hasErrorText(k),
  }));
  writeFileSync(join(o.folder, "driver.c"), driverText(tests, runs, o.warm !== undefined));
  writeFileSync(join(o.folder, "weights.S"), assembler(good));
  writeFileSync(join(o.folder, "inputs"), Buffer.concat([...inputs, new Uint8Array(64)]));
  writeFileSync(join(o.folder, "outputs"), new Uint8Array(outputAt + 64));
  await execute(o.cc[0]!, [...o.cc.slice(1), "driver.c", ...(o.warm ? [o.warm] : []), "weights.S", ...objects, "-o", "group", "-lm", "-ldl", ...flagsOf(good)], { cwd: o.folder, maxBuffer: 1 << 26 });
  return good;
}
async function run(members: readonly Member[], o: Options): Promise<readonly (readonly Ran[])[]> {
  const [command = "", ...args] = [...(o.launch ?? []), "./group", "inputs", "outputs", String(o.seconds)];
  const { stdout } = await execute(command, args, { cwd: o.folder, maxBuffer: 1 << 26, env: o.env as NodeJS.ProcessEnv });
  const reports: (readonly [what: string, value: string, text: string, shapes: ReadonlyMap<number, readonly number[]>])[] = [];
  let said = "", shapes = new Map<number, readonly number[]>();
  for (const l of stdout.split("\n")) {
    const m = /^@\d+ (\w+) (\d+) ?(.*)$/.exec(l);
    const shape = /^@shape (\d+)((?: \d+)*)$/.exec(l);
    if (shape) shapes.set(Number(shape[1]), shape[2]!.split(" ").filter(Boolean).map(Number));
    else if (m) { reports.push([m[1]!, m[2]!, said || m[3]!, shapes]); said = ""; shapes = new Map(); }
    else if (/runtime error|ERROR: |SUMMARY: /.test(l)) said ||= l;
  }
  const written = readFileSync(join(o.folder, "outputs"));
  let next = 0, at = 0;
  return members.map(({ compiled, sets }) => sets.map((): Ran => {
    const [what = "signal", value = "0", text = "", told = new Map<number, readonly number[]>()] = reports[next++] ?? [], problem = failureOf(what, Number(value), text);
    let from = at;
    at += align(total(compiled.outputs));
    return problem ? { problem } : { outputs: compiled.outputs.map((p) => written.subarray(from, (from += p.bytes))), shapes: told };
  }));
}
/** See `Executor`. */
export const nativeExecutor: Executor = { build, run };
