/** The files alone, in an empty folder: built by their own CMake files, installed, and found again. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { answer, simpleProgram } from "./programs.ts";
import { emptyFolder, sh, write, writeSample } from "./tools.ts";

const strict = ["-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror", "-DCMAKE_C_FLAGS=-std=c99 -Wall -Wextra -Wpedantic -Werror"];
const libraries = (ldd: string) => ldd.split("\n").map((l) => l.trim().split(" ")[0]!).filter((l) => l && !/vdso|ld-linux/.test(l)).sort();

describe("static and shared, installed", () => {
  const root = emptyFolder(), prefix = join(root, "prefix"), made = writeSample(root, "digits");
  beforeAll(async () => {
    await sh(made.folder, "cmake", "-S", ".", "-B", "build", "-DDIGITS_LIB=both", ...strict);
    await sh(made.folder, "cmake", "--build", "build", "-j2");
    await sh(made.folder, "cmake", "--install", "build", "--prefix", prefix);
  });

  test("the example runs", async () => {
    expect(await sh(made.folder, "build/digits_example")).toMatch(/^y1: \S+ .*\nthe "class": \d+\n$/);
  });
  test("the shared library exports the API and nothing else, and needs libc and libm", async () => {
    const file = join(prefix, "lib/libdigits.so");
    const names = (await sh(root, "nm", "-D", "--defined-only", file)).trim().split("\n").map((l) => l.split(" ")[2]!);
    expect(names.sort()).toEqual([...made.api].sort());
    expect(libraries(await sh(root, "ldd", file))).toEqual(["libc.so.6", "libm.so.6"]);
    const undefinedNames = await sh(root, "nm", "-D", "--undefined-only", file);
    expect(undefinedNames).not.toMatch(/_Z|__cxa_(guard|throw|pure)|__gxx|malloc|free/);
  });
  test("every global symbol of the static library has the model's prefix", async () => {
    const names = await sh(root, "nm", "-g", "--defined-only", join(prefix, "lib/libdigits.a"));
    expect(names.split("\n").map((l) => l.split(" ")[2]).filter((n) => n && !n.startsWith("digits_"))).toEqual([]);
  });
  test("find_package serves a project in C, one in C++, and the static library", async () => {
    for (const [kind, target] of [["C", "digits::digits"], ["CXX", "digits::digits"], ["C", "digits::static"]] as const) {
      const folder = join(root, `user-${kind}-${target.replace("::", "-")}`), source = kind === "C" ? "main.c" : "main.cpp";
      write(folder, [[source, simpleProgram("digits")], ["CMakeLists.txt", `cmake_minimum_required(VERSION 3.16)
project(user LANGUAGES ${kind})
find_package(digits 0.1 REQUIRED)
add_executable(user ${source})
target_link_libraries(user PRIVATE ${target})
`]]);
      await sh(folder, "cmake", "-S", ".", "-B", "build", `-DCMAKE_PREFIX_PATH=${prefix}`, "-DCMAKE_VERBOSE_MAKEFILE=ON");
      const log = await sh(folder, "cmake", "--build", "build");
      expect(await sh(folder, "build/user")).toBe(answer(3));
      if (kind === "C") expect(log).not.toMatch(/stdc\+\+|g\+\+/);
    }
  });
  test("pkg-config serves gcc, wherever the folder is moved", async () => {
    const moved = join(root, "moved");
    await sh(root, "cp", "-r", prefix, moved);
    const flags = (await sh(root, "env", `PKG_CONFIG_PATH=${moved}/lib/pkgconfig`, "pkg-config", "--cflags", "--libs", "digits")).trim().split(/\s+/);
    write(join(root, "pc"), [["main.c", simpleProgram("digits")]]);
    await sh(join(root, "pc"), "gcc", "-std=c99", "main.c", "-o", "main", ...flags, `-Wl,-rpath,${moved}/lib`);
    expect(await sh(join(root, "pc"), "./main")).toBe(answer(3));
    expect(flags).toContain("-ldigits");
    expect(libraries(await sh(join(root, "pc"), "ldd", "main"))).toEqual(["libc.so.6", "libdigits.so", "libm.so.6"]);
  });
});

test("with weights in a file: a static library by default, the weights installed beside it", async () => {
  const root = emptyFolder(), made = writeSample(root, "digits", { weights: "file" }), prefix = join(root, "prefix");
  await sh(made.folder, "cmake", "-S", ".", "-B", "build", ...strict);
  await sh(made.folder, "cmake", "--build", "build", "-j2");
  await sh(made.folder, "cmake", "--install", "build", "--prefix", prefix);
  expect(existsSync(join(prefix, "lib/libdigits.so"))).toBe(false);
  expect(await sh(root, "digits/build/digits_example", join(prefix, "share/digits/digits_weights.bin"))).toMatch(/^y1: /);
  expect(libraries(await sh(made.folder, "ldd", "build/digits_example"))).toEqual(["libc.so.6", "libm.so.6"]);
  expect(readFileSync(join(prefix, "lib/pkgconfig/digits.pc"), "utf8")).toContain("-ldigits -lm\n");
});
test("two models are parts of a larger project", async () => {
  const root = emptyFolder();
  writeSample(root, "digits");
  writeSample(root, "faces", { weights: "object", objectFormat: "elf-x86_64" }, 8);
  write(root, [["main.c", simpleProgram("digits", "faces")], ["CMakeLists.txt", `cmake_minimum_required(VERSION 3.16)
project(user LANGUAGES C)
add_subdirectory(digits)
add_subdirectory(faces)
add_executable(user main.c)
target_link_libraries(user PRIVATE digits::digits faces::faces)
`]]);
  await sh(root, "cmake", "-S", ".", "-B", "build");
  await sh(root, "cmake", "--build", "build", "-j2");
  expect(await sh(root, "build/user")).toBe(answer(3) + answer(8));
  expect(existsSync(join(root, "build/digits/digits_example"))).toBe(false);
});
test("the command in the header builds the library", async () => {
  const root = emptyFolder(), made = writeSample(root, "digits");
  const command = /^ \* {3}(c\+\+ .*)$/m.exec(made.files.get("digits.h") as string)![1]!;
  await sh(made.folder, "sh", "-c", command);
  write(made.folder, [["main.c", simpleProgram("digits")]]);
  await sh(made.folder, "gcc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "main.c", "libdigits.a", "-lm", "-o", "main");
  expect(await sh(made.folder, "./main")).toBe(answer(3));
  expect(libraries(await sh(made.folder, "ldd", "main"))).toEqual(["libc.so.6", "libm.so.6"]);
});
