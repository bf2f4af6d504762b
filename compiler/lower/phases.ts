/**
 * Divides a kernel's work among tasks. The kernel's outermost nests become phases, with a barrier between two of which one needs what the
 * other did; so do those inside a loop whose turns need each other (the steps of a recurrence), which all tasks go through together. In each nest some of the parallel loops are chosen whose iterations the tasks share, by the work of an iteration, how evenly
 * it divides, what each task would do or read again, and what it would have to read from memory.
 * Needs: a kernel that verifies. Ensures: the same results bit by bit for any division, since each iteration does what it did.
 */
import { variable, type Expr } from "../ir/scalar.ts";
import { int, plus, times } from "../ir/linear.ts";
import { loadsIn } from "../ir/algebra.ts";
import { eachStmt, elementBytes, expressionsOf, isForOne, someStmt, usesText, type Buffer, type Kernel, type Stmt } from "../ir/kernel.ts";
import { loopsBehind, touchedBy, turnsOf, workOf } from "./work.ts";

/** A phase of less work (in operations, some 0.1 ns each) is not worth waking others for; a piece of it not worth asking for. */
const leastWork = 30_000, leastPiece = 12_000;
/** Operations in the time that one byte takes from memory beyond a core's own caches. */
const perByte = 0.6;
/** The same where another core has written it: what a task reads beyond its own part of a tensor, tasks before it have made. */
const foreign = 1;
/** What is done again for each piece may be such a part of the piece's own work. */
const repeatable = 1 / 12;
/** Work is counted in units of which a phase has at most so many. */
const mostUnits = 2 ** 20;

/** A nest with shared loops. `each`: the most that is never divided; `again`: what every piece repeats; both and `work` in operations. */
interface Division { readonly loops: ReadonlySet<string>; readonly work: number; readonly each: number; readonly again: number }
/** For buffers that other kernels made, over how many elements the loop goes that their tasks shared: what tells rows from channels. */
export type Spans = ReadonlyMap<string, number>;

/** The kernel for up to `tasks` tasks, which find `made` in their caches as far as they made it; the same kernel where one task alone does best. */
export function inPhases(k: Kernel, tasks: number, least = leastWork, made: Spans = new Map()): Kernel {
  if (tasks < 2) return k;
  if (usesText(k) || !k.body.every((s) => isNest(k, s))) return undivided(k);
  const flowing = flowingScratch(k), buffers = k.buffers.map((b): Buffer => (flowing.has(b.name) ? { ...b, whole: true } : b));
  const own = new Set(buffers.filter((b) => b.space === "scratch" && !b.whole).map((b) => b.name));
  const body = inOrder({ kernel: k, own, tasks, least, made }, k.body);
  return body ? { ...k, buffers, body } : undivided(k);
}
interface Request { readonly kernel: Kernel; readonly own: ReadonlySet<string>; readonly tasks: number; readonly least: number; readonly made: Spans }

