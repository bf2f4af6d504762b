/** The documents say what is: links lead somewhere, and what is made from the source is made from this source. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { networkPasses } from "../compiler/passes/network/pipeline.ts";
import { graphPasses } from "../compiler/passes/graph/pipeline.ts";
import { countCases, readCounts } from "./conformance/counts.ts";
import { operatorTable } from "../scripts/make-operator-table.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const documents = ["README.md", "CHANGELOG.md", "examples/ocr/README.md", "examples/webgpu/README.md", ...readdirSync(join(root, "docs")).map((f) => `docs/${f}`)].filter((f) => f.endsWith(".md"));
const textOf = (path: string): string => readFileSync(join(root, path), "utf8");
const anchors = (path: string): readonly string[] =>
  [...textOf(path).matchAll(/^#+ (.*)$/gm)].map((m) => m[1]!.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-"));

test.each(documents)("links of %s lead somewhere", (path) => {
  const broken = [...textOf(path).matchAll(/\]\(([^)\s]+)\)/g)].map((m) => m[1]!).filter((l) => !/^https?:/.test(l)).filter((link) => {
    const [file, anchor] = link.split("#") as [string, string | undefined], target = file ? join(dirname(path), file) : path;
    return !existsSync(join(root, target)) || (anchor !== undefined && !anchors(target).includes(anchor));
  });
  expect(broken).toEqual([]);
});
test("docs/operators.md is up to date (npm run operators)", () => expect(textOf("docs/operators.md")).toBe(operatorTable()));
const counts = countCases(join(root, ".cache/onnx-data"));
test.skipIf(!counts)("what the table says of ONNX's cases is what the lists of exceptions say (npm run operators)", () => expect(readCounts()).toEqual(counts));
test("docs/architecture.md names every pass", () => {
  const text = textOf("docs/architecture.md"), names = [...graphPasses.flatMap((p) => ("repeat" in p ? p.repeat : [p])), ...networkPasses].map((p) => p.name);
  expect([...new Set(names)].filter((name) => !text.includes(name))).toEqual([]);
});
test("documents name files that exist", () => {
  const missing = documents.flatMap((path) => [...textOf(path).matchAll(/`((?:compiler|targets|test|scripts|examples|cmake|runtime-templates)\/[\w./-]*\w)\/?`/g)]
    .map((m) => m[1]!).filter((f) => !existsSync(join(root, f))).map((f) => `${path}: ${f}`));
  expect(missing).toEqual([]);
});
