/** Kernels on the OpenCL device that is here, through a small program; and that program under oclgrind. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll } from "vitest";
import { groupSize } from "../../../compiler/emit/print.ts";
import type { Kernel } from "../../../compiler/ir/kernel.ts";
import { newArray, types, type DType, type ElementArray } from "../../../compiler/ir/types.ts";
import { usedArguments } from "../../../targets/opencl/dialect.ts";

const execute = promisify(execFile);
/** An empty folder that goes away after the tests of the file. */
export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "mlc-opencl-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
/** PoCL keeps what it compiled beside the test. */
export const environment = (folder: string): NodeJS.ProcessEnv => ({ ...process.env, POCL_CACHE_DIR: join(folder, "pocl") });
/** One launch: each of the kernel's arguments by its name, and how many elements of the memory lie before it. */
export interface Launch { readonly kernel: Kernel; readonly args: Readonly<Record<string, ElementArray>>; readonly before?: number }
/** Runs the launches in their order, each on memory of its own; returns what each left in its outputs. `under` starts the program. */
export async function launch(folder: string, source: string, options: string, all: readonly Launch[], under: readonly string[] = []): Promise<readonly Readonly<Record<string, ElementArray>>[]> {
  const program = join(folder, "host"), plan: string[] = [], memory = new Map<ElementArray, Map<number, number>>(), reads: { launch: number; name: string; dtype: DType; size: number }[] = [];
  let buffers = 0;
  await execute("gcc", ["-O1", fileURLToPath(new URL("host.c", import.meta.url)), "-o", program, "-lOpenCL"]);
  const file = (n: number, a: ElementArray, before: number): string => {
    const path = join(folder, `buffer-${n}`), size = a.BYTES_PER_ELEMENT;
    writeFileSync(path, Buffer.concat([Buffer.alloc(before * size, 0xff), new Uint8Array(a.buffer, a.byteOffset, a.byteLength)]));
    return path;
  };
  all.forEach(({ kernel, args, before = 0 }, l) => {
    const { groups, lanes } = groupSize(kernel), words: string[] = [];
    for (const b of usedArguments(kernel)) {
      const given = args[b.name], size = types[b.dtype].bytes;
      let n = given && b.space === "in" ? memory.get(given)?.get(before) : undefined;
      if (n === undefined) {
        n = buffers++;
        plan.push(`buffer ${(b.space === "in" ? given!.length : b.size) * size + before * size} ${b.space === "in" ? file(n, given!, before) : "-"}`);
        if (given && b.space === "in") memory.set(given, new Map([...(memory.get(given) ?? []), [before, n]]));
      }
      if (b.space === "out") reads.push({ launch: l, name: b.name, dtype: b.dtype, size: b.size });
      words.push(`${n}:${before}`);
    }
    plan.push(`launch ${kernel.name} ${groups.join(" ")} ${lanes[0]} ${lanes[1]} ${words.join(" ")}`);
    for (const [i, b] of usedArguments(kernel).entries()) if (b.space === "out") plan.push(`read ${words[i]!.split(":")[0]}`);
  });
  writeFileSync(join(folder, "kernels.cl"), source);
  writeFileSync(join(folder, "plan"), `${plan.join("\n")}\n`);
  const [start = program, ...rest] = [...under, program, join(folder, "kernels.cl"), options, join(folder, "plan"), join(folder, "out")];
  const { stderr, stdout } = await execute(start, rest, { maxBuffer: 1 << 26, env: environment(folder) });
  if (under.length && (stderr || stdout)) throw new Error(`${stderr}${stdout}`);
  const bytes = readFileSync(join(folder, "out")), results = all.map((): Record<string, ElementArray> => ({}));
  let offset = 0;
  for (const r of reads) {
    const before = all[r.launch]!.before ?? 0, size = types[r.dtype].bytes, to = newArray(r.dtype, r.size);
    offset += before * size;
    new Uint8Array(to.buffer).set(bytes.subarray(offset, offset + r.size * size));
    offset += r.size * size;
    results[r.launch]![r.name] = to;
  }
  if (offset !== bytes.length) throw new Error(`${bytes.length} bytes of results instead of ${offset}`);
  return results;
}
