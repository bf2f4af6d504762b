/** The package as a stranger gets it: packed, installed into an empty prefix, used from there. Needs `npm run build` before. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { model, node } from "../support/onnx.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
let folder: string, installed: string, mlc: string;
const run = (cwd: string, ...argv: string[]): string =>
  execFileSync(argv[0]!, argv.slice(1), { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
beforeAll(() => {
  if (!existsSync(join(root, "dist/mlc.mjs"))) throw new Error("dist/ is not there: npm run build makes it");
  folder = mkdtempSync(join(tmpdir(), "mlc-test-"));
  const tarball = run(root, "npm", "pack", "--ignore-scripts", "--silent", "--pack-destination", folder).trim().split("\n").at(-1)!;
  run(folder, "npm", "install", "--global", "--offline", "--silent", "--prefix", join(folder, "prefix"), join(folder, tarball));
  mlc = join(folder, "prefix/bin/mlc");
  installed = join(folder, "prefix/lib/node_modules/mlc");
  writeFileSync(
    join(folder, "add.onnx"),
    model({ opset: 13, inputs: { a: "f32[3]", b: "f32[3]" }, outputs: ["sum"], nodes: [node("sum = Add(a, b)")] }),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("holds the command, the package with its types, the CMake module and the licences, and needs no other package", () => {
  expect(readdirSync(installed).sort()).toEqual(["CHANGELOG.md", "LICENSE", "README.md", "cmake", "dist", "package.json"]);
  expect(readdirSync(join(installed, "dist")).sort()).toEqual([
    "LICENSES.txt",
    "esbuild.mjs",
    "index.mjs",
    "mlc.mjs",
    "onnx.d.ts",
    "ts-morph.cjs",
    "types",
    "vite.mjs",
  ]);
  expect(JSON.parse(readFileSync(join(installed, "package.json"), "utf8")).dependencies).toBeUndefined();
  for (const name of ["protobufjs", "onnx-proto", "handlebars", "commander", "ts-morph", "typescript"])
    expect(readFileSync(join(installed, "dist/LICENSES.txt"), "utf8")).toContain(`\n${name} `);
});
test("the command says its version", () => {
  expect(run(folder, mlc, "--version")).toMatch(/^\d+\.\d+\.\d+\n$/);
});
test("the command compiles from an empty folder", () => {
  run(folder, mlc, "compile", "add.onnx", "-o", "out", "--lib", "static");
  expect(readdirSync(join(folder, "out"))).toEqual(expect.arrayContaining(["add.h", "libadd.a"]));
});
test("a target without a native build compiles from there too", () => {
  run(folder, mlc, "compile", "add.onnx", "-o", "web", "--target", "webgpu");
  expect(readFileSync(join(folder, "web/index.d.ts"), "utf8")).toContain("createNet");
});
test("what runs WebGPU is no part of the package, and mlc says what to install", () => {
  try {
    run(folder, mlc, "verify", "add.onnx", "--target", "webgpu");
    expect.unreachable("there is no webgpu");
  } catch (e) {
    expect(String((e as { stderr: string }).stderr)).toMatch(/the package webgpu is not installed[\s\S]*npm install webgpu/);
  }
});
test("a pipe gets neither colours nor progress", () => {
  expect(run(folder, mlc, "inspect", "add.onnx")).not.toContain("\x1b");
});
test("exit codes reach the shell", () => {
  const code = (...argv: string[]): number => {
    try {
      run(folder, mlc, ...argv);
      return 0;
    } catch (e) {
      return (e as { status: number }).status;
    }
  };
  expect([code("ops"), code("inspect", "absent.onnx"), code("inspect")]).toEqual([0, 1, 2]);
});
test("a program imports compile, typed", () => {
  const user = join(folder, "user");
  mkdirSync(join(user, "node_modules"), { recursive: true });
  run(folder, "cp", "-r", installed, join(user, "node_modules/mlc"));
  writeFileSync(join(user, "package.json"), '{ "type": "module" }');
  writeFileSync(
    join(user, "use.ts"),
    `import { compile, CompileError, type CompileResult, type Diagnostic } from "mlc";
const r: CompileResult = await compile("../add.onnx", { target: "cpp", isa: ["sse"] });
const bytes: string | Uint8Array | undefined = r.files.get("add.h");
const steps: number = r.program.steps.length, inputs: readonly string[] = r.graph.inputs;
const found: readonly Diagnostic[] = await compile(new Uint8Array([1, 2, 3]), { target: "cpp" }).then(() => [], (e: unknown) => (e instanceof CompileError ? e.diagnostics : []));
console.log(JSON.stringify([typeof bytes, steps, inputs, found.length]));
// @ts-expect-error a target is a name
await compile("../add.onnx", { target: 1 }).catch(() => {});
`,
  );
  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  const types = join(root, "node_modules/@types");
  run(
    user,
    process.execPath,
    tsc,
    "use.ts",
    "--strict",
    "--target",
    "es2022",
    "--module",
    "nodenext",
    "--moduleResolution",
    "nodenext",
    "--typeRoots",
    types,
    "--types",
    "node",
  );
  expect(JSON.parse(run(user, process.execPath, "use.js"))).toEqual(["string", 1, ["a", "b"], 1]);
});
test("a bundler uses its plugins, typed", () => {
  const web = join(folder, "web-user");
  mkdirSync(join(web, "node_modules"), { recursive: true });
  run(folder, "cp", "-r", installed, join(web, "node_modules/mlc"));
  for (const name of ["esbuild", "@types"]) symlinkSync(join(root, "node_modules", name), join(web, "node_modules", name));
  run(folder, "cp", "add.onnx", web);
  writeFileSync(join(web, "package.json"), '{ "type": "module" }');
  writeFileSync(
    join(web, "page.ts"),
    `import createNet, { inputs } from "./add.onnx";\nexport const names: readonly string[] = inputs.map((p) => p.name);\nexport const net = createNet();\n`,
  );
  writeFileSync(
    join(web, "bundle.ts"),
    `import { build } from "esbuild";
import mlc from "mlc/esbuild";
import forVite, { type VitePlugin } from "mlc/vite";
const other: VitePlugin = forVite({ types: true });
await build({ entryPoints: ["page.ts"], bundle: true, format: "esm", outfile: "page.js", plugins: [mlc((path) => ({ name: path.endsWith("add.onnx") ? "sum" : "x" }))] });
console.log(other.name);
`,
  );
  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc"),
    flags = "--strict --target es2022 --module nodenext --moduleResolution nodenext --lib es2023,dom --types node,mlc/onnx --skipLibCheck";
  run(web, process.execPath, tsc, "bundle.ts", "page.ts", ...flags.split(" "), "--outDir", "built");
  expect(run(web, process.execPath, "built/bundle.js")).toBe("mlc\n");
  const bundle = readFileSync(join(web, "page.js"), "utf8");
  expect(bundle).toContain('var NAME = "sum"');
  expect(bundle).toContain("@compute");
});
