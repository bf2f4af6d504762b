/** Packages of JavaScript of a group: imported and run in one process of Node, which is started again where a case ends it. */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { sizeOf } from "../../compiler/ir/graph.ts";
import type { Executor, Member, Options, Ran } from "./group.ts";

/** As module-runner.mjs reads it. */
interface Run { readonly entry: string; readonly inputs: string; readonly outputs: string; readonly shapes: readonly (readonly number[] | null)[] }
const entryOf = ({ compiled: { build } }: Member): string => { if (build.kind !== "module") throw new Error("no module"); return build.entry; };
const runner = join(import.meta.dirname, "module-runner.mjs");

async function build(members: readonly Member[], o: Options): Promise<readonly Member[]> {
  for (const { compiled, fed } of members) {
    const folder = join(o.folder, compiled.name);
    for (const [path, content] of compiled.files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    fed.forEach((tensors, s) => writeFileSync(join(folder, `inputs_${s}`), Buffer.concat(tensors.map((t) => t.bytes))));
  }
  return members;
}
/** What the process said from a run on, and how it ended where it did not come to the last. */
function start(list: string, from: number, o: Options): Promise<{ readonly text: string; readonly end: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [runner, list, String(from), String(o.seconds)], { cwd: o.folder, maxBuffer: 1 << 26, env: o.env as NodeJS.ProcessEnv }, (e, text, err) =>
      resolve({ text, end: e ? `${e.signal ?? `exit code ${e.code}`} ${err.trim().split("\n").slice(0, 3).join(" ")}`.trim() : "" }));
  });
}
async function run(members: readonly Member[], o: Options): Promise<readonly (readonly Ran[])[]> {
  const list = join(o.folder, "runs.json"), told: string[] = [];
  const runs = members.flatMap((m): readonly Run[] => m.sets.map((_, s) => {
    const folder = join(o.folder, m.compiled.name);
    return { entry: join(folder, entryOf(m)), inputs: join(folder, `inputs_${s}`), outputs: join(folder, `outputs_${s}`), shapes: m.fed[s]!.map((t, i) => (m.compiled.inputs[i]!.open ? t.shape : null)) };
  }));
  writeFileSync(list, JSON.stringify(runs));
  while (told.length < runs.length) {
    const { text, end } = await start(list, told.length, o);
    for (const line of text.split("\n")) {
      const [, number, what] = /^@(\d+) (.*)$/.exec(line) ?? [];
      if (Number(number) === told.length) told.push(what!);
    }
    if (told.length < runs.length) told.push(`error ended the process: ${end}`);
  }
  let next = 0;
  return members.map(({ compiled, sets }) => sets.map((): Ran => {
    const { outputs } = runs[next]!, what = told[next++]!;
    if (!what.startsWith("ok ")) return { problem: what.replace(/^error /, "") };
    const shapes = JSON.parse(what.slice(3)) as readonly (readonly number[])[], sizes = compiled.outputs.map((p, o) => (p.open ? (p.bytes / Math.max(1, sizeOf(p.shape))) * sizeOf(shapes[o]!) : p.bytes));
    const bytes = readFileSync(outputs), whole = sizes.reduce((sum, n) => sum + n, 0);
    if (bytes.length !== whole) return { problem: `the outputs have ${bytes.length} bytes, expected ${whole}` };
    let at = 0;
    return { outputs: sizes.map((n) => bytes.subarray(at, (at += n))), shapes: new Map(shapes.entries()) };
  }));
}
/** See `Executor`. */
export const moduleExecutor: Executor = { build, run };
