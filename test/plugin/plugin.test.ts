import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { build as viteBuild, createServer } from "vite";
import { afterAll, expect, test } from "vitest";
import esbuildPlugin from "../../compiler/plugin/esbuild.ts";
import vitePlugin from "../../compiler/plugin/vite.ts";
import { model, node, tensor } from "../support/onnx.ts";
import { because, skipped } from "../support/tools.ts";
import { openGpu, removeFolders, temporaryFolder } from "../support/webgpu-net.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const scale = (by: number, size = "4") => model({ inputs: { x: `f32[${size}]` }, outputs: ["y"], initializers: { w: tensor("f32", [4], [by, by, by, 2 * by]) }, nodes: ["y = Mul(x, w)"] });
const page = `
import createNet, { inputs } from "./scale.onnx";
import { createNet as createOther } from "./models/other.onnx";
export async function run(gpu) {
  const a = await createNet({ gpu }), b = await createOther({ device: a.device });
  const { y } = await a.run({ x: Float32Array.of(1, 2, 3, 4) }), z = await b.run({ x: y });
  a.dispose();
  return { names: inputs.map((p) => p.name), z: [...z.y] };
}`;
function project(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "models"));
  writeFileSync(join(folder, "scale.onnx"), scale(3));
  writeFileSync(join(folder, "models/other.onnx"), scale(-2, "N"));
  writeFileSync(join(folder, "page.js"), page);
  writeFileSync(join(folder, "index.html"), `<script type="module" src="./page.js"></script>`);
  return folder;
}
const options = (path: string) => (path.endsWith("other.onnx") ? { dims: { N: 4 }, types: true } : {});
afterAll(removeFolders);
/** The bundle runs in a process of its own, as Node does without any of this. */
function runBundle(file: string): Promise<unknown> {
  const code = `import { create, globals } from ${JSON.stringify(pathToFileURL(createRequire(import.meta.url).resolve("webgpu")).href)};
    Object.assign(globalThis, globals);
    const gpu = create([]), { run } = await import(${JSON.stringify(pathToFileURL(file).href)});
    console.log(JSON.stringify(await run(gpu)));
    process.exit(gpu ? 0 : 1);`;
  return new Promise((resolve, reject) => execFile(process.execPath, ["--input-type=module", "--eval", code], { cwd: root }, (e, out) => (e ? reject(e) : resolve(JSON.parse(out.trim().split("\n").at(-1)!)))));
}

test.skipIf(skipped("dawn"))(`esbuild bundles programs that import models${because("dawn")}`, async () => {
  await openGpu();
  const folder = project(), outdir = join(folder, "out");
  const { warnings } = await build({ entryPoints: [join(folder, "page.js")], outdir, bundle: true, format: "esm", minify: true, plugins: [esbuildPlugin(options)], logLevel: "silent" });
  expect(warnings).toEqual([]);
  expect(readdirSync(outdir).map((f) => f.replace(/-[A-Z0-9]{8}\./, "-HASH.")).sort()).toEqual(["other-HASH.bin", "page.js", "scale-HASH.bin"]);
  expect(await runBundle(join(outdir, "page.js"))).toEqual({ names: ["x"], z: [-6, -12, -18, -96] });
  expect(readFileSync(join(folder, "models/other.d.onnx.ts"), "utf8")).toContain("export default createNet;");
  expect(existsSync(join(folder, "scale.d.onnx.ts"))).toBe(false);
});
test("what is wrong with a model are errors of the build, at the import", async () => {
  const folder = project();
  const bundle = () => build({ entryPoints: [join(folder, "page.js")], outdir: join(folder, "out"), bundle: true, format: "esm", plugins: [esbuildPlugin()], logLevel: "silent" });
  writeFileSync(join(folder, "models/other.onnx"), model({ inputs: { x: "f32[4]" }, outputs: ["y"], nodes: [node("t = Nonsense(x)", {}, "first"), node("y = Rubbish(t)")] }));
  const failed = (await bundle().then(() => null, (e: unknown) => e)) as { errors: { text: string; location: { file: string } }[] };
  expect(failed.errors.map((e) => /Nonsense \(first\)|Rubbish/.exec(e.text)?.[0])).toEqual(["Nonsense (first)", "Rubbish"]);
  for (const e of failed.errors) expect(e.location.file).toMatch(/models\/other\.onnx$/);
});
test.skipIf(skipped("dawn"))(`Vite builds them too${because("dawn")}`, async () => {
  await openGpu();
  const folder = project(), outDir = join(folder, "out");
  await viteBuild({
    root: folder, configFile: false, logLevel: "silent", base: "./", plugins: [vitePlugin(options)], cacheDir: join(folder, "cache"),
    build: { outDir, minify: false, assetsInlineLimit: 0, target: "esnext", lib: { entry: join(folder, "page.js"), formats: ["es"], fileName: "page" } },
  });
  const built = readdirSync(outDir, { recursive: true }).map(String).filter((f) => /\.m?js$/.test(f));
  expect(await runBundle(join(outDir, built[0]!))).toEqual({ names: ["x"], z: [-6, -12, -18, -96] });
});
test("Vite serves them", async () => {
  const folder = project();
  const server = await createServer({ root: folder, configFile: false, logLevel: "silent", plugins: [vitePlugin(options)], cacheDir: join(folder, "node_modules/.vite"), server: { port: 0, host: "127.0.0.1" } });
  try {
    await server.listen();
    const at = server.resolvedUrls!.local[0]!, text = async (path: string) => (await fetch(new URL(path, at))).text();
    const index = /from "(\/[^"]*\/index\.js)[^"]*"/.exec(await text("scale.onnx?import"))![1]!, module = await text(index);
    const [wgsl, weights] = ["scale\\.wgsl", "weights\\.bin"].map((name) => new URL(new RegExp(`new URL\\("([^"]*${name}[^"]*)"`).exec(module)![1]!, new URL(index, at)));
    expect(await (await fetch(wgsl!)).text()).toContain("//# kernel");
    expect((await (await fetch(weights!)).arrayBuffer()).byteLength).toBe(256);
  } finally {
    await server.close();
  }
});
