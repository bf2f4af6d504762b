/**
 * How many of ONNX's cases pass, by operator and target: what docs/operators.md shows. The lists of exceptions say it, since the harness fails where a case on
 * them passes or another does not; results.json holds the counts for who has not got the cases (`npm run operators` writes it).
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { listCases, readModel } from "./cases.ts";
import { matches, parseExceptions } from "./exceptions.ts";
import { aboutCase } from "./group.ts";

/** The targets that the table has. */
export const countedTargets = ["cpp", "opencl", "webgpu"] as const;
/** By operator: how many cases have it, and how many of those pass on each target. */
export type Counts = Readonly<Record<string, Readonly<Record<"cases" | (typeof countedTargets)[number], number>>>>;

/** Where the counts are kept. */
export const countsPath = join(import.meta.dirname, "results.json");
/** The counts that are kept. */
export const readCounts = (): Counts => JSON.parse(readFileSync(countsPath, "utf8")) as Counts;
/** The counts as they are kept: an operator a line. */
export const showCounts = (counts: Counts): string => `{\n${Object.keys(counts).sort().map((op) => `"${op}": ${JSON.stringify(counts[op])}`).join(",\n")}\n}\n`;
/** The counts that the cases in a folder and the lists of exceptions give; undefined without the cases. */
export function countCases(data: string): Counts | undefined {
  if (!existsSync(join(data, "node"))) return undefined;
  const listOf = (name: string) => parseExceptions(readFileSync(join(import.meta.dirname, `${name}-exceptions.txt`), "utf8")), shared = listOf("all");
  const lists = countedTargets.map((t) => [t, existsSync(join(import.meta.dirname, `${t}-exceptions.txt`)) ? [...shared, ...listOf(t)] : shared] as const);
  const counts: Record<string, Record<"cases" | (typeof countedTargets)[number], number>> = {};
  for (const c of listCases(data)) {
    const { name, ops, types } = aboutCase(c, readModel(readFileSync(c.model))), traits = { name, ops: new Set(ops), types: new Set(types) };
    const passing = lists.filter(([, list]) => !list.some((e) => matches(e, traits))).map(([t]) => t);
    for (const op of ops) {
      const count = (counts[op] ??= { cases: 0, cpp: 0, opencl: 0, webgpu: 0 });
      count.cases++;
      for (const t of passing) count[t]++;
    }
  }
  return counts;
}
