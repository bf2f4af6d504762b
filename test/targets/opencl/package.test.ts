/** The packages for OpenCL as a stranger uses them: found and missing devices, caches, slices, the caller's own objects, threads. */
import { execFile, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { compile, type CompileResult } from "../../../compiler/api.ts";
import type { SettingValue } from "../../../compiler/emit/target.ts";
import { generator } from "../../support/random.ts";
import { model, node, tensor } from "../../support/onnx.ts";
import { machineIsa } from "../../conformance/machine.ts";
import { because, skipped } from "../../support/tools.ts";
import { emptyFolder, environment } from "./device.ts";

const execute = promisify(execFile);
const random = generator(3), numbers = (...shape: readonly number[]) => tensor("f32", shape, Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random() - 0.5));
/** A convolution, a reduction over rows that lanes share, and a product; `wide` adds a step in double precision. */
const bytes = (wide: boolean): Uint8Array => model({
  opset: 17, inputs: { x: "f32[1, 3, 20, 20]" }, initializers: { w: numbers(8, 3, 3, 3), b: numbers(8), m: numbers(8, 30) },
  nodes: [
    node("c = Conv(x, w, b)", { pads: [1, 1, 1, 1] }), "r = Relu(c)", "p = GlobalAveragePool(r)", "f = Flatten(p)",
    ...(wide ? [node("d = Cast(f)", { to: 11 }, "to double"), node("e = Exp(d)", {}, "in double"), node("g = Cast(e)", { to: 1 })] : ["g = Identity(f)"]),
    "h = MatMul(g, m)", node("y = Softmax(h)", { axis: 1 }),
  ],
  outputs: ["y", "r"],
});
const strict = ["-Wall", "-Wextra", "-Werror"];
/** The package, written and built into a program around main.c; what the program prints. */
async function build(folder: string, target: string, wide = false, settings: Readonly<Record<string, SettingValue>> = {}, flags: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<{ readonly made: CompileResult; readonly run: (...args: readonly string[]) => Promise<string> }> {
  const made = await compile(bytes(wide), { target, name: "net", settings, isa: [machineIsa()] });
  mkdirSync(folder, { recursive: true });
  for (const [path, content] of made.files) writeFileSync(join(folder, path), content);
  if (made.build.kind !== "native") throw new Error("no native package");
  const { sources, compileFlags, linkFlags } = made.build, objects = sources.map((s) => `${s}.o`);
  await Promise.all(sources.map((s, i) => execute(s.endsWith(".cpp") ? "g++" : "gcc", [...(s.endsWith(".cpp") ? [...compileFlags, ...strict] : []), ...flags, "-O1", "-c", s, "-o", objects[i]!], { cwd: folder })));
  copyFileSync(fileURLToPath(new URL("main.c", import.meta.url)), join(folder, "main.c"));
  await execute("gcc", ["-std=c99", "-D_GNU_SOURCE", ...strict, ...flags, "main.c", ...objects, "-o", "main", ...linkFlags, "-lOpenCL", "-lpthread", "-ldl"], { cwd: folder });
  return { made, run: async (...args) => (await execute(join(folder, "main"), [...args], { cwd: folder, env: { ...environment(folder), ...env } })).stdout };
}
/** An OpenCL library between the program and the real one; see shim.c. */
async function makeShim(folder: string): Promise<string> {
  await execute("gcc", ["-shared", "-fPIC", "-O1", fileURLToPath(new URL("shim.c", import.meta.url)), "-o", "libshim.so", "-ldl"], { cwd: folder });
  return join(folder, "libshim.so");
}
const lines = (text: string, word: string): readonly string[] => text.split("\n").filter((l) => l.startsWith(`${word} `)).map((l) => l.slice(word.length + 1));

describe.skipIf(skipped("opencl"))(`a package${because("opencl")}`, () => {
  const folder = emptyFolder();
  let run: (...args: readonly string[]) => Promise<string>, shim = "";
  beforeAll(async () => { ({ run } = await build(folder, "opencl")); shim = await makeShim(folder); }, 60_000);

  test("runs on the device, again, and in the simple form", async () => {
    const said = await run("plain");
    expect(said).toMatch(/^backend 1\ndevice .+, driver .+\nmessage \ncache off\nnull 1\nreleased 3\ngood\n$/);
  });
  test("without a library, runs on the processor and says why", async () => {
    const said = await run("options", "library=/no/such/library.so");
    expect(lines(said, "backend")).toEqual(["0"]);
    expect(lines(said, "device")).toEqual([machineIsa()]);
    expect(lines(said, "message")).toEqual(["the library /no/such/library.so cannot be opened"]);
    expect(lines(await run("options", `library=${join(folder, "libother.so")}`), "message")).toEqual([`the library ${join(folder, "libother.so")} cannot be opened`]);
    writeFileSync(join(folder, "other.c"), "int clGetPlatformIDs(void) { return 0; }\n");
    await execute("gcc", ["-shared", "-fPIC", "other.c", "-o", "libother.so"], { cwd: folder });
    expect(lines(await run("options", `library=${join(folder, "libother.so")}`), "message")).toEqual([`${join(folder, "libother.so")} is no library of OpenCL 1.2`]);
  });
  test("where nothing but a device will do, an error with its reason", async () => {
    expect(await run("options", "backend=1", "library=/no/such/library.so")).toBe(
      "status 8: there is no OpenCL library or device that was asked for\nmessage the library /no/such/library.so cannot be opened\n");
  });
  test("platforms and devices go by parts of their names, in any case, or by numbers", async () => {
    for (const choice of ["platform=portable comp", "platform=0", "device=0", "device=PTHREAD"]) expect(lines(await run("options", choice), "backend"), choice).toEqual(["1"]);
    const none = await run("options", "platform=nobody's");
    expect(lines(none, "backend")).toEqual(["0"]);
    expect(lines(none, "message")[0]).toMatch(/^no OpenCL device of platform nobody's is available; there is Portable Computing Language/);
    expect(lines(await run("options", "device=7"), "message")[0]).toMatch(/^no OpenCL device called 7 is available; there is /);
  });
  test("kernels are kept in a file; one that does not fit is made anew", async () => {
    const file = join(folder, "kernels.bin"), cache = async () => lines(await run("options", `cache=${file}`), "cache")[0];
    expect(await cache()).toBe("miss: made and stored");
    expect(await cache()).toBe("hit");
    const good = readFileSync(file);
    const spoilt = async (bytes: Uint8Array, why: string) => {
      writeFileSync(file, bytes);
      expect(await cache()).toBe(`rejected: ${why}; made again and stored`);
      expect(readFileSync(file).length).toBeGreaterThan(1000);
      expect(await cache()).toBe("hit");
    };
    const flipped = Buffer.from(good), foreign = Buffer.from(good);
    flipped[good.length - 100]! ^= 1;
    await spoilt(flipped, "it is damaged");
    await spoilt(good.subarray(0, good.length - 1), "it is cut off or has grown");
    await spoilt(good.subarray(0, 10), "it is too short");
    await spoilt(new Uint8Array(0), "it is too short");
    await spoilt(Buffer.from("a picture, say, of a cat that sits on a mat"), "it is no cache of kernels");
    const key = foreign.indexOf("pthread");
    foreign[key]! ^= 1;
    foreign.writeUInt32LE(sum(foreign.subarray(24)), 12);
    await spoilt(foreign, "it is of another device, driver or model");
    expect(lines(await run("options", "cache=/no/such/folder/kernels.bin"), "cache")).toEqual(["miss: the file cannot be written"]);
    expect(readdirSync(folder).filter((f) => f.startsWith("kernels.bin"))).toEqual(["kernels.bin"]);
  });
  test("kernels are kept by the caller's functions", async () => {
    expect(lines(await run("callbacks"), "cache")).toEqual(["miss: made and stored (1 stored)", "hit (1 stored)", "rejected: it is damaged; made again and stored (2 stored)"]);
  });
  test("launches that would take too long are cut; few are under way at once", async () => {
    const launches = async (...o: readonly string[]) => lines(await run("options", ...o), "step").map((l) => Number(l.split(" ")[1]));
    const whole = await launches(), cut = await launches("kernel=1", "calibration=0.001"), most = await launches("kernel=1", "calibration=0.000001", "window=2");
    expect(whole.every((n) => n === 1)).toBe(true);
    expect(Math.max(...cut)).toBeGreaterThan(1);
    expect(Math.max(...most)).toBeGreaterThanOrEqual(Math.max(...cut));
    for (const window of ["1", "3", "1000", "-1"]) expect((await launches(`window=${window}`, "profile=1")).length).toBe(whole.length);
    expect(await launches("hints=1")).toEqual(whole);
  });
  test("profiles say how long each step takes, and what the calibration should be", async () => {
    const said = await run("options", "profile=1"), us = lines(said, "step").map((l) => Number(l.split(" ")[2]));
    expect(us.every((n) => n > 0)).toBe(true);
    expect(Number(lines(said, "calibration")[0])).toBeGreaterThan(0);
    expect(lines(await run("options"), "step").every((l) => l.endsWith(" -1"))).toBe(true);
    expect(lines(await run("options", "profile=1", "backend=2"), "step").every((l) => Number(l.split(" ")[2]) > 0)).toBe(true);
  });
  test("the caller's context, queue and memory", async () => {
    const said = await run("cl");
    expect(said).toContain("small 2\nnull 1\n");
    expect(lines(said, "unordered")).toEqual(["cl_queue runs commands out of order"]);
    expect(lines(said, "unprofiled")).toEqual(["cl_queue takes no times: profile needs CL_QUEUE_PROFILING_ENABLE"]);
    expect(lines(said, "cpu")).toEqual(["8"]);
    expect(said).toMatch(/good\n$/);
  });
  test("a device that lacks what the model needs is not used, with a reason", async () => {
    const cases: Readonly<Record<string, readonly [number, number]>> = {
      "the device has groups of at most 4 lanes; the kernels need \\d+": [0x1004, 4], "the device has 16 bytes of local memory; the kernels need \\d+": [0x1023, 16],
      "the device allows 0 MB in one piece; the model needs 0": [0x1010, 100], "the device has 0 MB of memory; the model needs 0": [0x101f, 100],
      "the device is not little-endian": [0x1026, 0], "no OpenCL device is available; there is none": [0x1027, 0],
    };
    for (const [message, [what, number]] of Object.entries(cases)) {
      const said = await run("lacks", shim, `${what}`, `${number}`);
      expect(lines(said, "backend"), message).toEqual(["0"]);
      expect(lines(said, "message")[0]).toMatch(new RegExp(`^${message}$`));
    }
  });
  test("each call of OpenCL fails once: a reason, right results, and nothing left behind", { timeout: 60_000 }, async () => {
    const said = await run("failures", shim, join(folder, "shim.bin")), count = (word: string) => Number(lines(said, word)[0]);
    expect(count("calls")).toBeGreaterThan(40);
    expect(count("fell")).toBeGreaterThan(20);
    expect(count("failed")).toBeGreaterThan(10);
    expect(said).toMatch(/good\n$/);
  });
  const icd = "/usr/lib/oclgrind/liboclgrind-rt-icd.so", why = because("oclgrind") || (existsSync(icd) ? "" : ` (skipped: there is no ${icd})`);
  test.skipIf(why !== "" && !process.env.CI)(`another implementation of OpenCL finds no fault with the calls${why}`, async () => {
    const other = { OCL_ICD_VENDORS: icd, OCLGRIND_CHECK_API: "1" };
    for (const how of [["plain"], ["options", "profile=1", "kernel=1", "calibration=0.00001", "window=2"], ["cl"], ["options", `cache=${join(folder, "other.bin")}`]]) {
      const { stdout, stderr } = await execute(join(folder, "main"), how, { cwd: folder, env: { ...environment(folder), ...other } });
      expect(stdout).toMatch(/good\n$/);
      expect(stderr).toBe("");
    }
    expect((await execute(join(folder, "main"), ["plain"], { env: { ...environment(folder), ...other } })).stdout).toContain("device Oclgrind");
  });
  test("contexts run in threads at once, and share what is on the device", async () => {
    const said = await run("threads");
    expect(lines(said, "cache")[0]).toBe("shared");
    expect(lines(said, "message")).toEqual(["the context to share runs on no device"]);
    expect(said).toMatch(/good\n$/);
  });
});
/** FNV-1a, as the cache has it. */
const sum = (b: Uint8Array): number => b.reduce((h, x) => Math.imul(h ^ x, 0x01000193) >>> 0, 0x811c9dc5);

describe.skipIf(skipped("opencl"))(`with a step in double precision, under the sanitizers${because("opencl")}`, () => {
  const folder = emptyFolder(), sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];
  let made: CompileResult, run: (...args: readonly string[]) => Promise<string>, shim = "";
  beforeAll(async () => {
    ({ made, run } = await build(folder, "opencl-arm", true, {}, sanitizers, { LSAN_OPTIONS: `suppressions=${join(folder, "suppressions")}:print_suppressions=0` }));
    writeFileSync(join(folder, "suppressions"), "leak:libpocl\nleak:libLLVM\nleak:libclang\nleak:libOpenCL\nleak:libhwloc\n");
    shim = await makeShim(folder);
  }, 60_000);

  test("it stays on the processor where devices lack it", async () => {
    const notes = made.diagnostics.filter((d) => d.code === "stays-on-cpu");
    expect(notes.length).toBeGreaterThan(0);
    expect(notes.every((d) => d.severity === "note")).toBe(true);
    expect(notes.map((d) => d.message).join("\n")).toContain("in double");
    const said = await run("options", "profile=1"), steps = lines(said, "step").map((l) => l.split(" "));
    expect(lines(said, "backend")).toEqual(["1"]);
    expect(steps.filter(([, launches]) => launches === "0").length).toBe(notes.length);
    expect(steps.every(([, , us]) => Number(us) > 0)).toBe(true);
  });
  test("without a fallback, it is refused", async () => {
    await expect(compile(bytes(true), { target: "opencl-arm", name: "net", settings: { fallback: "none" } })).rejects.toThrow(/these devices do not compute in double precision, and without a fallback nothing else does/);
    expect((await compile(bytes(true), { target: "opencl", name: "net", settings: { fallback: "none" } })).diagnostics).toEqual([]);
  });
  test("devices that may have it are asked for it", { timeout: 60_000 }, async () => {
    const { run: portable } = await build(join(folder, "portable"), "opencl", true);
    expect(lines(await portable("options"), "backend")).toEqual(["1"]);
    expect(lines(await portable("lacks", shim, `${0x1030}`, "0"), "message")).toEqual(["the device has no double precision (cl_khr_fp64), which the model needs"]);
  });
  test("nothing undefined, no memory touched that is not the library's, none lost", { timeout: 60_000 }, async () => {
    for (const how of [["plain"], ["options", "profile=1", "kernel=1", "calibration=0.0001", "window=3"], ["callbacks"], ["cl"], ["threads"], ["failures", shim, join(folder, "shim.bin")]]) expect(await run(...how), how[0]).toMatch(/good\n$/);
  });
});
test.skipIf(skipped("opencl"))(`without kernels for the processor, what is missing is an error${because("opencl")}`, { timeout: 60_000 }, async () => {
  const folder = emptyFolder(), { made } = await build(folder, "opencl", false, { fallback: "none", maxKernelUs: 500, queueWindow: 4 });
  expect([...made.files.keys()].some((f) => f.includes("kernels"))).toBe(false);
  expect(made.files.get("net.h")).toContain("0: 500; negative: never");
  expect(existsSync(join(folder, "main"))).toBe(true);
  const { stdout } = await execute(join(folder, "main"), ["plain"], { env: environment(folder) });
  expect(stdout).toBe("status 8: there is no OpenCL library or device that was asked for\nmessage the library has no kernels for the processor\n");
});
test.skipIf(skipped("opencl"))(`its own CMake files build both libraries, which export the API and need nothing of OpenCL${because("opencl")}`, { timeout: 120_000 }, async () => {
  const folder = emptyFolder(), { files } = await compile(bytes(false), { target: "opencl", name: "net", settings: { fallback: "none" } }), sh = async (command: string, ...args: readonly string[]) => (await execute(command, [...args], { cwd: folder, env: environment(folder) })).stdout;
  for (const [path, content] of files) writeFileSync(join(folder, path), content);
  await sh("cmake", "-S", ".", "-B", "build", "-DNET_LIB=both", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror", "-DCMAKE_C_FLAGS=-std=c99 -Wall -Wextra -Wpedantic -Werror");
  await sh("cmake", "--build", "build", "-j2");
  expect(await sh("build/net_example")).toMatch(/^y: \S+ .*\nr: /);
  const exported = (await sh("nm", "-D", "--defined-only", "build/libnet.so")).trim().split("\n").map((l) => l.split(" ")[2]!);
  expect(exported.sort()).toEqual([...String(files.get("net.h")).matchAll(/^NET_API .*?(net_\w+)\(/gm)].map((m) => m[1]!).sort());
  expect((await sh("nm", "-g", "--defined-only", "build/libnet.a")).split("\n").map((l) => l.split(" ")[2]).filter((n) => n && !n.startsWith("net_"))).toEqual([]);
  expect(await sh("ldd", "build/libnet.so")).not.toMatch(/OpenCL|stdc\+\+/);
  expect(await sh("nm", "-D", "--undefined-only", "build/libnet.so")).not.toMatch(/ cl[A-Z]|_Z|__cxa_(guard|throw)/);
  expect(String(files.get("net.pc.in"))).toContain("Libs.private: -lm -ldl\n");
});
const have = (command: string): boolean => spawnSync(command, ["--version"]).error === undefined;
const compilers = ["g++", "clang++", "aarch64-linux-gnu-g++", "x86_64-w64-mingw32-g++"], there = compilers.filter(have);
test(`the host's part compiles without a warning by ${there.join(", ")}${there.length < compilers.length ? `; there is no ${compilers.filter((c) => !there.includes(c)).join(", ")}` : ""}`, { timeout: 60_000 }, async () => {
  const folder = emptyFolder();
  for (const [target, wide, settings] of [["opencl-arm", true, {}], ["opencl", false, { fallback: "none" }]] as const) {
    const { files, build: how } = await compile(bytes(wide), { target, name: "net", settings, ...(wide ? { weights: "file" } : {}) });
    if (how.kind !== "native") throw new Error("no native package");
    for (const [path, content] of files) writeFileSync(join(folder, path), content);
    const sources = how.sources.filter((s) => s.endsWith(".cpp") && !s.includes("kernels"));
    for (const c of there) for (const define of [[], ["-DNET_TRACE"]]) await execute(c, [...how.compileFlags, ...strict, ...define, "-O1", "-fsyntax-only", ...sources], { cwd: folder });
  }
});
