import { ops } from "../../ops/index.ts";
import { targets } from "../../../targets/index.ts";
import { type Terminal, table } from "../terminal.ts";

interface Flags {
  readonly json?: boolean;
}
const span = ([least, most]: readonly [number, number]): string =>
  least === most ? `${least}` : most === Number.POSITIVE_INFINITY ? `${least}..` : `${least}..${most}`;

/** `mlc ops`: the registry of operators. */
export async function opsCommand(t: Terminal, f: Flags): Promise<void> {
  const list = [...ops.values()]
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
/** `mlc targets`: the registry of targets. */
export async function targetsCommand(t: Terminal, f: Flags): Promise<void> {
  const list = [...targets.values()].map((x) => ({ name: x.name, description: x.description, instruction_sets: Object.keys(x.instructionSets) }));
  if (f.json) t.out.write(`${JSON.stringify(list, null, 2)}\n`);
  else
    t.out.write(
      `${table(
        ["target", "makes", "instruction sets"],
        list.map((x) => [x.name, x.description, x.instruction_sets.join(", ")]),
        t.colors,
        t.out,
      )}\n`,
    );
}
