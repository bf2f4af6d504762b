/**
 * npm run operators: writes docs/operators.md from the registry of operators and from how many of ONNX's cases pass, which it counts anew where the cases are
 * (scripts/fetch-onnx-data.sh). test/docs.test.ts checks that both are up to date.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ops } from "../compiler/ops/index.ts";
import type { Op } from "../compiler/ops/op.ts";
import { elementTypes } from "../compiler/ir/types.ts";

import { countCases, countedTargets, countsPath, readCounts, showCounts } from "../test/conformance/counts.ts";

const span = ([least, most]: readonly [number, number]): string => (least === most ? `${least}` : most === Infinity ? `${least} or more` : `${least} to ${most}`);
/** The text of docs/operators.md. */
export function operatorTable(): string {
  const counts = readCounts();
  const list = [...ops.values()].filter((o) => !o.internal).sort((a, b) => (a.name < b.name ? -1 : 1)), own = list.filter((o) => !o.name.includes("."));
  const names = [...elementTypes, "string"].join(", ");
  const passed = (op: string) => { const c = counts[op]; return c ? countedTargets.map((t) => (c[t] === c.cases ? `${c.cases}` : `${c[t]} of ${c.cases}`)).join(" | ") : countedTargets.map(() => "").join(" | "); };
  // Lists of sizes are the compiler's own.
  const attributesOf = (o: Op): string => Object.entries(o.attributes ?? {}).flatMap(([name, { kind }]) => (kind === "sizes" ? [] : [name])).join(", ");
  const rows = list.map((o) => `| ${o.name} | ${o.since} | ${span(o.inputs)} | ${span(o.outputs ?? [1, 1])} | ${attributesOf(o)} | ${passed(o.name)} |`);
  return [
    "# Operators", "",
    `mlc compiles ${own.length} operators of ONNX and ${list.length - own.length} of other domains. This table is made from the registry (\`npm run operators\`);`,
    "`mlc ops` prints it, `mlc ops --json` as data.", "",
    "*Opset*: the form that the compiler knows, with all its attributes. A model in an older form is brought to it on import. Element types are those",
    `the operator has in ONNX, among ${names}. Not supported forms are errors that say so before anything is compiled.`, "",
    "Shapes must follow from the model, the flags and constants, but for what each run finds: how much NonMaxSuppression, NonZero, Compress and Unique",
    "leave, and TopK's K. Elsewhere (Range ...) the values that decide must be constants, or the model must state the size.", "",
    "The last columns say in how many of ONNX's published cases the operator is, and how many of those pass on a target, where not all do",
    "(`npm run conformance`; why the others do not stands in `test/conformance`). Operators without cases are tested against recorded results.", "",
    `| operator | opset | inputs | outputs | attributes | ${countedTargets.join(" | ")} |`, `|---|---|---|---|---|${countedTargets.map(() => "---|").join("")}`, ...rows, "",
  ].join("\n");
}
const path = fileURLToPath(new URL("../docs/operators.md", import.meta.url));
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const counts = countCases(fileURLToPath(new URL("../.cache/onnx-data", import.meta.url)));
  if (counts) writeFileSync(countsPath, showCounts(counts));
  writeFileSync(path, operatorTable());
}