/** The statements as phases and loops over phases, with barriers between; null where nothing is divided. */
function inOrder(r: Request, body: readonly Stmt[]): readonly Stmt[] | null {
  const made: Stmt[] = [];
  for (const group of grouped(r.kernel, body, r.own)) {
    const next = repeated(r, group) ?? phase(r, group), last = made.at(-1);
    if (isAlone(next) && last && isAlone(last)) made.splice(-1, 1, { ...last, body: [...last.body, ...next.body] }); else made.push(next);
  }
  if (made.every(isAlone)) return null;
  return [...body.filter((s) => s.kind === "let"), ...made.flatMap((s, i): Stmt[] => (i ? [{ kind: "barrier" }, s] : [s]))];
}
/** A loop that all tasks go through together, turn by turn; null where its turns are no work for several. A barrier parts two turns, unless one task ends one and begins the next. */
function repeated(r: Request, [s, ...more]: readonly Stmt[]): Stmt | null {
  const body = s && !more.length && isRepetition(r.kernel, s) ? inOrder(r, s.body) : null;
  if (!body || s?.kind !== "for") return null;
  return { ...s, body: isAlone(body.find((x) => x.kind !== "let")!) && isAlone(body.at(-1)!) ? body : [...body, { kind: "barrier" }] };
}
/** Nests of which none needs what another does: divided, or for the first task. */
function phase(r: Request, group: readonly Stmt[]): Stmt {
  const { tasks, least } = r, first = forOne(plain(group)), lists = nestsOf(group), main = lists.reduce((a, b) => (workOf(b) > workOf(a) ? b : a)), chosen = divide(r, main);
  // Whoever makes a part of a tensor also clears the margins beside it.
  const made = new Map([...r.made, ...(chosen ? spansIn(main, chosen.loops) : [])]), nests = lists.map((body) => ({ body, division: body === main ? chosen : divide({ ...r, made }, body) }));
  if (nests.some((n) => !n.division)) return first;
  const all = nests.map((n) => n.division!), work = all.reduce((sum, d) => sum + d.work, 0), again = all.reduce((sum, d) => sum + d.again, 0);
  if (work < least || (again > work / 4 && least === leastWork)) return first;
  const length = Math.min(mostUnits, work), parts = nests.map(({ body, division }) => ({ ...laid(body, division!.loops, length), isMost: division!.work > work / 8 })), units = Math.max(...parts.map((x) => x.units));
  const grain = Math.max(Math.min(leastPiece, least) / work, again / repeatable / work, ...parts.filter((x) => x.isMost).map((x) => x.largest / units));
  return { kind: "phase", work: int(units), grain: int(Math.max(1, Math.min(Math.ceil(grain * units), Math.ceil(units / tasks)))), body: parts.flatMap((x) => x.body) };
}
/** For each buffer that a nest stores to, over how many elements the outermost loop goes of those that its tasks share. */
function spansIn(nest: readonly Stmt[], loops: ReadonlySet<string>): Spans {
  const behind = loopsBehind(nest), items = itemsOf(nest), outermost = [...loops].find((l) => items.get(l)! > 1);
  return new Map([...touchedBy(nest).writes].flatMap((b) => { const span = outermost && behind.get(b)!.get(outermost); return span ? [[b, span] as const] : []; }));
}
const forOne = (body: readonly Stmt[]): Stmt => ({ kind: "phase", work: int(1), grain: int(1), body });
const isAlone = (s: Stmt): s is Extract<Stmt, { kind: "phase" }> => s.kind === "phase" && isForOne(s);
/** What phases can be made of: loops, and names that all tasks find by themselves. */
const isNest = (k: Kernel, s: Stmt): boolean => s.kind === "for" || s.kind === "block" || isPlainLet(k, s);
/** A loop whose turns need each other, with loops inside that tasks may share, and which turns equally often for all tasks. */
const isRepetition = (k: Kernel, s: Stmt): s is Extract<Stmt, { kind: "for" }> =>
  s.kind === "for" && s.at === "serial" && !loadsIn([s.extent]).length && s.body.every((x) => isNest(k, x)) && someStmt(s.body, (x) => x.kind === "for" && x.at === "parallel");
/** The kernel for one task. */
export const undivided = (k: Kernel): Kernel => ({ ...k, body: plain(k.body) });
/** The kernel as one phase for the first task: beside variants of it that several run. */
export const alone = (k: Kernel): Kernel => ({ ...k, body: [forOne(plain(k.body))] });

/** The scratch that each task must have for itself, since several fill it: what the first task alone uses could as well be one for all. */
export function ownScratch(k: Kernel): ReadonlySet<string> {
  const filled = new Set<string>(), own = new Set(k.buffers.filter((b) => b.space === "scratch" && !b.whole).map((b) => b.name));
  eachStmt(k.body, (s) => { if (s.kind === "phase" && !isForOne(s)) for (const name of touchedBy(s.body).writes) if (own.has(name)) filled.add(name); });
  return filled;
}

