/** Drives the machine's C and C++ compilers over a generated package. */
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, delimiter, extname, join } from "node:path";
import type { NativeBuild } from "../emit/target.ts";
import { type ObjectFormat, objectFormatOf } from "../emit/object-files.ts";
import { Failure } from "./exit.ts";

/** How sources become a library. */
type Build = Omit<NativeBuild, "kind">;
type Environment = Readonly<Record<string, string | undefined>>;
/** Commands as argument lists, so that CC="ccache gcc" works. */
export interface Toolchain {
  readonly cc: readonly string[];
  readonly cxx: readonly string[];
  readonly cflags: readonly string[];
  readonly cxxflags: readonly string[];
  readonly env: Environment;
}
/** How a program ended, and what it wrote. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command or flags as a list. */
export const words = (text: string | undefined): readonly string[] => text?.trim().split(/\s+/).filter(Boolean) ?? [];
function onPath(name: string, env: Environment): boolean {
  return (env.PATH ?? "").split(delimiter).some((d) => {
    try {
      accessSync(join(d, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
function command(variable: string, language: string, names: readonly string[], env: Environment): readonly string[] {
  const given = words(env[variable]);
  if (given.length) return given;
  const found = names.find((n) => onPath(n, env));
  if (!found)
    throw new Failure(`no ${language} compiler: none of ${names.join(", ")} is on the PATH`, {
      hint: `install one, such as g++ or clang, or name it: ${variable}=/path/to/compiler`,
      code: "no-compiler",
    });
  return [found];
}
/** $CC and $CXX, or what is on the PATH; -O2 before $CFLAGS and $CXXFLAGS. */
export function toolchain(env: Environment): Toolchain {
  return {
    cc: command("CC", "C", ["cc", "gcc", "clang"], env),
    cxx: command("CXX", "C++", ["c++", "g++", "clang++"], env),
    cflags: ["-O2", ...words(env.CFLAGS)],
    cxxflags: ["-O2", ...words(env.CXXFLAGS)],
    env,
  };
}
/** Runs a program to its end. A program that cannot be started is a Failure; its exit code is the caller's to judge. */
export function run(argv: readonly string[], options: { readonly cwd?: string; readonly env?: Environment } = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0]!, argv.slice(1), { cwd: options.cwd, env: options.env as NodeJS.ProcessEnv, stdio: ["ignore", "pipe", "pipe"] });
    const out: Buffer[] = [],
      err: Buffer[] = [];
    child.stdout.on("data", (b: Buffer) => out.push(b));
    child.stderr.on("data", (b: Buffer) => err.push(b));
    child.on("error", (e) =>
      reject(new Failure(`cannot start ${argv[0]}: ${"code" in e && e.code === "ENOENT" ? "no such program" : e.message}`, { code: "no-program" })),
    );
    child.on("close", (code, signal) => {
      const stderr = Buffer.concat(err).toString() + (signal ? `${basename(argv[0]!)} was ended by ${signal}\n` : "");
      resolve({ code: code ?? 1, stdout: Buffer.concat(out).toString(), stderr });
    });
  });
}
/** What a compiler has to say, without the lines and lengths of lines that nobody reads. */
function shortened(text: string): string {
  const most = 40,
    width = 240,
    lines = text.trimEnd().split("\n");
  const cut = lines.slice(0, most).map((l) => (l.length > width ? `${l.slice(0, width)} ...` : l));
  return [...cut, ...(lines.length > most ? [`(${lines.length - most} more lines)`] : [])].join("\n");
}
/** As `run`, and a Failure with the program's own message when it does not succeed. */
export async function must(
  argv: readonly string[],
  what: string,
  options: { readonly cwd?: string; readonly env?: Environment } = {},
): Promise<string> {
  const r = await run(argv, options);
  if (r.code !== 0) throw new Failure(`${what} failed`, { detail: `${argv.join(" ")}\n${shortened(r.stderr || r.stdout)}`, code: "build" });
  return r.stdout;
}

const languages: Readonly<Record<string, (t: Toolchain, b: Build) => readonly string[]>> = {
  ".c": (t) => [...t.cc, "-std=c99", "-fPIC", ...t.cflags],
  ".cpp": (t, b) => [...t.cxx, ...b.compileFlags, "-fPIC", ...t.cxxflags],
  ".S": (t) => [...t.cc],
};

/**
 * Compiles a package's sources, which lie in `folder`, as many at once as there are cores, into `objects`, each to its name
 * with .o behind it; returns the paths of all that the library is made of. `done` hears of each. Every source that fails is in the one Failure.
 */
export async function compileObjects(
  t: Toolchain,
  folder: string,
  build: Build,
  objects: string,
  done: (n: number, total: number, what: string) => void = () => {},
): Promise<readonly string[]> {
  const queue = [...build.sources],
    total = queue.length,
    failed: Failure[] = [];
  const objectOf = (s: string): string => join(objects, `${s}.o`);
  let finished = 0;
  const worker = async (): Promise<void> => {
    for (let s = queue.shift(); s !== undefined; s = queue.shift()) {
      done(finished, total, s);
      try {
        await must([...languages[extname(s)]!(t, build), "-c", s, "-o", objectOf(s)], `compiling ${s}`, { cwd: folder, env: t.env });
      } catch (e) {
        if (!(e instanceof Failure)) throw e;
        failed.push(e);
        if (e.diagnostics[0]?.code === "no-program") queue.length = 0;
      }
      done(++finished, total, s);
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), total) }, worker));
  if (failed.length === 1 || failed[0]?.diagnostics[0]?.code === "no-program") throw failed[0]!;
  if (failed.length)
    throw new Failure(`${failed.length} files do not compile`, { detail: failed.map((f) => f.detail ?? f.message).join("\n\n"), code: "build" });
  return [...build.sources.map(objectOf), ...build.objects.map((o) => join(folder, o))];
}

