import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Failure } from "../../compiler/cli/exit.ts";
import { codeBytes, compileObjects, makeLibraries, must, run, toolchain } from "../../compiler/cli/native.ts";
import { writeFiles } from "../../compiler/cli/output.ts";

let root: string, objects: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "mlc-test-"));
  mkdirSync((objects = join(root, "objects")));
  writeFiles(
    root,
    new Map([
      [
        "one.cpp",
        '#ifndef FLAG\n#error FLAG is not defined\n#endif\nextern "C" __attribute__((visibility("default"))) int one(void) { return 1; }\nint hidden(void) { return 2; }\n',
      ],
      ["two.c", "int two(void) { return 2; }\n"],
      ["bad.cpp", "int broken(\n"],
      ["worse.cpp", "float neither;;{\n"],
      ["main.c", "int one(void);\nint main(void) { return one() - 1; }\n"],
    ]),
  );
});
afterAll(() => rmSync(root, { recursive: true }));
const build = (...sources: string[]) => ({ sources, objects: [], compileFlags: ["-std=c++17", "-fvisibility=hidden", "-DFLAG"], linkFlags: ["-lm"] });
const failure = (f: Promise<unknown>): Promise<Failure> =>
  f.then(
    () => {
      throw new Error("it did not fail");
    },
    (e) => e,
  );

test("static and shared libraries that a program links with", async () => {
  const t = toolchain(process.env);
  expect(await makeLibraries(t, "sample", root, build("one.cpp", "two.c"), ["static", "shared"], objects, () => {})).toEqual([
    "libsample.a",
    "libsample.so",
  ]);
  for (const library of ["libsample.a", "libsample.so"]) {
    await must([...t.cc, "-o", "main", "main.c", library, `-Wl,-rpath,${root}`], "linking", { cwd: root });
    expect((await run([join(root, "main")])).code).toBe(0);
  }
  const symbols = await must(["nm", "-D", "--defined-only", join(root, "libsample.so")], "nm");
  expect([symbols.includes(" one"), symbols.includes("hidden")]).toEqual([true, false]);
});
test("the same sources give the same archive", async () => {
  const make = async () => (
    await makeLibraries(toolchain(process.env), "same", root, build("one.cpp"), ["static"], objects, () => {}), readFileSync(join(root, "libsame.a"))
  );
  expect(await make()).toEqual(await make());
});
test("$CXXFLAGS come after -O2, and progress tells every file", async () => {
  const t = toolchain({ ...process.env, CXXFLAGS: "-O0  -g" }),
    steps: string[] = [];
  expect(t.cxxflags).toEqual(["-O2", "-O0", "-g"]);
  const made = await compileObjects(t, root, build("one.cpp", "two.c"), objects, (n, total, what) => steps.push(`${n}/${total} ${what}`));
  expect(steps.at(-1)).toMatch(/^2\/2 /);
  expect(await codeBytes(t, made)).toBeGreaterThan(4);
});
test("every file that fails is reported with the compiler's own words", async () => {
  const e = await failure(compileObjects(toolchain(process.env), root, build("bad.cpp", "one.cpp", "worse.cpp"), objects));
  expect(e.message).toBe("2 files do not compile");
  expect(e.detail).toMatch(/bad\.cpp:\d+:\d+: .*error/);
  expect(e.detail).toMatch(/worse\.cpp:\d+:\d+: .*error/);
});
test("a compiler's long speech is cut", async () => {
  const e = await failure(must(["sh", "-c", "for i in $(seq 100); do echo line $i $(seq 200); done >&2; exit 1"], "talking"));
  const lines = e.detail!.split("\n");
  expect(lines.length).toBe(42);
  expect(lines.at(-1)).toBe("(60 more lines)");
  expect(Math.max(...lines.slice(1).map((l) => l.length))).toBeLessThan(250);
});
test("a compiler that is not there is named, with what helps", async () => {
  expect((await failure(Promise.resolve().then(() => toolchain({ PATH: root })))).diagnostics[0]).toMatchObject({
    message: expect.stringContaining("no C compiler"),
    hint: expect.stringContaining("CC="),
  });
  const t = toolchain({ ...process.env, CXX: "no-such-compiler -x" });
  expect((await failure(compileObjects(t, root, build("one.cpp", "one.cpp"), objects))).message).toBe(
    "cannot start no-such-compiler: no such program",
  );
});
test("a program that is ended by a signal is a failure", async () => {
  const r = await run(["sh", "-c", "kill -SEGV $$"]);
  expect(r.code).toBe(1);
  expect(r.stderr).toContain("SIGSEGV");
});
