/**
 * Makes dist/: mlc.mjs (the command), index.mjs and types/ (the package), esbuild.mjs and vite.mjs (plugins, which use index.mjs),
 * a file for each package that is loaded only when it is needed, LICENSES.txt (of what is bundled in).
 */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { lazyPlugin } from "./lazy-plugin.mjs";
import { templatesPlugin } from "./templates-plugin.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
process.chdir(root);
/* Made apart and put in place at the end: whoever runs the old one meanwhile still can, and a failure leaves it. */
const out = mkdtempSync(join(root, ".dist-"));
process.on("exit", () => rmSync(out, { recursive: true, force: true }));

/* CommonJS dependencies call require for Node's own modules. */
const require = 'import { createRequire as mlcRequire } from "node:module"; const require = mlcRequire(import.meta.url);';
const common = {
  bundle: true,
  platform: "node",
  target: "node20",
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: false,
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
};
const lazy = new Set();
/* Plugins use the package that lies beside them. */
const besidePlugin = { name: "beside", setup: (b) => b.onResolve({ filter: /\.\.\/index\.ts$/ }, () => ({ path: "./index.mjs", external: true })) };
const plugins = ["esbuild", "vite"];
const bundle = (from, to, banner, more = []) =>
  build({
    ...common,
    entryPoints: [from],
    outfile: to,
    format: "esm",
    define: { MLC_VERSION: JSON.stringify(version) },
    banner: { js: banner },
    plugins: [...more, templatesPlugin, lazyPlugin(lazy)],
  });
const made = await Promise.all([
  bundle("compiler/cli/bin.ts", join(out, "mlc.mjs"), `#!/usr/bin/env node\n${require}`),
  bundle("compiler/index.ts", join(out, "index.mjs"), require),
  ...plugins.map((p) => bundle(`compiler/plugin/${p}.ts`, join(out, `${p}.mjs`), "", [besidePlugin])),
]).catch(() => process.exit(1));
for (const name of lazy)
  made.push(
    await build({
      ...common,
      entryPoints: [createRequire(import.meta.url).resolve(name)],
      outfile: join(out, `${name}.cjs`),
      format: "cjs",
      minify: true,
    }),
  );
chmodSync(join(out, "mlc.mjs"), 0o755);

/* Declarations of the entry and all it names; `npm run check` is where types are checked. */
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const flags = "--noEmit false --emitDeclarationOnly --declaration --noCheck --rootDir . --target es2023 --lib es2023 --module nodenext";
const more = "--moduleResolution nodenext --strict --exactOptionalPropertyTypes --allowImportingTsExtensions --skipLibCheck --types node";
const entries = ["compiler/index.ts", ...plugins.map((p) => `compiler/plugin/${p}.ts`)];
execFileSync(process.execPath, [tsc, ...entries, ...flags.split(" "), ...more.split(" "), "--outDir", join(out, "types")], {
  stdio: "inherit",
});
copyFileSync("compiler/plugin/onnx.d.ts", join(out, "onnx.d.ts"));

const packages = new Set(
  made
    .flatMap((m) => Object.keys(m.metafile.inputs))
    .map((p) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(p)?.[1])
    .filter(Boolean),
);
/* ts-morph's own packages hold the TypeScript compiler in a file of theirs. */
if (packages.has("@ts-morph/common")) packages.add("typescript");
const licences = [...packages].sort().map((name) => {
  const folder = join("node_modules", name),
    about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = ["LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "license", "License"].map((f) => join(folder, f)).find((f) => existsSync(f));
  return `${name} ${about.version} (${about.license})\n\n${file ? readFileSync(file, "utf8").trim() : `See https://www.npmjs.com/package/${name}.`}\n`;
});
writeFileSync(join(out, "LICENSES.txt"), `mlc's files contain these packages.\n\n${licences.join(`\n${"-".repeat(80)}\n\n`)}`);

chmodSync(out, 0o755);
rmSync("dist", { recursive: true, force: true });
renameSync(out, "dist");