/** A name for an index: all tasks can find it by themselves. */
const isPlainLet = (k: Kernel, s: Stmt): boolean => s.kind === "let" && !s.mutable && [...touchedBy([s]).reads].every((name) => k.buffers.some((b) => b.name === name && b.space === "in" && !b.aliased));
/** The outermost statements in runs of which none needs what another of the same run does. */
function grouped(k: Kernel, body: readonly Stmt[], own: ReadonlySet<string>): readonly (readonly Stmt[])[] {
  // What takes an operand's place element by element is made where nothing else reads the operand.
  const aliased = new Set(k.buffers.filter((b) => b.aliased === "anyhow").map((b) => b.name)), of = (names: ReadonlySet<string>) => new Set([...names].filter((n) => !own.has(n)).map((n) => (aliased.has(n) ? "" : n)));
  const groups: { list: Stmt[]; reads: Set<string>; writes: Set<string>; apart: boolean }[] = [];
  for (const s of body) {
    if (s.kind === "let") continue;
    const { reads, writes } = touchedBy([s]), r = of(reads), w = of(writes), last = groups.at(-1), apart = isRepetition(k, s);
    if (last && !last.apart && !apart && ![...r].some((n) => last.writes.has(n)) && ![...w].some((n) => last.reads.has(n))) {
      last.list.push(s);
      for (const n of r) last.reads.add(n);
      for (const n of w) last.writes.add(n);
    } else groups.push({ list: [s], reads: r, writes: w, apart });
  }
  return groups.map((g) => g.list);
}
/** Scratch that one nest or turn fills for another: one for all tasks. Where one nest alone uses it, and each of its blocks first fills it and then reads it, nothing is handed on. */
function flowingScratch(k: Kernel): ReadonlySet<string> {
  const nests = parts(k, k.body).map((nest) => nest.map((s) => ({ ...touchedBy([s]), filled: filledFirst([s]) }))), moving = repetitionsIn(k, k.body).map(movedBy);
  const flows = (name: string): boolean => {
    const users = nests.map((nest) => nest.filter(({ reads, writes }) => reads.has(name) || writes.has(name))).filter((u) => u.length);
    return users.length > 1 || users.flat().some(({ reads, filled }) => !reads.has(name) || !filled.has(name)) || moving.some((m) => m.has(name));
  };
  return new Set(k.buffers.filter((b) => b.space === "scratch" && flows(b.name)).map((b) => b.name));
}
/** The nests between which there can be a barrier. */
const parts = (k: Kernel, body: readonly Stmt[]): readonly (readonly Stmt[])[] => nestsOf(body).flatMap((nest) => (nest.every((s) => isRepetition(k, s)) ? nest.flatMap((s) => parts(k, s.body)) : [nest]));
const repetitionsIn = (k: Kernel, body: readonly Stmt[]): readonly Extract<Stmt, { kind: "for" }>[] => body.flatMap((s) => (isRepetition(k, s) ? [s, ...repetitionsIn(k, s.body)] : []));
/** The buffers of which each turn of a loop touches other elements. */
const movedBy = (s: Extract<Stmt, { kind: "for" }>): ReadonlySet<string> => new Set([...loopsBehind([s])].flatMap(([buffer, loops]) => (loops.has(s.name) ? [buffer] : [])));

/** The buffers that are stored to before anything is loaded from them. */
function filledFirst(body: readonly Stmt[]): ReadonlySet<string> {
  const filled = new Set<string>(), read = new Set<string>();
  eachStmt(body, (s) => {
    for (const l of loadsIn(expressionsOf(s))) if (!filled.has(l.buffer)) read.add(l.buffer);
    if (s.kind === "store" && !read.has(s.buffer)) filled.add(s.buffer);
  });
  return filled;
}

