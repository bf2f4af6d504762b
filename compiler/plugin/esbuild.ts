/** esbuild: `import createNet from "./model.onnx"`. */
import { dirname } from "node:path";
import type { PartialMessage, Plugin } from "esbuild";
import { CompileError } from "../index.ts";
import type { Diagnostic } from "../diagnostics.ts";
import { messageOf, modelCompiler, type PluginOptions } from "./compile.ts";

const namespace = "mlc";
/** The parts of a package, and the names that they have in the bundle. */
const endings: Readonly<Record<string, string>> = { "mlc:index.js": ".js", "mlc:kernels": ".wgsl", "mlc:weights": ".bin" };
const messages = (list: readonly Diagnostic[], severity: Diagnostic["severity"], file: string): PartialMessage[] =>
  list.filter((d) => d.severity === severity).map((d) => ({ text: messageOf(d), location: { file } }));

/**
 * Compiles models that are imported for WebGPU. The weights become a file beside the output, whose URL is relative to
 * the bundle: the output format is esm, in the folder `outdir` itself unless `publicPath` is set. What is wrong with a model are errors of the build.
 */
export default function mlc(options?: PluginOptions): Plugin {
  const compiled = modelCompiler(options);
  return {
    name: "mlc",
    setup(build) {
      build.onLoad({ filter: /\.onnx$/, namespace: "file" }, async ({ path }) => {
        try {
          const { diagnostics } = await compiled(path);
          const contents = [
            `import { createNet as create } from "mlc:index.js";`, `import kernels from "mlc:kernels";`, `import weights from "mlc:weights";`,
            `export const createNet = (options) => create({ kernels, weights: new URL(weights, import.meta.url), ...options });`,
            `export { inputs, outputs } from "mlc:index.js";`, "export default createNet;",
          ].join("\n");
          return { contents, loader: "js", resolveDir: dirname(path), watchFiles: [path], warnings: messages(diagnostics, "warning", path) };
        } catch (e) {
          if (!(e instanceof CompileError)) throw e;
          return { errors: messages(e.diagnostics, "error", path), warnings: messages(e.diagnostics, "warning", path), watchFiles: [path] };
        }
      });
      build.onResolve({ filter: /^mlc:(index\.js|kernels|weights)$/ }, ({ path, importer }) =>
        ({ path: importer.replace(/\.onnx$/, endings[path]!), namespace, pluginData: { model: importer, part: path } }));
      build.onLoad({ filter: /.*/, namespace }, async ({ pluginData }) => {
        const { model, part } = pluginData as { readonly model: string; readonly part: string };
        const { files, weights, name } = await compiled(model);
        switch (part) {
          case "mlc:weights": return { contents: weights, loader: "file" };
          case "mlc:kernels": return { contents: files.get(`${name}.wgsl`)!, loader: "text" };
          default: return { contents: files.get("index.js")!, loader: "js" };
        }
      });
    },
  };
}
