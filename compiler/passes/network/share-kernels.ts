/**
 * Kernels that are equal up to numbers become one function that is given those numbers.
 * Needs: kernels as `lowerLoops` leaves them, the same buffers in all variants. Ensures: with a step's numbers in it, the shared kernel is the
 * step's own again. Numbers that would cost speed stay in the code: where a run of statements would need more addresses that only the caller
 * knows than a processor has registers for, kernels are one only if those are equal.
 */
import { parameter, type Expr, type Var } from "../../ir/scalar.ts";
import { int, isFixed, linear, plus, range, times } from "../../ir/linear.ts";
import { eachStmt, type Buffer, type Kernel } from "../../ir/kernel.ts";
import { renumber, type NumberKind } from "../../ir/numbers.ts";
import type { KernelVariants } from "../../ir/program.ts";

/** The kernels that are left, and for each that there was, which of them does its work, given which numbers behind its own parameters. */
export interface Sharing {
  readonly kernels: readonly KernelVariants[];
  readonly calls: readonly { readonly kernel: number; readonly params: readonly number[] }[];
}
/** Addresses of one run of statements that begin at places known to the caller only: more do not fit into registers. */
const mostPlaces = 16;
/** What a parameter costs in each call, and what a function and each statement take in the code of a variant, in bytes. */
const paramBytes = 8, functionBytes = 80, statementBytes = 10;
/** Sharing less than this is not worth a call's parameters. */
const leastSaved = 1024;

/** A number that is a multiple of another and so much more or less hardly is that by chance. */
const mostRest = 64;

/** The numbers of a kernel in all its variants, and which of them stand in which list of statements. */
interface Print { readonly words: string; readonly numbers: readonly number[]; readonly places: readonly { readonly kind: NumberKind; readonly run: string }[]; readonly statements: number }
/** What kernel `index` is, in numbers. */
interface Member { readonly index: number; readonly kernel: KernelVariants; readonly print: Print }

/** The fewest kernels that do the work of all of them, within the limits above; in the order of the first that each stands for. */
export function shareKernels(all: readonly KernelVariants[]): Sharing {
  const groups = new Map<string, Member[]>();
  all.forEach((kernel, index) => {
    const print = printOf(kernel), key = print ? print.words : `${index}`;
    groups.set(key, [...(groups.get(key) ?? []), { index, kernel, print: print ?? { words: "", numbers: [], places: [], statements: 0 } }]);
  });
  const made = [...groups.values()].flatMap((g) => unite(g)).sort((a, b) => a.members[0]!.index - b.members[0]!.index);
  const calls: Sharing["calls"][number][] = [];
  made.forEach(({ members, values }, kernel) => members.forEach((m, i) => { calls[m.index] = { kernel, params: values.map((v) => v[i]!) }; }));
  return { kernels: made.map((x) => x.kernel), calls };
}
/** `values`: for each parameter, what each member gives it. */
interface United { readonly kernel: KernelVariants; readonly members: readonly Member[]; readonly values: readonly (readonly number[])[] }
const alone = (m: Member): United => ({ kernel: m.kernel, members: [m], values: [] });

function unite(members: readonly Member[]): readonly United[] {
  if (members.length === 1) return [alone(members[0]!)];
  const [first] = members as [Member], { places } = first.print, columns = places.map((_, i) => members.map((m) => m.print.numbers[i]!));
  const { values, forms } = express(columns, namesIn(first.kernel)), crowded = new Set<string>();
  const kernel = rebuilt(first.kernel, forms, crowded);
  // Where a run is crowded, its offsets have to be equal.
  const held = places.flatMap(({ kind, run }, i) => (kind === "offset" && crowded.has(run) && !isSteady(columns[i]!) ? [i] : []));
  if (held.length) {
    const parts = new Map<string, Member[]>();
    for (const m of members) { const key = held.map((i) => m.print.numbers[i]).join(); parts.set(key, [...(parts.get(key) ?? []), m]); }
    return [...parts.values()].flatMap((p) => unite(p));
  }
  const saved = (members.length - 1) * (first.print.statements * statementBytes + Object.keys(kernel.variants).length * functionBytes) - members.length * values.length * paramBytes;
  if (saved < leastSaved || crowded.size) return members.map(alone);
  const params = values.map((v, i): Var => parameter(forms.names[i]!, [Math.min(...v), Math.max(...v)]));
  const sized = (b: Buffer, i: number): Buffer => ({ ...b, size: Math.max(...members.map((m) => Object.values(m.kernel.variants)[0]!.buffers[i]!.size)) });
  const variants = Object.fromEntries(Object.entries(kernel.variants).map(([name, k]): [string, Kernel] => [name, { ...k, buffers: k.buffers.map(sized), params: [...k.params ?? [], ...params] }]));
  return [{ kernel: { ...kernel, variants }, members, values }];
}
const isSteady = (column: readonly number[]): boolean => column.every((n) => n === column[0]);

