/** An esbuild plugin: puts the templates themselves in the place of compiler/emit/templates.ts, which reads them from disk. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../runtime-templates", import.meta.url));

export const templatesPlugin = {
  name: "templates",
  setup(build) {
    build.onLoad({ filter: /[\\/]compiler[\\/]emit[\\/]templates\.ts$/ }, () => {
      const paths = readdirSync(root, { recursive: true })
        .map((p) => p.replaceAll("\\", "/"))
        .filter((p) => p.endsWith(".hbs"))
        .sort();
      const table = Object.fromEntries(paths.map((p) => [p.slice(0, -".hbs".length), readFileSync(join(root, p), "utf8")]));
      const contents = `const table = ${JSON.stringify(table)};\nexport const templateText = (path) => table[path];\n`;
      return { contents, loader: "js", watchFiles: paths.map((p) => join(root, p)) };
    });
  },
};
