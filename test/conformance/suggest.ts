/** A first list of exceptions from results: what to write down, by operator or type where all their cases are alike, else by name. */
import type { Result } from "./group.ts";

interface Candidate { readonly pattern: string; readonly reason: string; readonly cases: readonly Result[] }

/** Lines of a list that covers exactly the cases that did not pass; fewest lines first come first served. */
export function suggestExceptions(results: readonly Result[]): string {
  const bad = new Set(results.filter((r) => r.outcome !== "passed")), lines: string[] = [];
  const by = (keys: (r: Result) => readonly string[], prefix: string, reason: (key: string, cases: readonly Result[]) => string): readonly Candidate[] => {
    const found = new Map<string, Result[]>();
    for (const r of results) for (const k of keys(r)) found.set(k, [...(found.get(k) ?? []), r]);
    return [...found].filter(([, cases]) => cases.every((r) => bad.has(r))).map(([k, cases]) => ({ pattern: prefix + k, reason: reason(k, cases), cases }));
  };
  const common = (key: string, cases: readonly Result[]): string => {
    const about = cases.map((r) => r.reason.split("; ").find((x) => x.includes(key)) ?? r.reason), [first = ""] = about;
    return about.every((a) => a === first) ? first : `${key}: not supported yet`;
  };
  const named = new Set(results.flatMap((r) => r.ops).filter((op) => results.some((r) => r.reason.includes(`${op}: this operator is not supported`))));
  const candidates = [
    ...by((r) => r.types, "type:", (k) => `elements of type ${k} are not supported yet`),
    ...by((r) => r.ops.filter((op) => named.has(op)), "op:", (k) => `the operator ${k} has no entry yet`),
    ...by((r) => r.ops.filter((op) => !named.has(op)), "op:", common),
  ];
  const left = new Set(bad);
  const gain = (c: Candidate): number => c.cases.filter((r) => left.has(r)).length;
  for (;;) {
    const best = candidates.reduce<Candidate | undefined>((a, c) => (gain(c) > Math.max(1, a ? gain(a) : 1) ? c : a), undefined);
    if (!best) break;
    lines.push(`${best.pattern}  ${best.reason}`);
    for (const r of best.cases) left.delete(r);
  }
  const width = (line: string): string => line.replaceAll("\n", " ").slice(0, 200);
  return `${[...lines.sort(), "", ...[...left].map((r) => width(`${r.name}  ${r.reason}`)).sort()].join("\n")}\n`;
}
