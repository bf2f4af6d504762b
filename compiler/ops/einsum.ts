/** Einstein's notation: a product of operands, summed over the letters that the result does not have. */
import { mul } from "../ir/algebra.ts";
import { axis, type Axis } from "../ir/compute.ts";
import { int } from "../ir/linear.ts";
import { typeOf } from "./checks.ts";
import type { Dim } from "../ir/graph.ts";
import { boundDim, numbers, showDim, showShape } from "./helpers.ts";
import type { NodeView, Op } from "./op.ts";

/** Letters of each operand and of the result; the dimensions under an ellipsis have the names "0", "1", .. from its right end. */
interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly result: readonly string[];
  readonly sizes: ReadonlyMap<string, Dim>;
}

function parse(n: NodeView): Equation {
  const text = n.string("equation").replace(/\s/g, ""), [left = "", right] = text.split("->"), terms = left.split(",");
  if (!/^[A-Za-z.,]*(->[A-Za-z.]*)?$/.test(text)) n.fail(`equation "${text}" holds something other than letters, "...", "," and "->"`);
  if (terms.length !== n.inputs.length) n.fail(`equation "${text}" names ${terms.length} operands; the node has ${n.inputs.length}`);
  const operands = terms.map((term, i) => {
    const { shape } = n.type(i), letters = term.replace("...", "").length, covered = shape.length - letters;
    if (term.includes("...") ? covered < 0 : covered !== 0) {
      n.fail(`"${term}" of equation "${text}" does not name the dimensions of input ${i}, ${showShape(shape)}`);
    }
    return expand(term, covered);
  });
  const widest = Math.max(0, ...operands.map((o) => o.filter(isDots).length)), dots = expand("...", widest);
  const count = (letter: string) => operands.flat().filter((x) => x === letter).length;
  const once = [...new Set(operands.flat())].filter((x) => !isDots(x) && count(x) === 1).sort();
  const result = right === undefined ? [...dots, ...once] : expand(right, widest), sizes = new Map<string, Dim>();
  operands.forEach((letters, i) => letters.forEach((letter, d) => {
    const size = n.type(i).shape[d]!, known = sizes.get(letter) ?? 1;
    sizes.set(letter, known === 1 ? size : size === 1 ? known : n.same(known, size) ? (boundDim(size) < boundDim(known) ? size : known)
      : n.fail(`"${isDots(letter) ? "..." : letter}" of equation "${text}" has both ${showDim(known)} and ${showDim(size)} elements`));
  }));
  for (const letter of result) if (!sizes.has(letter)) n.fail(`the result of equation "${text}" has "${letter}", but no operand does`);
  if (new Set(result).size !== result.length) n.fail(`the result of equation "${text}" names one letter twice`);
  return { operands, result, sizes };
}
const isDots = (letter: string): boolean => /\d/.test(letter);
/** The letters of a term, with `covered` numbered dimensions in place of the ellipsis. */
function expand(term: string, covered: number): readonly string[] {
  const [before = "", after] = term.split("..."), dots = after === undefined ? [] : Array.from({ length: covered }, (_, d) => `${covered - 1 - d}`);
  return [...before, ...dots, ...(after ?? "")];
}

const einsum: Op = {
  name: "Einsum", since: 12, inputs: [1, Infinity], attributes: { equation: { kind: "string" } },
  accuracy: { relative: 1e-5, reason: "sums of float products are taken in another order" },
  infer: (n) => { const { result, sizes } = parse(n); return [{ dtype: typeOf(n, numbers), shape: result.map((x) => sizes.get(x)!) }]; },
  lower: (n) => {
    const { operands, result, sizes } = parse(n);
    const axes = new Map<string, Axis>([...sizes].map(([x, size]) => [x, axis(isDots(x) ? `e${x}` : x, boundDim(size))]));
    const value = operands.map((letters, i) => n.load(i, letters.map((x, d) => (n.type(i).shape[d] === 1 ? int(0) : axes.get(x)!)))).reduce(mul);
    const summed = [...sizes.keys()].filter((x) => !result.includes(x)).map((x) => axes.get(x)!);
    const reduce = summed.length ? { reduce: { op: "add", axes: summed } as const } : {};
    return n.compute([{ name: "einsum", axes: result.map((x) => axes.get(x)!), value, ...reduce }]);
  },
};
export const einsums: readonly Op[] = [einsum];
