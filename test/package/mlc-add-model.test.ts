/** mlc_add_model in a CMake project with two models; the compiler is a bundled stand-in, which also tries the templates' plugin. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { beforeAll, expect, test } from "vitest";
import { templatesPlugin } from "../../scripts/templates-plugin.mjs";
import { answer, simpleProgram } from "./programs.ts";
import { emptyFolder, sh, write } from "./tools.ts";

const here = fileURLToPath(new URL(".", import.meta.url)), cmake = join(here, "../../cmake"), root = emptyFolder(), mlc = join(root, "bin/mlc.mjs");
beforeAll(async () => {
  await build({
    entryPoints: [join(here, "fake-mlc.ts")], outfile: mlc, bundle: true, platform: "node", format: "esm", plugins: [templatesPlugin], logLevel: "error",
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
});
const project = (how: string) => `cmake_minimum_required(VERSION 3.16)
project(user LANGUAGES C)
${how}
mlc_add_model(digits MODEL digits.model LIB static SHAPE "x=1,4,4" "m=4")
mlc_add_model(faces MODEL models/faces.model TARGET cpp LIB shared WEIGHTS object)
add_executable(user main.c)
target_link_libraries(user PRIVATE digits faces)
`;
test.each([
  ["include", "Ninja", `include(${cmake}/mlc.cmake)`],
  ["find_package", "Unix Makefiles", "find_package(mlc 0.1 REQUIRED)"],
])("by %s, with %s: builds, and again when a model or mlc changes", async (name, generator, how) => {
  const folder = write(join(root, name), [["main.c", simpleProgram("digits", "faces")], ["CMakeLists.txt", project(how)], ["digits.model", "3"]]);
  write(join(folder, "models"), [["faces.model", "8"]]);
  await sh(folder, "cmake", "-S", ".", "-B", "build", "-G", generator, `-Dmlc_DIR=${cmake}`, `-DMLC_COMMAND=${process.execPath};${mlc}`);
  await sh(folder, "cmake", "--build", "build", "-j2");
  expect(await sh(folder, "build/user")).toBe(answer(3) + answer(8));
  const idle = await sh(folder, "cmake", "--build", "build");
  expect(idle).not.toContain("Compiling the model");

  const later = async (path: string, text: string) => {
    await sh(folder, "sleep", "0.02");
    writeFileSync(path, text);
  };
  await later(join(folder, "digits.model"), "5");
  const log = await sh(folder, "cmake", "--build", "build");
  expect(log).toContain("Compiling the model digits");
  expect(log).not.toContain("Compiling the model faces");
  expect(await sh(folder, "build/user")).toBe(answer(5) + answer(8));
  await sh(folder, "touch", mlc);
  expect(await sh(folder, "cmake", "--build", "build")).toMatch(/Compiling the model (digits|faces).*Compiling the model (digits|faces)/s);
});
test("mistakes are named at configure time", async () => {
  for (const [call, message] of [["mlc_add_model(a LIB static)", "MODEL is missing"], ["mlc_add_model(a MODEL x LIB dynamic)", "not static or shared"], ["mlc_add_model(a MODEL x COLOUR red)", "unknown arguments"]] as const) {
    const folder = write(join(root, "wrong"), [["CMakeLists.txt", `cmake_minimum_required(VERSION 3.16)\nproject(a LANGUAGES C)\ninclude(${cmake}/mlc.cmake)\n${call}\n`]]);
    await expect(sh(folder, "cmake", "-S", ".", "-B", "build", `-DMLC_COMMAND=${process.execPath};${mlc}`)).rejects.toThrow(message);
  }
});