/** Statements that are blocks of one loop belong together. */
function nestsOf(group: readonly Stmt[]): readonly (readonly Stmt[])[] {
  const nests: Stmt[][] = [];
  for (const s of group) {
    const before = nests.at(-1)?.[0];
    if (s.kind === "for" && before?.kind === "for" && before.name === s.name) nests.at(-1)!.push(s); else nests.push([s]);
  }
  return nests;
}
/** The best choice of loops of a nest; null where some work is under no parallel loop. */
function divide({ kernel: k, own, tasks, made }: Request, nest: readonly Stmt[]): Division | null {
  const paths = chains(nest, own), behind = loopsBehind(nest), items = itemsOf(nest);
  let best: Division | null = null, least = Infinity;
  for (const path of paths) for (let i = 0; i < path.length; i++) for (let j = i; j < path.length; j++) {
    const names = path.slice(i, j + 1), loops = new Set(names), d = weigh(nest, loops, own, 1);
    if (!d || d.each === 0) continue;
    const outermost = names.find((n) => items.get(n)! > 1) ?? names[0]!, turns = items.get(outermost)!;
    let cost = 0;
    for (const t of new Set([2, tasks])) {
      const bytes = k.buffers.filter((b) => behind.has(b.name) && !own.has(b.name)).reduce((sum, b) => {
        const by = behind.get(b.name)!, part = by.has(outermost) ? 1 / t : [...loops].some((l) => by.has(l)) ? Math.min(1, turns / t) : 1;
        const from = made.get(b.name), along = by.get(outermost), local = from && along && !isLike(from, along) ? part / t : 1 / t;
        return sum + b.size * elementBytes(b) * (b.constant ? part * perByte : part / 10 * perByte + (part - local) * foreign);
      }, 0);
      cost += Math.min(d.work, Math.max(d.each, Math.ceil(Math.ceil(d.work / d.each) / t) * d.each)) + d.again + bytes;
    }
    if (cost < least * 0.999) {
      const repeats = k.buffers.filter((b) => b.constant && behind.has(b.name) && ![...loops].some((l) => behind.get(b.name)!.has(l))).reduce((sum, b) => sum + b.size * elementBytes(b), 0);
      least = cost;
      best = { ...d, loops, again: d.again + repeats * perByte };
    }
  }
  return best;
}
/** Whether two loops go over the same dimension of a tensor: over as many elements, but for margins and what does not divide evenly. */
const isLike = (a: number, b: number): boolean => Math.max(a, b) < 1.5 * Math.min(a, b);
/** For each buffer that the kernel's tasks make together, over how many elements the loop goes that they share: of the nest with the most work. */
export function spansOf(k: Kernel): Spans {
  const found = new Map<string, { readonly span: number; readonly work: number }>();
  eachStmt(k.body, (phase) => {
    if (phase.kind !== "phase") return;
    for (const nest of nestsOf(phase.body)) {
      const shared = new Set<string>(), work = workOf(nest);
      eachStmt(nest, (s) => { if (s.kind === "for" && s.share) shared.add(s.name); });
      for (const [b, span] of spansIn(nest, shared)) if (work > (found.get(b)?.work ?? 0)) found.set(b, { span, work });
    }
  });
  return new Map([...found].map(([b, { span }]) => [b, span]));
}
/**
 * The ways into the nest: parallel loops, outermost first, with nothing but parallel loops and blocks around them. What fills memory that each task has for itself
 * is no work to share: the whole of it is needed.
 */
