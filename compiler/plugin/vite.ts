/** Vite: `import createNet from "./model.onnx"`. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CompileError } from "../index.ts";
import { messageOf, modelCompiler, type PluginOptions } from "./compile.ts";

/** What is used of Vite's plugins. */
export interface VitePlugin {
  readonly name: string;
  readonly enforce: "pre";
  configResolved(config: { readonly cacheDir: string }): void;
  load(this: { addWatchFile(path: string): void; warn(text: string): void; error(text: string): never }, id: string): Promise<string | null>;
}

/** Compiles models that are imported for WebGPU, into Vite's cache; Vite then serves or emits kernels and weights as it does with other files. */
export default function mlc(options?: PluginOptions): VitePlugin {
  const compiled = modelCompiler(options);
  let cache = "";
  return {
    name: "mlc",
    enforce: "pre",
    configResolved(config) { cache = join(config.cacheDir, "mlc"); },
    async load(id) {
      if (!id.endsWith(".onnx") || id.startsWith("\0")) return null;
      this.addWatchFile(id);
      const made = await compiled(id).catch((e: unknown) => {
        if (!(e instanceof CompileError)) throw e;
        return this.error(e.diagnostics.map(messageOf).join("\n"));
      });
      for (const d of made.diagnostics) if (d.severity === "warning") this.warn(messageOf(d));
      const folder = join(cache, `${made.name}-${made.hash}`);
      if (!existsSync(folder)) {
        mkdirSync(cache, { recursive: true });
        const temporary = mkdtempSync(join(cache, "new-"));
        for (const [path, content] of [...made.files, ["weights.bin", made.weights] as const]) writeFileSync(join(temporary, path), content);
        try { renameSync(temporary, folder); } catch (e) { rmSync(temporary, { recursive: true }); if (!existsSync(folder)) throw e; }
      }
      return `export { createNet, createNet as default, inputs, outputs } from ${JSON.stringify(join(folder, "index.js"))};\n`;
    },
  };
}
