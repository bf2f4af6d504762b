/** Stands for mlc where only the way it is called matters: a "model" is a file with a number, the sample's seed. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { packageCpp } from "../../compiler/emit/package.ts";
import type { WeightForm } from "../../compiler/emit/weights.ts";
import { sampleInput } from "./sample.ts";

const text = { type: "string" } as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: text, name: { ...text, default: "model" }, weights: text, shape: { ...text, multiple: true }, output: { ...text, short: "o" },
    "print-files": { type: "boolean" },
  },
});
const [command, model] = positionals;
if (command !== "compile" || !model) throw new Error(`called with ${process.argv.slice(2).join(" ")}`);
const seed = values["print-files"] ? 0 : Number(readFileSync(model, "utf8"));
const made = packageCpp(sampleInput(values.name, { weights: (values.weights ?? "incbin") as WeightForm, objectFormat: "elf-x86_64" }, seed));
if (values["print-files"]) {
  console.log(made.all.join("\n"));
} else {
  mkdirSync(values.output!, { recursive: true });
  for (const [path, content] of made.files) writeFileSync(join(values.output!, path), content);
}