function chains(body: readonly Stmt[], own: ReadonlySet<string>): readonly (readonly string[])[] {
  const found = new Map<string, readonly string[]>();
  const walk = (list: readonly Stmt[], around: readonly string[]): void => {
    const inner = list.filter((s) => (s.kind === "block" || (s.kind === "for" && s.at === "parallel")) && ![...touchedBy([s]).writes].every((n) => own.has(n)));
    if (!inner.length && around.length) found.set(around.join(), around);
    for (const s of inner) if ("body" in s) walk(s.body, s.kind === "for" ? [...around, s.name] : around);
  };
  walk(body, []);
  return [...found.values()];
}
/** How many iterations the loops of a name have together, in all blocks that follow each other. */
function itemsOf(body: readonly Stmt[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const walk = (list: readonly Stmt[]): void => {
    const here = new Map<string, number>();
    for (const s of list) {
      if (s.kind === "for") here.set(s.name, (here.get(s.name) ?? 0) + turnsOf(s));
      if (s.kind === "for" || s.kind === "block") walk(s.body);
    }
    for (const [n, count] of here) found.set(n, Math.max(found.get(n) ?? 0, count));
  };
  walk(body);
  return found;
}
const has = (body: readonly Stmt[], loops: ReadonlySet<string>): boolean => body.some((s) => (s.kind === "for" && loops.has(s.name) && s.at === "parallel") || ((s.kind === "for" || s.kind === "block") && has(s.body, loops)));
const isShared = (s: Stmt, loops: ReadonlySet<string>): boolean => s.kind === "for" && s.at === "parallel" && loops.has(s.name);

/** What it means to share these loops of statements that run `turns` times; null where a task would store what others store too. */
function weigh(body: readonly Stmt[], loops: ReadonlySet<string>, own: ReadonlySet<string>, turns: number): Omit<Division, "loops"> | null {
  let work = 0, each = 0, again = 0;
  for (const s of body) {
    if (s.kind === "for" && isShared(s, loops) && !has(s.body, loops)) {
      const one = turns * workOf(s.body);
      work += one * turnsOf(s);
      each = Math.max(each, one);
    } else if ((s.kind === "for" || s.kind === "block") && has(s.body, loops)) {
      if (s.kind === "for" && s.at !== "parallel") return null;
      const inner = weigh(s.body, loops, own, s.kind === "for" && !loops.has(s.name) ? turns * turnsOf(s) : turns), times = s.kind === "for" && loops.has(s.name) ? turnsOf(s) : 1;
      if (!inner) return null;
      work += (inner.work + (times > 1 ? inner.again : 0)) * times;
      each = Math.max(each, inner.each);
      again += inner.again;
    } else {
      if ([...touchedBy([s]).writes].some((n) => !own.has(n))) return null;
      again += turns * workOf([s]);
    }
  }
  return { work, each, again };
}
/** Statements with shares; how many units they are, and the most of them that are not divided. */
interface Laid { readonly body: readonly Stmt[]; readonly units: number; readonly largest: number }
/**
 * The statements with shares in some `length` units of work. Blocks of a shared loop follow each other. What is outside each other (nests, or one for some columns
 * and one for the rest) lies beside each other, each stretched to all of the line: so a task does the same part of each.
 */
function laid(body: readonly Stmt[], loops: ReadonlySet<string>, length: number): Laid {
  const own = body.filter((s) => isShared(s, loops)), blocks = cut(own, loops, int(0), Math.max(1, workOf(own)) / length), all = [blocks];
  const made = body.map((s): Stmt => {
    if (isShared(s, loops)) return blocks.body[own.indexOf(s)]!;
    if ((s.kind !== "for" && s.kind !== "block") || !has(s.body, loops)) return "body" in s ? serial(s, plain(s.body)) : s;
    const inner = laid(s.body, loops, length);
    all.push(inner);
    return serial(s, inner.body);
  });
  return { body: made, units: Math.max(...all.map((x) => x.units)), largest: Math.max(...all.map((x) => x.largest)) };
}
/** Shared loops and blocks of such, one behind the other from `before` on; a unit is so many operations. */
function cut(body: readonly Stmt[], loops: ReadonlySet<string>, before: Expr, unit: number): Laid {
  let units = 0, largest = 0;
  const made = body.map((s): Stmt => {
    const start = plus(before, int(units));
    if (s.kind === "for" && isShared(s, loops)) {
      const whole = has(s.body, loops), i = variable("index", s.name, 1, [0, turnsOf(s) - 1]), first = whole ? cut(s.body, loops, int(0), unit) : null;
      // Inside, the place in the work depends on this loop; how much one iteration is does not.
      const one = first?.units ?? Math.max(1, Math.round(workOf(s.body) / unit)), inner = whole ? cut(s.body, loops, plus(start, times(i, one)), unit).body : plain(s.body);
      largest = Math.max(largest, first?.largest ?? one);
      units += one * turnsOf(s);
      return { ...s, share: { before: start, each: int(one), whole }, body: inner };
    }
    if (s.kind === "block" && has(s.body, loops)) {
      const inner = cut(s.body, loops, start, unit);
      units += inner.units;
      largest = Math.max(largest, inner.largest);
      return serial(s, inner.body);
    }
    return "body" in s ? serial(s, plain(s.body)) : s;
  });
  return { body: made, units, largest };
}
/** A parallel loop that tasks do not share is a plain one, or none where it does not turn. */
function serial(s: Stmt, body: readonly Stmt[]): Stmt {
  if (s.kind !== "for") return { ...s, body } as Stmt;
  return s.at === "parallel" && s.extent === int(1) ? { kind: "block", body } : { ...s, at: s.at === "parallel" ? "serial" : s.at, body };
}
const plain = (body: readonly Stmt[]): readonly Stmt[] => body.map((s) => ("body" in s ? serial(s, plain(s.body)) : s));
