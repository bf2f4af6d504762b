/** What compilers and linkers make of the sources: warnings, symbols, other systems, every form of weights. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { weightForms } from "../../compiler/emit/weights.ts";
import { answer, contextProgram, exampleMask, exampleX, loadWeights, simpleProgram } from "./programs.ts";
import { expected } from "./sample.ts";
import { compileSources, emptyFolder, have, sh, write, writeSample } from "./tools.ts";

const strict = ["-Wall", "-Wextra", "-Werror"], c99 = ["-std=c99", ...strict, "-Wpedantic"];
const root = emptyFolder();

describe.each(["g++", "clang++"])("%s", (compiler) => {
  test.each(["-O0", "-O1", "-O2", "-O3", "-Os"])("compiles without a warning at %s, and the result is right", async (level) => {
    const made = writeSample(join(root, compiler + level), "digits");
    const objects = await compileSources(made, compiler, ...strict, level);
    write(made.folder, [["main.c", simpleProgram("digits")]]);
    await sh(made.folder, "gcc", ...c99, "main.c", ...objects, ...made.linkFlags, "-o", "main");
    expect(await sh(made.folder, "./main")).toBe(answer(3));
  });
  test("compiles with exceptions, RTTI and later standards too", async () => {
    const made = writeSample(join(root, `${compiler}-later`), "digits");
    const objects = await compileSources({ ...made, compileFlags: ["-std=c++20", "-Wpedantic"] }, compiler, ...strict, "-O1");
    write(made.folder, [["main.cpp", simpleProgram("digits")]]);
    await sh(made.folder, compiler, "-std=c++20", ...strict, "main.cpp", ...objects, "-lm", "-o", "main");
    expect(await sh(made.folder, "./main")).toBe(answer(3));
  });
});

describe.each(weightForms)("weights: %s", (weights) => {
  test("several contexts in the caller's memory, errors, tables", async () => {
    const made = writeSample(join(root, weights), "digits", { weights, objectFormat: "elf-x86_64" });
    const objects = await compileSources(made, "g++", ...strict, "-O1");
    write(made.folder, [["main.c", contextProgram("digits", weights === "file" ? loadWeights("digits") : "")]]);
    await sh(made.folder, "gcc", ...c99, "-O1", "main.c", ...objects, "-lm", "-o", "main");
    expect(await sh(made.folder, "./main")).toBe(answer(3).repeat(2));
    const symbols = await sh(made.folder, "nm", "main");
    expect(symbols.match(/digits_weights/g)?.length ?? 0).toBe(weights === "file" ? 0 : 1);
    expect(await sh(made.folder, "readelf", "-lW", "main")).toMatch(/GNU_STACK .* RW /);
  });
});

describe("two models in one program", () => {
  test("static", async () => {
    const one = writeSample(join(root, "two"), "digits"), two = writeSample(join(root, "two"), "faces", { weights: "source" }, 8);
    const objects = [...await compileSources(one, "g++"), ...await compileSources(two, "clang++")];
    write(one.folder, [["main.c", simpleProgram("digits", "faces")]]);
    await sh(one.folder, "gcc", ...c99, `-I${two.folder}`, "main.c", ...objects, "-lm", "-o", "main");
    expect(await sh(one.folder, "./main")).toBe(answer(3) + answer(8));
  });
  test("shared", async () => {
    const made = [writeSample(join(root, "shared"), "digits"), writeSample(join(root, "shared"), "faces", { weights: "object", objectFormat: "elf-x86_64" }, 8)];
    for (const m of made) {
      const objects = await compileSources(m, "g++", "-fPIC", "-O1");
      await sh(m.folder, "gcc", "-shared", "-Wl,-z,defs", ...objects, "-lm", "-o", `../lib${m.api[0]!.split("_")[0]}.so`);
    }
    const folder = write(join(root, "shared"), [["main.cpp", simpleProgram("digits", "faces")]]);
    await sh(folder, "g++", "-std=c++17", ...strict, "-Idigits", "-Ifaces", "main.cpp", "-L.", "-ldigits", "-lfaces", "-Wl,-rpath,.", "-o", "main");
    expect(await sh(folder, "./main")).toBe(answer(3) + answer(8));
  });
});

test("who brings memory of their own does not carry the library's", async () => {
  const made = writeSample(join(root, "own"), "digits"), objects = await compileSources(made, "g++", "-O1");
  await sh(made.folder, "ar", "rcs", "libdigits.a", ...objects);
  write(made.folder, [["main.c", contextProgram("digits")]]);
  await sh(made.folder, "gcc", "main.c", "libdigits.a", "-lm", "-o", "main");
  expect(await sh(made.folder, "nm", "main")).not.toMatch(/ digits_run$/m);
});

test("contexts run on several threads at once without a race", async () => {
  const made = writeSample(join(root, "threads"), "digits"), objects = await compileSources(made, "g++", "-g", "-O1", "-fsanitize=thread");
  write(made.folder, [["main.cpp", `#include <stdio.h>
#include <pthread.h>
#include "digits.h"
static unsigned char memory[4][DIGITS_CONTEXT_BYTES];
static void* work(void* mine) {
  const float x[16] = {${exampleX.join(", ")}};
  const bool mask[4] = {${exampleMask.join(", ")}};
  float y[16];
  int64_t largest;
  digits_context* c;
  if (digits_init(mine, DIGITS_CONTEXT_BYTES, &c)) return mine;
  for (int i = 0; i < 50; ++i) if (digits_run_in(c, x, mask, y, &largest) || largest != ${expected(3, exampleX, exampleMask).largest}) return mine;
  return nullptr;
}
int main() {
  pthread_t threads[4];
  int failed = 0;
  for (int i = 0; i < 4; ++i) pthread_create(&threads[i], nullptr, work, memory[i]);
  for (int i = 0; i < 4; ++i) { void* result; pthread_join(threads[i], &result); failed += result != nullptr; }
  printf("%d\\n", failed);
}
`]]);
  await sh(made.folder, "g++", "-fsanitize=thread", "main.cpp", ...objects, "-lm", "-o", "main");
  expect(await sh(made.folder, "./main")).toBe("0\n");
});

test("the instruction set is chosen at run time, and the trace hook sees each step", async () => {
  const made = writeSample(join(root, "trace"), "digits"), objects = await compileSources(made, "g++", "-DDIGITS_TRACE");
  write(made.folder, [["main.cpp", `#include <stdio.h>
#include "digits.h"
extern "C" void digits_trace(int step, const void* arena) {
  printf("%d", step);
  if (step == 0) for (int i = 0; i < 16; ++i) printf(" %g", ((const float*)arena)[16 + i]);
  printf("\\n");
}
int main() {
  const float x[16] = {${exampleX.join(", ")}};
  const bool mask[4] = {${exampleMask.join(", ")}};
  float y[16];
  int64_t largest;
  printf("%s %d\\n", digits_isa(), __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
  return digits_run(x, mask, y, &largest);
}
`]]);
  await sh(made.folder, "g++", "main.cpp", ...objects, "-lm", "-o", "main");
  const [isa, ...steps] = (await sh(made.folder, "./main")).trim().split("\n");
  expect(["avx2 1", "sse 0"]).toContain(isa);
  const products = exampleX.map((v, i) => v * (((i * 7 + 3) % 11) - 5) + 0);
  expect(steps.map((l) => l.split(" ").map(Number).map((v) => v + 0))).toEqual([[-1], [0, ...products], [1], [2]]);
});

test.skipIf(!have("aarch64-linux-gnu-g++") || !have("qemu-aarch64"))("aarch64, with an object file of our own, runs under qemu", async () => {
  const made = writeSample(join(root, "arm"), "digits", { weights: "object", objectFormat: "elf-aarch64" });
  const objects = await compileSources(made, "aarch64-linux-gnu-g++", ...strict, "-O2");
  write(made.folder, [["main.c", simpleProgram("digits")]]);
  await sh(made.folder, "aarch64-linux-gnu-gcc", "-static", ...c99, "main.c", ...objects, "-lm", "-o", "main");
  expect(await sh(made.folder, "qemu-aarch64", "main")).toBe(answer(3));
  const incbin = writeSample(join(root, "arm-incbin"), "digits");
  await compileSources(incbin, "aarch64-linux-gnu-g++", ...strict);
});

test.skipIf(!have("x86_64-w64-mingw32-g++"))("mingw-w64 builds a program and a DLL that exports only the API", async () => {
  for (const weights of ["incbin", "object"] as const) {
    const made = writeSample(join(root, `win-${weights}`), "digits", { weights, objectFormat: "coff-x86_64" });
    const objects = await compileSources(made, "x86_64-w64-mingw32-g++", ...strict, "-O1", "-DDIGITS_EXPORTS");
    write(made.folder, [["main.c", simpleProgram("digits")]]);
    await sh(made.folder, "x86_64-w64-mingw32-gcc", ...c99, "main.c", ...objects, "-o", "main.exe");
    await sh(made.folder, "x86_64-w64-mingw32-gcc", "-shared", ...objects, "-o", "digits.dll");
    const table = await sh(made.folder, "x86_64-w64-mingw32-objdump", "-p", "digits.dll");
    const names = [...table.matchAll(/^\t\[ *\d+\](?: \+base\[ *\d+\] *[0-9a-f]+)? (\w+)$/gm)].map((m) => m[1]!);
    expect(names.sort()).toEqual([...made.api].sort());
    const weightsAt = Number.parseInt(/^([0-9a-f]+) . digits_weights$/m.exec(await sh(made.folder, "x86_64-w64-mingw32-nm", "main.exe"))![1]!.slice(-4), 16);
    expect(weightsAt % 64).toBe(0);
  }
});
