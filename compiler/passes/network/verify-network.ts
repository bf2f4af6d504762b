/** What must hold of a network after any pass; knows nothing of passes. */
import { extentOf, type Compute } from "../../ir/compute.ts";
import { verifyCompute } from "../../ir/verify.ts";
import { variables } from "../../ir/scalar.ts";
import { expressionsOfStage, isGiven, loadsOfCompute, readsOf, writesOf, type Network } from "../../ir/network.ts";

/** What is wrong: tensors without a home or of two shapes, reads before writes, sizes that are spoken of before a step has found them, axes that clash. */
export function verifyNetwork(n: Network): readonly string[] {
  const problems: string[] = [], written = new Set<string>([...n.tensors.values()].filter((t) => t.kind === "input" || t.kind === "constant").map((t) => t.name));
  const bad = (c: Compute, why: string) => problems.push(`${c.name} (${c.origin.join(", ") || "no node"}): ${why}`);
  const setup = new Set(n.setup), found = (n.symbols ?? []).flatMap(({ variable, from }) => ("tensor" in from ? [{ name: variable.name, by: from.tensor }] : []));
  for (const c of [...setup, ...n.computes]) {
    const broken = wrong(c);
    if (broken) problems.push(`${broken} (${c.origin.join(", ") || "no node"})`);
    const made = new Set(c.stages.map((s) => s.name));
    if (made.size !== c.stages.length) bad(c, "two stages have one name");
    for (const t of c.tensors) {
      const own = n.tensors.get(t.name);
      if (t.role === "table") continue;
      if (!own) { bad(c, `reads ${t.name}, which is no tensor`); continue; }
      if (own.shape.join() !== t.shape.join() || own.dtype !== t.dtype) bad(c, `takes ${t.name} for ${t.dtype}[${t.shape}]; it is ${own.dtype}[${own.shape}]`);
      if ((t.role === "weight") !== isGiven(own)) bad(c, `takes ${t.name} for a ${t.role}; it is a ${own.kind}`);
    }
    for (const l of loadsOfCompute(c)) {
      const t = c.tensors.find((x) => x.name === l.buffer), s = c.stages.find((x) => x.name === l.buffer);
      if (!t && !s) bad(c, `loads ${l.buffer}, which it does not list`);
      if (t && s) bad(c, `${l.buffer} is a tensor and a stage`);
      const rank = t?.shape.length ?? s?.axes.length;
      if (rank !== undefined && rank !== l.at.length) bad(c, `loads ${l.buffer} with ${l.at.length} indices; it has ${rank}`);
    }
    for (const r of readsOf(c)) if (n.tensors.has(r) && !written.has(memoryOf(n, r))) bad(c, `reads ${r} before anything writes it`);
    const early = found.filter((s) => !written.has(memoryOf(n, s.by)));
    if (early.length) {
      const spoken = new Set([...c.stages.flatMap(expressionsOfStage), ...c.outputs.flatMap((o) => (o.sizes ?? n.tensors.get(o.tensor)?.sizes ?? []).flatMap((e) => e ?? []))].flatMap((e) => [...variables(e)]));
      for (const s of early) if (spoken.has(s.name)) bad(c, `speaks of ${s.name} before anything has found it`);
    }
    for (const o of c.outputs) {
      const own = n.tensors.get(o.tensor);
      if (!made.has(o.stage)) bad(c, `output ${o.tensor} names no stage`);
      if (!own) bad(c, `writes ${o.tensor}, which is no tensor`);
      else if (setup.has(c) ? own.kind !== "prepared" : own.kind !== "temporary" && own.kind !== "output") bad(c, `writes ${o.tensor}, which is a ${own.kind}`);
      else if (own.shape.join() !== o.shape.join()) bad(c, `takes ${o.tensor} for [${o.shape}]; it is [${own.shape}]`);
      const s = c.stages.find((x) => x.name === o.stage);
      if (s && !o.index && s.axes.map(extentOf).join() !== o.shape.join()) bad(c, `${o.stage} has other extents than ${o.tensor}`);
    }
    for (const w of writesOf(c)) written.add(memoryOf(n, w));
  }
  for (const o of n.outputs) if (!written.has(o)) problems.push(`nothing writes the output ${o}`);
  return problems;
}
/** The tensor whose memory another one is. */
function memoryOf(n: Network, name: string): string {
  const of = n.tensors.get(name)?.aliasOf;
  return of === undefined ? name : memoryOf(n, of);
}
/** What is wrong with a Compute by itself; passes leave most of them alone, so each is looked at once. */
function wrong(c: Compute): string | null {
  let known = verified.get(c);
  if (known === undefined) {
    try { verifyCompute(c); known = null; } catch (e) { known = e instanceof Error ? e.message : String(e); }
    verified.set(c, known);
  }
  return known;
}
const verified = new WeakMap<Compute, string | null>();
