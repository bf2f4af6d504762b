/** The rules of docs/architecture.md about who may import whom, and that every export says what it is. */
import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Project, SourceFile } from "ts-morph";
import { beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
/** A part of the system -> the parts it may import beside itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  diagnostics: [],
  version: [],
  ir: [],
  lower: ["ir"],
  schedules: ["ir"],
  ops: ["ir", "lower"],
  // emit/target.ts says what a target is; emit/js.ts runs what is folded.
  emit: ["ir", "diagnostics"],
  evaluate: ["ir", "ops", "lower", "emit"],
  passes: ["ir", "ops", "evaluate", "lower", "schedules", "emit", "diagnostics"],
  import: ["ir", "ops", "lower", "diagnostics"],
  targets: ["ir", "lower", "schedules", "emit", "diagnostics"],
  api: ["ir", "emit", "import", "passes", "targets", "diagnostics", "version"],
  index: ["api", "diagnostics"],
  plugin: ["index", "diagnostics"],
  cli: ["api", "ir", "ops", "evaluate", "emit", "import", "passes", "targets", "diagnostics", "version"],
};
/** Packages that only one place may import, and packages that are Node's own stay free. */
const homes: Readonly<Record<string, readonly string[]>> = {
  "onnx-proto": ["compiler/import/onnx/"],
  protobufjs: ["compiler/import/onnx/"],
  handlebars: ["compiler/emit/shell.ts"],
  commander: ["compiler/cli/"],
  picocolors: ["compiler/cli/"],
  "cli-table3": ["compiler/cli/"],
  "cli-progress": ["compiler/cli/"],
  npyjs: ["compiler/cli/"],
  esbuild: ["compiler/plugin/"],
  "ts-morph": ["targets/webgpu/declarations.ts"],
};

let project: Project;
let files: readonly SourceFile[];
const pathOf = (f: SourceFile): string => relative(root, f.getFilePath()).split(sep).join("/");
const partOf = (path: string): string => (path.startsWith("targets/") ? "targets" : path.split("/")[1]!.replace(/\.ts$/, ""));
interface Import {
  readonly from: string;
  readonly to: string;
  readonly inside: boolean;
}
/** Every import of a file, types and dynamic ones included; inside the project as paths from its root. */
function importsOf(f: SourceFile): readonly Import[] {
  const from = pathOf(f);
  return f.getImportStringLiterals().map((l) => {
    const text = l.getLiteralValue();
    if (!text.startsWith(".")) return { from, to: text, inside: false };
    return {
      from,
      to: relative(root, resolve(dirname(join(root, from)), text))
        .split(sep)
        .join("/"),
      inside: true,
    };
  });
}
beforeAll(async () => {
  const { Project } = await import("ts-morph");
  project = new Project({ tsConfigFilePath: join(root, "tsconfig.json"), skipAddingFilesFromTsConfig: true });
  project.addSourceFilesAtPaths([join(root, "compiler/**/*.ts"), join(root, "targets/**/*.ts")]);
  files = project.getSourceFiles();
});

test("each part imports only what it may", () => {
  const wrong = files
    .flatMap(importsOf)
    .filter((i) => i.inside)
    .flatMap(({ from, to }) => {
      const a = partOf(from),
        b = partOf(to),
        parts = allowed[a];
      if (!parts) return [`${from}: the part "${a}" has no line in this test's table`];
      return a === b || parts.includes(b) ? [] : [`${from} imports ${to}: ${a} may import ${parts.join(", ") || "nothing"}`];
    });
  expect(wrong).toEqual([]);
});
test("packages stay in their places", () => {
  const wrong = files
    .flatMap(importsOf)
    .filter((i) => !i.inside && !i.to.startsWith("node:"))
    .flatMap(({ from, to }) => {
      const name = to
          .split("/")
          .slice(0, to.startsWith("@") ? 2 : 1)
          .join("/"),
        places = homes[name];
      if (!places) return [`${from} imports ${name}, which has no line in this test's table`];
      return places.some((p) => from.startsWith(p)) ? [] : [`${from} imports ${name}: only ${places.join(", ")} may`];
    });
  expect(wrong).toEqual([]);
});
test("no cycle of imports between parts", () => {
  const edges = new Map<string, Map<string, string>>();
  for (const { from, to, inside } of files.flatMap(importsOf)) {
    if (!inside || partOf(from) === partOf(to)) continue;
    const a = partOf(from),
      b = partOf(to);
    if (!edges.has(a)) edges.set(a, new Map());
    edges.get(a)!.set(b, `${from} -> ${to}`);
  }
  const cycles: string[] = [],
    done = new Set<string>();
  const visit = (f: string, path: readonly string[]): void => {
    const cycle = [...path.slice(path.indexOf(f)), f];
    if (path.includes(f))
      cycles.push(
        cycle
          .slice(1)
          .map((b, i) => edges.get(cycle[i]!)!.get(b))
          .join("; "),
      );
    if (path.includes(f) || done.has(f)) return;
    for (const next of edges.get(f)?.keys() ?? []) visit(next, [...path, f]);
    done.add(f);
  };
  for (const f of edges.keys()) visit(f, []);
  expect(cycles).toEqual([]);
});
/** Where a file exports one thing, its head comment may be that thing's. */
test("every export has a doc comment", async () => {
  const { Node } = await import("ts-morph");
  const silent = files
    .filter((f) => f.getBaseName() !== "index.ts")
    .flatMap((f) => {
      const own = [...f.getExportedDeclarations()].flatMap(([name, list]) => list.filter((d) => d.getSourceFile() === f).map((d) => ({ name, d })));
      if (new Set(own.map((x) => x.name)).size === 1 && f.getFullText().startsWith("/**")) return [];
      return own.flatMap(({ name, d }) => {
        const statement = Node.isVariableDeclaration(d) ? d.getVariableStatement() : d;
        return statement && Node.isJSDocable(statement) && statement.getJsDocs().length === 0 ? [`${pathOf(f)}: ${name}`] : [];
      });
    });
  expect(silent).toEqual([]);
});
test("only the command line reads the environment", () => {
  const wrong = files
    .filter((f) => !pathOf(f).startsWith("compiler/cli/") && /\bprocess\s*\.\s*(env|argv|stdout|stderr|exit)\b|\bconsole\./.test(f.getFullText()))
    .map(pathOf);
  expect(wrong).toEqual([]);
});
test("every folder of the compiler has its place in this test", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  expect(readme).toContain("docs/architecture.md");
  expect([...new Set(files.map((f) => partOf(pathOf(f))))].filter((p) => !(p in allowed))).toEqual([]);
});
