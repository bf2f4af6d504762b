/** A package of JavaScript as a program: Node with Dawn, the npm package webgpu, which is no part of mlc. */
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { renderShell } from "../emit/shell.ts";
import { type Built, isOpen, type Maker } from "./built.ts";
import { Failure } from "./exit.ts";
import { traceRows } from "./results.ts";

/** The package's main file, seen from mlc's own folder, or else from the working folder. */
function webgpuPath(): string {
  for (const from of [import.meta.url, pathToFileURL(join(process.cwd(), "x")).href]) {
    try {
      return createRequire(from).resolve("webgpu");
    } catch {
      // The next place may have it.
    }
  }
  throw new Failure("the package webgpu is not installed, which runs WebGPU in Node", {
    hint: "npm install webgpu, in the working folder or beside mlc",
    code: "no-webgpu",
  });
}
const command = async (b: Built): Promise<readonly string[]> => [process.execPath, join(b.folder, "main.mjs"), webgpuPath()];
/** See `Maker`. */
export const moduleMaker: Maker = {
  tools: async () => process.version,
  make: async (folder, facts, files) => {
    const { name, steps } = facts;
    const results = traceRows(steps).map((row) => JSON.stringify(row));
    writeFileSync(join(folder, "main.mjs"), renderShell("node/main.mjs", { name, nameLength: name.length, results, sized: isOpen(facts) }));
    return [...files.values()].reduce((sum, content) => sum + (typeof content === "string" ? Buffer.byteLength(content) : 0), 0);
  },
  command,
  observer: command,
};