/** Null where the kernel has indices of which nothing is known. */
function printOf(k: KernelVariants): Print | null {
  const words: string[] = [], numbers: number[] = [], places: { kind: NumberKind; run: string }[] = [];
  let statements = 0;
  for (const [name, kernel] of Object.entries(k.variants)) {
    words.push(name, ...kernel.buffers.map(({ size: _, ...b }) => JSON.stringify(b)), ...(kernel.params ?? []).map((p) => `${p.name} ${p.range}`));
    const body = renumber(kernel.body, {
      word: (text) => { words.push(text); },
      number: (n, kind, run) => { numbers.push(n); places.push({ kind, run: `${name} ${run}` }); return int(n); },
    });
    if (!body) return null;
    eachStmt(kernel.body, (s) => { if (s.kind === "set" || s.kind === "store" || s.kind === "let") statements++; });
  }
  return { words: words.join(" "), numbers, places, statements };
}
/** The kernel with `forms` in the place of its numbers; adds to `crowded` the runs with too many addresses. */
function rebuilt(k: KernelVariants, forms: Forms, crowded: Set<string>): KernelVariants {
  let next = 0;
  const variants = Object.entries(k.variants).map(([name, kernel]): [string, Kernel] => {
    const starts = new Map<number, Set<string>>();
    const body = renumber(kernel.body, {
      word: () => {},
      number: (n) => forms.of[next++] ?? int(n),
      address: (buffer, at, run) => {
        const fixed = [...linear(at).terms].filter(([atom]) => isFixed(atom)).map(([atom, by]) => `${by}*${atom.id}`);
        if (fixed.length) starts.set(run, (starts.get(run) ?? new Set()).add(`${buffer} ${fixed.sort().join("+")}`));
      },
    })!;
    for (const [run, found] of starts) if (found.size > mostPlaces) crowded.add(`${name} ${run}`);
    return [name, { ...kernel, body }];
  });
  return { ...k, variants: Object.fromEntries(variants) };
}

/** What stands in the place of each number, null for what all have in common, and the names of the parameters in it. */
interface Forms { readonly of: readonly (Expr | null)[]; readonly names: readonly string[] }
/**
 * As few parameters as multiples of each other, sums of two of them, and constants allow; the smaller ones come first. `columns`: for each
 * number, what it is in each member.
 */
function express(columns: readonly (readonly number[])[], taken: ReadonlySet<string>): { readonly values: readonly (readonly number[])[]; readonly forms: Forms } {
  const distinct = new Map<string, readonly number[]>(columns.filter((c) => !isSteady(c)).map((c) => [c.join(), c]));
  const size = (c: readonly number[]) => Math.max(...c.map(Math.abs));
  const basis: { readonly column: readonly number[]; readonly param: Expr }[] = [], forms = new Map<string, Expr>(), names: string[] = [];
  const multiple = (c: readonly number[]): Expr | null => {
    for (const { column, param } of basis) {
      const at = column.findIndex((n) => n !== column[0]), by = (c[at]! - c[0]!) / (column[at]! - column[0]!), rest = c[0]! - by * column[0]!;
      if (Number.isInteger(by) && by !== 0 && Math.abs(rest) <= mostRest && c.every((n, i) => n === by * column[i]! + rest)) return plus(times(param, by), int(rest));
    }
    return null;
  };
  const form = (c: readonly number[]): Expr | null => {
    const whole = multiple(c);
    if (whole) return whole;
    for (const { column, param } of basis) {
      const rest = c.map((n, i) => n - column[i]!);
      if (isSteady(rest)) return plus(param, int(rest[0]!));
      const more = multiple(rest), sum = more && plus(param, more);
      // Of two parameters that do not know of each other, no extent may come out negative.
      if (sum && range(sum)[0] >= Math.min(0, ...c)) return sum;
    }
    return null;
  };
  for (const [key, c] of [...distinct].sort(([, a], [, b]) => size(a) - size(b))) {
    let e = form(c);
    if (!e) {
      const name = `${taken.has(`n${names.length}`) ? "number" : "n"}${names.length}`;
      e = parameter(name, [Math.min(...c), Math.max(...c)]);
      names.push(name);
      basis.push({ column: c, param: e });
    }
    forms.set(key, e);
  }
  return { values: basis.map((b) => b.column), forms: { of: columns.map((c) => forms.get(c.join()) ?? null), names } };
}
function namesIn(k: KernelVariants): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { buffers, params = [], body } of Object.values(k.variants)) {
    for (const x of [...buffers, ...params]) found.add(x.name);
    eachStmt(body, (s) => { if ("name" in s) found.add(s.name); });
  }
  return found;
}