/** A kind of library. */
export type Library = "static" | "shared";
type System = "elf" | "macho" | "windows";
const fileName: Readonly<Record<System, Readonly<Record<Library, (name: string) => string>>>> = {
  elf: { static: (n) => `lib${n}.a`, shared: (n) => `lib${n}.so` },
  macho: { static: (n) => `lib${n}.a`, shared: (n) => `lib${n}.dylib` },
  windows: { static: (n) => `lib${n}.a`, shared: (n) => `${n}.dll` },
};
/** What the libraries of a model may be called, on whatever system. */
export const libraryNames = (name: string): readonly string[] => [
  ...new Set(Object.values(fileName).flatMap((kinds) => Object.values(kinds).map((f) => f(name)))),
];
const systemOf = (triple: string): System => (/mingw|windows|cygwin/.test(triple) ? "windows" : /darwin|apple/.test(triple) ? "macho" : "elf");
/** The object files of the compiler in $CC, or of this machine where $CC is not set; undefined for others than mlc writes. */
export async function objectFormatFor(env: Environment): Promise<ObjectFormat | undefined> {
  if (!words(env.CC).length) return objectFormatOf(process.platform, process.arch);
  const triple = await must([...words(env.CC), "-dumpmachine"], `asking ${env.CC} what it compiles for`, { env });
  const processor = /^(x86_64|amd64)/.test(triple) ? "x64" : /^(aarch64|arm64)/.test(triple) ? "arm64" : "";
  return objectFormatOf({ elf: "linux", macho: "darwin", windows: "win32" }[systemOf(triple)], processor);
}
/** A binutils program that belongs to the compiler: the cross compiler's own where there is one. */
async function toolOf(t: Toolchain, tool: string, variable: string): Promise<readonly string[]> {
  const given = words(t.env[variable]);
  if (given.length) return given;
  const r = await run([...t.cc, `-print-prog-name=${tool}`], { env: t.env });
  return [(r.code === 0 && r.stdout.trim()) || tool];
}
const sharedFlags: Readonly<Record<System, (file: string, folder: string, name: string) => readonly string[]>> = {
  elf: (file) => [`-Wl,-soname,${file}`, "-Wl,-z,defs"],
  macho: (file) => [`-Wl,-install_name,@rpath/${file}`],
  windows: (_, folder, name) => [`-Wl,--out-implib,${join(folder, `lib${name}.dll.a`)}`],
};
/** Windows opens libraries at run time without a library for that. */
const linkFlagsOn = (system: System, b: Build): readonly string[] => b.linkFlags.filter((f) => system !== "windows" || f !== "-ldl");
/** Builds a package's libraries into its own folder, with objects in a folder apart; returns their file names. */
export async function makeLibraries(
  t: Toolchain,
  name: string,
  folder: string,
  build: Build,
  kinds: readonly Library[],
  objects: string,
  done: (n: number, total: number, what: string) => void,
): Promise<readonly string[]> {
  const system = systemOf((await run([...t.cc, "-dumpmachine"], { env: t.env })).stdout);
  const exported = system === "windows" && kinds.includes("shared") ? [`-D${name.toUpperCase()}_EXPORTS`] : [];
  const made = await compileObjects(t, folder, { ...build, compileFlags: [...build.compileFlags, ...exported] }, objects, done);
  return Promise.all(
    kinds.map(async (kind) => {
      const file = fileName[system][kind](name),
        path = join(folder, file);
      const argv =
        kind === "static"
          ? [...(await toolOf(t, "ar", "AR")), "rcsD", path, ...made]
          : [...t.cc, "-shared", ...sharedFlags[system](file, folder, name), "-o", path, ...made, ...linkFlagsOn(system, build)];
      await must(argv, `making ${file}`, { env: t.env });
      return file;
    }),
  );
}
/** Bytes of machine code in objects, as the toolchain's `size` counts them. */
export async function codeBytes(t: Toolchain, objects: readonly string[]): Promise<number> {
  const text = await must([...(await toolOf(t, "size", "SIZE")), "-A", ...objects], "measuring the code's size", { env: t.env });
  return [...text.matchAll(/^\.text\S*\s+(\d+)/gm)].reduce((sum, m) => sum + Number(m[1]), 0);
}
