import type { CompileResult } from "../../api.ts";
import { bytesOf, sizeOf, type TensorType, type ValueType } from "../../ir/graph.ts";
import { show } from "../../ir/scalar.ts";
import { compileModel } from "../model.ts";
import type { ModelFlags } from "../options.ts";
import { type Sink, type Terminal, formatBytes, table } from "../terminal.ts";

interface Flags extends ModelFlags {
  readonly json?: boolean;
}
const typeText = (t: ValueType): string => `${t.dtype}[${t.shape.map((d) => (typeof d === "number" ? d : show(d))).join(", ")}]`;

/** What `mlc inspect` knows of a compiled model; the shape of its `--json`. */
export function facts(r: CompileResult) {
  const { graph, program } = r,
    { arena } = program;
  const operators = new Map<string, number>();
  for (const n of graph.nodes) operators.set(n.op, (operators.get(n.op) ?? 0) + 1);
  // A node in an old form may have become several in the core set.
  const opsOf = new Map<string, Set<string>>();
  for (const n of graph.nodes) for (const o of n.origin) opsOf.set(o, (opsOf.get(o) ?? new Set()).add(n.op));
  const opOf = (origin: string): string | null => [...(opsOf.get(origin) ?? [])].join(", ") || null;
  const constants = [...graph.constants.values()];
  const port = (p: TensorType & { readonly name: string }) => ({ name: p.name, dtype: p.dtype, shape: p.shape, bytes: bytesOf(p) });
  return {
    name: r.name,
    hash: r.hash,
    inputs: program.inputs.map(port),
    outputs: program.outputs.map(port),
    operators: [...operators].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([op, count]) => ({ op, count })),
    nodes: graph.nodes.length,
    parameters: constants.reduce((sum, c) => sum + sizeOf(c.shape), 0),
    parameter_bytes: constants.reduce((sum, c) => sum + bytesOf(c), 0),
    weights_bytes: program.constants.length,
    prepared_bytes: program.setup?.memory.bytes ?? 0,
    macs: program.steps.reduce((sum, s) => sum + s.macs, 0),
    kernels: program.kernels.length,
    /** Each step with the model's nodes that it carries out: more than one is a fusion. */
    steps: program.steps.map((s) => ({
      kernel: program.kernels[s.kernel]!.name,
      macs: s.macs,
      results: s.results.map((x) => ({ value: x.value, dtype: x.dtype, shape: x.shape })),
      nodes: s.origin.map((name) => ({ name, op: opOf(name) })),
      choices: (s.choices ?? []).map((c) => ({ algorithm: c.algorithm, weights_bytes: c.weightBytes, ms: c.ms, chosen: c.chosen })),
    })),
    memory: { naive_bytes: arena.naive, lower_bound_bytes: arena.lowerBound, arena_bytes: arena.bytes },
    diagnostics: r.diagnostics,
  };
}

/** So many others are shown beside the chosen algorithm and the direct one. */
const shownChoices = 3;

/** What all names begin with, in whole parts that end in "/" or "."; empty for fewer than two names. */
function commonPrefix(names: readonly string[]): string {
  const [first = "", ...others] = names;
  let at = others.length ? first.length : 0;
  for (const name of others) while (!name.startsWith(first.slice(0, at))) at--;
  return /^.*[/.]/.exec(first.slice(0, at))?.[0] ?? "";
}
/** A terminal with less room. */
const narrower = (s: Sink, by: number): Sink => ({
  write: (text) => s.write(text),
  ...(s.isTTY && s.columns ? { isTTY: true, columns: s.columns - by } : {}),
});
/** `mlc inspect`: the model, its operators, its steps and its memory. */
export async function inspectCommand(t: Terminal, model: string, f: Flags): Promise<void> {
  const x = facts(await compileModel(model, f, t));
  if (f.json) {
    t.out.write(`${JSON.stringify(x, null, 2)}\n`);
    return;
  }
  const { bold } = t.colors,
    { memory: m } = x;
  const section = (title: string, body: string) => t.out.write(`${bold(title)}\n${body.replace(/^/gm, "  ")}\n\n`);
  const rows = (
    list: readonly (readonly (string | number)[])[],
    head: readonly string[],
    wrap: readonly string[] = [],
    cut: readonly string[] = [],
  ) => table(head, list, t.colors, narrower(t.out, 2), wrap, cut);
  const prefix = commonPrefix(x.steps.flatMap((s) => s.nodes.map((n) => n.name))),
    brief = (name: string) => name.slice(prefix.length);
  t.out.write(`${bold(x.name)}  sha256 ${x.hash}\n\n`);
  const ports = (list: typeof x.inputs) =>
    rows(
      list.map((p) => [p.name, typeText(p), formatBytes(p.bytes)]),
      ["name", "type", "size"],
    );
  section("Inputs", ports(x.inputs));
  section("Outputs", ports(x.outputs));
  section(
    "Operators",
    rows(
      x.operators.map((o) => [o.op, o.count]),
      ["operator", "count"],
    ),
  );
  section(
    "Parameters",
    `${x.parameters} in the model (${formatBytes(x.parameter_bytes)}), ${formatBytes(x.weights_bytes)} ${x.prepared_bytes ? `in the files, ${formatBytes(x.prepared_bytes)} made of them when the program starts` : "as the kernels read them"}`,
  );
  section(
    `Steps: ${x.nodes} nodes became ${x.steps.length} steps of ${x.kernels} kernels, ${x.macs} multiply-accumulates${prefix ? `; node names without ${prefix}` : ""}`,
    rows(
      x.steps.map((s, i) => [
        i,
        s.kernel,
        s.macs || "",
        s.results.map((r) => typeText(r)).join(" "),
        s.nodes.map((n) => (n.op ? `${brief(n.name)} (${n.op})` : brief(n.name))).join(" + "),
      ]),
      ["step", "kernel", "MACs", "result", "nodes"],
      [],
      ["nodes"],
    ),
  );
  const weighed = x.steps.flatMap((s, i) => (s.choices.length > 1 ? [{ i, s }] : [])),
    best = (list: (typeof x.steps)[number]["choices"]) => [...list].sort((a, b) => a.ms - b.ms).slice(0, shownChoices);
  if (weighed.length)
    section(
      "Algorithms: estimated time on a typical machine of the target, and bytes of weights",
      rows(
        weighed.map(({ i, s }) => {
          const [direct] = s.choices,
            chosen = s.choices.find((c) => c.chosen)!,
            text = (c: typeof chosen) => `${c.ms.toFixed(3)} ms ${formatBytes(c.weights_bytes)}`;
          return [
            i,
            s.kernel,
            `${chosen.algorithm} ${text(chosen)}`,
            text(direct!),
            best(s.choices.filter((c) => c !== chosen && c !== direct))
              .map((c) => `${c.algorithm} ${text(c)}`)
              .join(", "),
          ];
        }),
        ["step", "kernel", "chosen", "direct", "others"],
        [],
        ["others"],
      ),
    );
  section(
    "Memory",
    rows(
      [
        ["every value apart (naive sum)", formatBytes(m.naive_bytes)],
        ["alive at one step at most (lower bound)", formatBytes(m.lower_bound_bytes)],
        [
          "planned",
          `${formatBytes(m.arena_bytes)}${m.lower_bound_bytes ? ` (${(m.arena_bytes / m.lower_bound_bytes).toFixed(3)} of the lower bound)` : ""}`,
        ],
      ],
      ["working memory", "bytes"],
    ),
  );
}
