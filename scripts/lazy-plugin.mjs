/**
 * An esbuild plugin for packages that are large and seldom needed: where a source says createRequire(import.meta.url)("name"),
 * the bundle loads "./name.cjs", which lies beside it. `names` gets the names.
 */
import { readFileSync } from "node:fs";

export const lazyPlugin = (names) => ({
  name: "lazy",
  setup(build) {
    build.onLoad({ filter: /[\\/]targets[\\/].*\.ts$/ }, ({ path }) => {
      const contents = readFileSync(path, "utf8").replace(/(createRequire\(import\.meta\.url\))\("([a-z][a-z-]*)"\)/g, (_, call, name) => {
        names.add(name);
        return `${call}("./${name}.cjs")`;
      });
      return { contents, loader: "ts" };
    });
  },
});
