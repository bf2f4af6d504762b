import { flagName } from "../../api.ts";
import type { Setting, Stored, Target, TargetFacts } from "../../emit/target.ts";
import type { GridFacts } from "../../ir/grid.ts";
import type { DType } from "../../ir/types.ts";
import { ops } from "../../ops/index.ts";
import { settingsOf } from "../../emit/target.ts";
import { targets } from "../../../targets/index.ts";
import { type Terminal, formatBytes, table } from "../terminal.ts";

interface Flags {
  readonly json?: boolean;
}
const span = ([least, most]: readonly [number, number]): string =>
  least === most ? `${least}` : most === Number.POSITIVE_INFINITY ? `${least}..` : `${least}..${most}`;

/** `mlc ops`: the registry of operators. */
export async function opsCommand(t: Terminal, f: Flags): Promise<void> {
  const list = [...ops.values()]
    .filter((o) => !o.internal)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((o) => ({
      name: o.name,
      since: o.since,
      inputs: span(o.inputs),
      outputs: span(o.outputs ?? [1, 1]),
      attributes: Object.keys(o.attributes ?? {}),
      ...(o.accuracy ? { accuracy: o.accuracy } : {}),
    }));
  if (f.json) t.out.write(`${JSON.stringify(list, null, 2)}\n`);
  else
    t.out.write(
      `${table(
        ["operator", "opset", "inputs", "outputs", "attributes"],
        list.map((o) => [o.name, o.since, o.inputs, o.outputs, o.attributes.join(", ")]),
        t.colors,
        t.out,
        ["attributes"],
      )}\n\n${list.length} operators; a model in an older form is brought to the opset shown.\n`,
    );
}

const gridFacts: Readonly<Record<keyof GridFacts, (g: GridFacts) => string>> = {
  lanes: (g) => `${g.lanes} lanes in a group`,
  mostLanes: (g) => `at most ${g.mostLanes}`,
  mostGroups: (g) => `${g.mostGroups} groups in a dimension at most`,
  sharedBytes: (g) => `${formatBytes(g.sharedBytes)} shared by a group`,
  vector: (g) => (g.vector > 1 ? `vectors of ${g.vector} floats` : "no vectors"),
  accumulators: (g) => `${g.accumulators} results in a lane's registers`,
  busy: (g) => `${g.busy} lanes keep the device busy`,
};
/** What passes and schedules know of the machine, in words; total by the type, so that no fact stays unsaid. */
const factTexts: Readonly<Record<Exclude<keyof TargetFacts, "types">, (f: TargetFacts) => readonly string[]>> = {
  machines: (f) => f.machines.map((m) => `${m.macsPerSecond / 1e9} G multiply-accumulates/s, ${m.bytesPerSecond / 1e9} GB/s`),
  firstCache: (f) => (f.firstCache ? [`first cache of ${formatBytes(f.firstCache.bytes)}, ${f.firstCache.ways} ways`] : []),
  winograd: (f) => [f.winograd ? `Winograd's convolution in tiles up to ${f.winograd.largestTile} x ${f.winograd.largestTile}` : "no Winograd"],
  strassen: (f) => [f.strassen ? "Strassen's product" : "no Strassen"],
  panels: (f) =>
    f.panels
      ? [
          `products in tiles of ${f.panels.rows} x ${f.panels.columns}, second caches of ${f.panels.machines.map((m) => formatBytes(m.cacheBytes)).join(" and ")}`,
        ]
      : [],
  prepares: (f) => (f.prepares ? ["their weights made when the program starts"] : []),
  alignment: (f) => [`arguments at multiples of ${f.alignment} bytes`],
  shares: (f) => (f.shares ? ["one kernel for all that differ in numbers only"] : []),
  byteDots: (f) => (f.byteDots ? ["products of bytes four at a time"] : []),
  halves: (f) => (f.halves ? ["large tensors in half precision"] : []),
  largestConstant: (f) => (Number.isFinite(f.largestConstant) ? [`constants of ${formatBytes(f.largestConstant)} at most`] : []),
  grid: (f) => (f.grid ? Object.values(gridFacts).map((text) => text(f.grid!)) : []),
};
const kindText = (s: Setting): string => {
  switch (s.kind) {
    case "choice":
      return s.choices.join("|");
    case "count":
      return s.most === undefined ? `n >= ${s.least}` : `${s.least} to ${s.most}`;
    case "flag":
      return "";
    default:
      return s satisfies never;
  }
};
const storedText = ([type, s]: readonly [string, Stored]): string => ("as" in s ? `${type} as ${s.as}` : `no ${type} (${s.refused})`);

/** Facts for `--json`: keys as elsewhere there, and null for no limit. */
const plain = (x: unknown): unknown =>
  typeof x === "object" && x !== null
    ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), plain(v)]))
    : x === Number.POSITIVE_INFINITY
      ? null
      : x;
/** What `mlc targets` knows of a target; the shape of its `--json`. */
function aboutTarget(x: Target) {
  const { types, ...facts } = x.facts(settingsOf(x, {}));
  return {
    name: x.name,
    description: x.description,
    builds: x.builds,
    instruction_sets: Object.keys(x.instructionSets),
    weights: x.weights,
    facts: plain(facts),
    element_types: types,
    settings: Object.entries(x.settings).map(([name, s]) => ({ name, flag: flagName(name), ...s })),
  };
}
/** `mlc targets`: the registry of targets. */
export async function targetsCommand(t: Terminal, f: Flags): Promise<void> {
  const list = [...targets.values()];
  if (f.json) {
    t.out.write(`${JSON.stringify(list.map(aboutTarget), null, 2)}\n`);
    return;
  }
  const overview = list.map((x) => [x.name, x.description, Object.keys(x.instructionSets).join(", "), x.weights.join(", ")]);
  t.out.write(`${table(["target", "makes", "instruction sets", "weights"], overview, t.colors, t.out, ["makes"])}\n`);
  for (const x of list) {
    const facts = x.facts(settingsOf(x, {})),
      stored = Object.entries(facts.types) as [DType, Stored][];
    const settings = Object.entries(x.settings).map(([name, s]) => [
      flagName(name),
      kindText(s),
      s.kind === "flag" ? "" : String(s.default),
      s.description,
    ]);
    t.out.write(`\n${t.colors.bold(x.name)}\n`);
    t.out.write(
      `  made for   ${Object.values(factTexts)
        .flatMap((text) => text(facts))
        .join(", ")}\n`,
    );
    t.out.write(`  elements   ${stored.length ? stored.map(storedText).join(", ") : "each in its own type"}\n`);
    if (settings.length)
      t.out.write(`${table(["option", "value", "default", "what it does"], settings, t.colors, t.out, ["what it does"]).replace(/^/gm, "  ")}\n`);
  }
  t.out.write("\nThe first form of weights is the one without --weights.\n");
}
