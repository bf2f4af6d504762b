/** Folders, commands and packages for the tests of what comes out. */
import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll } from "vitest";
import { packageCpp, type Package, type PackageInput } from "../../compiler/emit/package.ts";
import { sampleInput } from "./sample.ts";

const run = promisify(execFile);
/** Standard output of a command; what it said where it fails. */
export async function sh(folder: string, command: string, ...args: readonly string[]): Promise<string> {
  try {
    return (await run(command, [...args], { cwd: folder, maxBuffer: 1 << 26 })).stdout;
  } catch (e) {
    const { stdout, stderr } = e as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(" ")}\n${stdout ?? ""}${stderr ?? e}`);
  }
}
export const have = (command: string): boolean => spawnSync(command, ["--version"]).error === undefined;

/** An empty folder that goes away after the tests of the file. */
export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "mlc-package-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
export function write(folder: string, files: Iterable<readonly [string, string | Uint8Array]>): string {
  mkdirSync(folder, { recursive: true });
  for (const [path, content] of files) writeFileSync(join(folder, path), content);
  return folder;
}
/** The sample, packaged and written to a folder of its own. */
export function writeSample(under: string, name: string, more: Partial<PackageInput> = {}, seed = 3): Package & { readonly folder: string } {
  const made = packageCpp(sampleInput(name, more, seed));
  return { ...made, folder: write(join(under, name), made.files) };
}
/** Compiles sources one by one with the package's own flags; gives the object files, those of the package included. */
export async function compileSources(p: Package & { readonly folder: string }, compiler: string, ...flags: readonly string[]): Promise<string[]> {
  const objects = p.sources.map((s) => join(p.folder, `${s}.o`));
  for (const [i, s] of p.sources.entries()) {
    const language = s.endsWith(".S") ? [] : p.compileFlags;
    await sh(p.folder, compiler, ...language, ...flags, "-c", s, "-o", objects[i]!);
  }
  return [...objects, ...p.objects.map((o) => join(p.folder, o))];
}
