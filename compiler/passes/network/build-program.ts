/**
 * Network -> Program: schedules and lowers every Compute, lets equal ones share a kernel, packs constants, plans memory.
 * Needs: layouts, margins and aliases are final. Ensures: kernels that verify; steps in the network's order; every
 * argument has its place. Stands at the end: what follows is printing.
 */
import { fail, show, type Var } from "../../ir/scalar.ts";
import { axis, memoryType, physical, type Compute, type Tensor } from "../../ir/compute.ts";
import { macsOf } from "../../ir/contraction.ts";
import { argumentsOf, elementBytes, isTeamwork, renameKernel, type Buffer, type Kernel } from "../../ir/kernel.ts";
import { bytesOfTensor, writesOf, type NetTensor, type Network, type Run, type SymbolSource } from "../../ir/network.ts";
import { someSizes } from "../../ir/symbols.ts";
import type { Arena, KernelVariants, PerTurn, Place, Port, Program, ProgramSource, Result, Step } from "../../ir/program.ts";
import type { Schedule } from "../../ir/schedule.ts";
import { kindOf, trafficOf } from "../../ir/traffic.ts";
import { mapFlow, piecesOf, type Flow } from "../../ir/control.ts";
import { types } from "../../ir/types.ts";
import { instantiate } from "../../ir/numbers.ts";
import { verify } from "../../ir/verify.ts";
import { finished, lowerLoops } from "../../lower/lower.ts";
import { alone, inPhases, ownScratch, spansOf, undivided, type Spans } from "../../lower/phases.ts";
import { smallFloatsAsBits } from "../../lower/small-floats.ts";
import { canonicalise, keyOf, type Canonical } from "./canonical.ts";
import { renamed } from "./choose-layouts.ts";
import { valueOfTensor } from "./lower-graph.ts";
import { numberStrings } from "./number-strings.ts";
import { ConstantBlob } from "./pack-constants.ts";
import { Preparation } from "./prepare-weights.ts";
import { planMemory, verifyArena, type Block } from "./plan-memory.ts";
import { shareKernels } from "./share-kernels.ts";
import { isOwn, placeTensors, type Placement } from "./place-tensors.ts";
import { tuned, workKey, type Tuner } from "./tune-schedules.ts";
import type { Variant } from "../../emit/target.ts";

/** For which instruction sets, and who hears of each Compute that is lowered. */
export interface BuildOptions {
  readonly variants: readonly Variant[];
  /** Offsets of tensors in working memory and constants are multiples of it: a power of two from 64 up. */
  readonly alignment: number;
  /** Whether arguments may begin at any element, and kernels take numbers: then those that differ in numbers only are one. */
  readonly shares?: boolean;
  /** Then each step tells the key of its work. */
  readonly tuner?: Tuner;
  readonly progress?: (done: number, total: number, what: string) => void;
}
interface Scheduled { readonly kernel: number; readonly params: readonly Var[]; readonly tensors: readonly Tensor[]; readonly scratch: readonly Buffer[]; readonly buffers: readonly Buffer[]; readonly work?: string }

/** A Compute, scheduled; its tensors' own names by those of the kernel, and their boxes. */
interface Made extends Pick<Canonical, "names" | "boxes" | "sizes"> { readonly c: Compute; readonly s: Scheduled }

/** The program of a network. Throws where a kernel does not verify. */
export function buildProgram(network: Network, o: BuildOptions): Program {
  const n = numberStrings(network);
  const placement = placeTensors(n), kernels: KernelVariants[] = [], known = new Map<string, Scheduled>(), blob = new ConstantBlob(o.alignment), preparation = new Preparation(n);
  const align = (bytes: number) => Math.ceil(bytes / o.alignment) * o.alignment;
  const origins: Set<string>[] = [], tasks = Math.max(1, ...o.variants.map((v) => v.tasks?.most ?? 1));
  const madeOf = (c: Compute): Made => {
    const canonical = canonicalise(c, placement.sharing(c), o.shares === true), key = `${[...canonical.aliased].join()}|${keyOf(canonical.compute)}`;
    let s = known.get(key);
    if (!s) {
      s = scheduled(canonical, o.variants, kernels, o.tuner);
      origins[s.kernel] = new Set();
      known.set(key, s);
    }
    for (const x of c.origin) origins[s.kernel]!.add(x);
    return { c, s, names: canonical.names, boxes: canonical.boxes, sizes: canonical.sizes };
  };
  const sourceOf = (m: Made, weight: Tensor) => n.tensors.get(m.names.get(weight.source?.of ?? weight.name)!)!;
  const made = n.computes.map((c, i) => { o.progress?.(i, n.computes.length, "lowering"); return madeOf(c); });
  for (const m of made) for (const t of m.s.tensors) if (sourceOf(m, t).kind === "prepared") preparation.want(t, sourceOf(m, t).name);
  const setup = preparation.computes.map(madeOf);
  const parted: KernelVariants[] = [];
  for (const k of kernels) parted.push(divided(k, o.variants, tasks > 1 ? cachedFor(n, made, parted, placement) : () => new Map()));
  const { kernels: shared, calls } = o.shares ? shareKernels(parted) : { kernels: parted, calls: parted.map((_, kernel) => ({ kernel, params: [] })) };
  const done = shared.map((k, i) => completed(k, i, o.variants));
  parted.forEach((k, i) => checkCall(k, done[calls[i]!.kernel]!, calls[i]!.params));
  const perTask = (s: Scheduled, b: Buffer) => { const k = Object.values(done[calls[s.kernel]!.kernel]!.variants)[0]!; return isTeamwork(k) && !k.buffers[s.buffers.indexOf(b)]!.whole; };
  /** Memory for these blocks and the scratch of these steps, and the steps in it; `place`: where a tensor that is no weight lies. */
  const planned = (list: readonly Made[], home: "arena" | "prepared", tensors: readonly Omit<Block, "align">[], place: (arena: Arena, name: string) => Place, results: (c: Compute, arena: Arena) => readonly Result[]) => {
    const blocks: Block[] = tensors.map((b) => ({ ...b, align: o.alignment })), scratchAt = new Map<number, number>();
    list.forEach(({ s }, step) => {
      const bytes = s.scratch.reduce((sum, b) => sum + align(b.size * elementBytes(b)) * (perTask(s, b) ? tasks : 1), 0);
      if (bytes) { scratchAt.set(step, blocks.length); blocks.push({ name: `scratch of step ${step}`, bytes, firstStep: step, lastStep: step, align: o.alignment }); }
    });
    const arena = planMemory(blocks), overlaps = verifyArena(arena);
    if (overlaps.length) fail(`the plan of ${home === "arena" ? "working memory" : "prepared weights"} does not hold:\n${overlaps.join("\n")}`);
    const steps = list.map((m, step): Step => {
      const { c, s, names, boxes, sizes } = m;
      let offset = 0;
      const args = s.buffers.map((b): Place => {
        if (b.space === "scratch") {
          const at = (arena.blocks[scratchAt.get(step) ?? -1]?.offset ?? 0) + offset;
          const bytes = align(b.size * elementBytes(b)), each = perTask(s, b);
          offset += bytes * (each ? tasks : 1);
          return { in: home, offset: at, ...(each ? { perTask: bytes } : {}) };
        }
        const weight = s.tensors.find((t) => t.name === b.name && t.role === "weight");
        if (!weight) {
          const at = place(arena, names.get(b.name) ?? fail(`no tensor ${b.name}`)), skip = (boxes.get(b.name)?.skip ?? 0) * elementBytes(b);
          return skip ? { ...at, offset: at.offset + skip } : at;
        }
        const from = sourceOf(m, weight);
        if (from.kind === "prepared") return { in: "prepared", offset: ready.arena.blocks[preparation.want(weight, from.name)]!.offset };
        return { in: "constants", offset: blob.place(weight, { name: from.name, shape: from.shape, data: from.data! }) };
      });
      const { kernel, params: numbers } = calls[s.kernel]!, params = [...s.params.map((p) => sizes.get(p.name) ?? fail(`${p.name} has no value`)), ...numbers];
      return { kernel, args, ...(params.length ? { params } : {}), ...(numbers.length ? { sizes: s.buffers.map((b) => b.size) } : {}), origin: c.origin, macs: macsOf(c), kind: kindOf(c), traffic: trafficOf(c), ...(c.choices ? { choices: c.choices } : {}), ...(c.decision ? { decision: c.decision } : {}), ...(s.work ? { work: s.work } : {}), results: results(c, arena) };
    });
    return { arena, steps };
  };
  const lastWriter = new Map(n.computes.flatMap((c) => writesOf(c).map((name) => [name, c] as const)));
  // What a branch or a loop leaves behind has no value that a graph's order gives.
  const within = new Set((n.flow ?? []).flatMap((item) => (item.kind === "piece" ? [] : computesIn(n, [item])))), carried = new Set([...within].flatMap((c) => writesOf(c).map(placement.rootOf)));
  const resultsOf = (c: Compute, arena: Arena) => (within.has(c) ? [] : writesOf(c)).filter((name) => lastWriter.get(name) === c && !carried.has(placement.rootOf(name))).flatMap((name): Result[] => { const value = valueOfTensor(name); return value === null ? [] : [{ value, dtype: memoryType(n.tensors.get(name)!), shape: n.tensors.get(name)!.shape, ...someSizes(n.tensors.get(name)!.sizes), ...strided(n.tensors.get(name)!, placeOf(n, placement, arena, name)) }]; });
  const ready = planned(setup, "prepared", preparation.blocks(), (arena, name) => ({ in: "prepared", offset: arena.blocks[preparation.numberOf(name)]!.offset }), () => []);
  const { arena, steps } = planned(made, "arena", placement.blocks, (at, name) => placeOf(n, placement, at, name), resultsOf);
  const port = (tensor: string, name = valueOfTensor(tensor) ?? fail(`${tensor} is none of the model's`)): Port => {
    const { dtype, shape, declared, sizes } = n.tensors.get(tensor)!;
    return { name, ...(declared ? { ...declared, stored: dtype } : { shape, dtype }), ...(sizes ? { sizes } : {}), ...(sizes && placement.blockOf.has(placement.rootOf(tensor)) ? { at: placeOf(n, placement, arena, tensor) } : {}) };
  };
  return {
    name: n.name, inputs: n.inputs.map((t) => port(t)), outputs: n.outputs.map((t, i) => port(t, n.outputNames[i])), steps, arena, constants: blob.bytes(),
    ...(n.flow ? { flow: mapFlow(n.flow, (run) => run, (t) => ({ place: placeOf(n, placement, arena, t), dtype: n.tensors.get(t)!.dtype })) } : {}),
    ...(setup.length ? { setup: { steps: ready.steps, memory: ready.arena } } : {}),
    kernels: done.map((k, i) => ({ ...k, origin: calls.flatMap((call, raw) => (call.kernel === i ? [...origins[raw]!] : [])) })),
    ...(n.symbols?.length ? { symbols: n.symbols.map(({ variable, from }) => ({ variable, from: originOf(n, from, (name) => placeOf(n, placement, arena, name)) })) } : {}),
    ...(n.equalities?.length ? { equalities: n.equalities } : {}),
    dtypes: [...new Set(kernels.flatMap((k) => Object.values(k.variants).flatMap((v) => v.buffers.map((b) => b.dtype))))],
    ...(n.texts ? { texts: n.texts } : {}),
  };
}

/** Where the program finds a symbol's value. */
function originOf(n: Network, from: SymbolSource, place: (name: string) => Place): ProgramSource {
  if ("input" in from) return { input: n.inputs.indexOf(from.input), dim: from.dim };
  if ("flow" in from) return from;
  return { place: place(from.tensor), dtype: n.tensors.get(from.tensor)!.dtype, steps: n.computes.findLastIndex((c) => writesOf(c).includes(from.tensor)) + 1 };
}
const computesIn = (n: Network, flow: Flow<Run, string>): readonly Compute[] => piecesOf(flow).flatMap((run) => n.computes.slice(run.first, run.first + run.count));
/**
 * Over how many elements the tasks of other kernels went that made what the next kernel reads, where it is first called: part of it is in a task's cache.
 * `done` are the kernels before it, which hold those that are called before it is.
 */
function cachedFor(n: Network, made: readonly Made[], done: readonly KernelVariants[], placement: Placement): (variant: string) => Spans {
  const step = made.findIndex((m) => m.s.kernel === done.length), reader = made[step];
  return (variant) => new Map((reader?.c.tensors ?? []).flatMap(({ name }) => {
    const root = n.tensors.has(name) ? placement.rootOf(name) : null, maker = root === null ? undefined : made.slice(0, step).findLast((m) => writesOf(m.c).some((w) => placement.rootOf(w) === root)), kernel = maker && done[maker.s.kernel]?.variants[variant];
    if (!maker || !kernel) return [];
    const spans = spansOf(kernel), own = [...maker.names].find(([own, of]) => spans.has(own) && placement.rootOf(of) === root)?.[0];
    return own === undefined ? [] : [...reader!.names].filter(([, of]) => of === name).map(([mine]) => [mine, spans.get(own)!] as const);
  }));
}
/** Ready to print, under the name of its place. */
function completed({ name, variants, ...k }: KernelVariants, index: number, all: readonly Variant[]): KernelVariants {
  const final = name.replace(/\d+$/, `${index}`);
  return { ...k, name: final, variants: Object.fromEntries(all.map((v) => [v.name, { ...finished(variants[v.name]!, v.lacks), name: final }])) };
}
/** With these numbers, the kernel that others share must hold as one made for `own` would. */
function checkCall(own: KernelVariants, shared: KernelVariants, params: readonly number[]): void {
  for (const [variant, k] of Object.entries(shared.variants)) verify({ ...instantiate(k, params), buffers: own.variants[variant]!.buffers.map((b, i) => ({ ...b, ...(k.buffers[i]?.whole ? { whole: true as const } : {}) })) });
}

function scheduled({ compute: c, aliased, boxes }: Canonical, variants: readonly Variant[], kernels: KernelVariants[], tuner?: Tuner): Scheduled {
  const name = `${c.name.replace(/\W/g, "_")}_${kernels.length}`;
  const work = tuner && workKey(c);
  const weights = new Map<string, Tensor>(), all = variants.map((v) => {
    const { compute, schedule } = apart(tuner && work ? tuned(c, work, v, tuner) : v.schedule(c), v.name, weights), whole = smallFloatsAsBits(lowerLoops({ ...compute, name }, schedule));
    return { v, kernel: { ...whole, buffers: whole.buffers.map((b) => ({ ...b, size: boxes.get(b.name)?.size ?? b.size, ...(aliased.has(b.name) ? { aliased: aliased.get(b.name)! } : {}) })) } };
  });
  // One list of parameters serves all variants: working memory as large as the largest needs.
  const buffers: Buffer[] = [];
  for (const { kernel } of all) for (const b of argumentsOf(kernel)) {
    const i = buffers.findIndex((x) => x.name === b.name);
    if (i < 0) buffers.push(b); else if (buffers[i]!.size < b.size) buffers[i] = b;
  }
  const index = kernels.length, taken = new Set(buffers.map((b) => b.name));
  // What is memory of the caller's in one variant may be a variable or the group's own memory in another.
  const own = (k: Kernel): Kernel => {
    const given = new Set(argumentsOf(k).map((b) => b.name)), others = new Set([...taken].filter((x) => !given.has(x)));
    return others.size ? renameKernel(k, (x) => (others.has(x) ? `${x}_own` : x)) : k;
  };
  const params = [...new Map(all.flatMap(({ kernel }) => (kernel.params ?? []).map((p) => [p.name, p] as const))).values()];
  kernels.push({ name, origin: [], variants: Object.fromEntries(all.map(({ v, kernel: k }): [string, Kernel] => { const kernel = own(k); return [v.name, { ...kernel, buffers: [...buffers, ...kernel.buffers.filter((b) => b.space === "shared")], ...(params.length ? { params } : {}) }]; })) });
  return { kernel: index, params, tensors: [...weights.values()], scratch: buffers.filter((b) => b.space === "scratch"), buffers, ...(work ? { work } : {}) };
}
/**
 * The kernel for the tasks of each variant. Where several tasks run one of the variants, all of them take the same arguments; where scratch that
 * one of them has for all tasks is needed by another once for each, none is divided. `cached`: what its tasks find in their caches.
 */
function divided(k: KernelVariants, all: readonly Variant[], cached: (variant: string) => Spans): KernelVariants {
  const of = (kernelOf: (v: Variant) => Kernel): KernelVariants => ({ ...k, variants: Object.fromEntries(all.map((v) => [v.name, kernelOf(v)])) });
  const made = of((v) => inPhases(k.variants[v.name]!, v.tasks?.most ?? 1, v.tasks?.least, cached(v.name))), teams = Object.values(made.variants).filter(isTeamwork);
  if (!teams.length) return made;
  const whole = new Set(teams.flatMap((t) => t.buffers.filter((b) => b.whole).map((b) => b.name)));
  if (teams.some((t) => [...ownScratch(t)].some((name) => whole.has(name)))) return of((v) => undivided(k.variants[v.name]!));
  return of(({ name }) => {
    const kernel = made.variants[name]!, team = isTeamwork(kernel) ? kernel : alone(kernel);
    return { ...team, buffers: team.buffers.map((b): Buffer => (whole.has(b.name) ? { ...b, whole: true } : b)) };
  });
}

/**
 * Variants that pack a weight in the same way share it; a way of its own gets a name of its own. Adds to `weights` what
 * this variant reads, in its layout.
 */
function apart(made: { readonly compute: Compute; readonly schedule: Schedule }, variant: string, weights: Map<string, Tensor>): { compute: Compute; schedule: Schedule } {
  let { compute, schedule } = made;
  const packed = (t: Tensor): Tensor => ({ ...t, layout: (schedule.tensors ?? []).flatMap((d) => ("pack" in d && d.pack === t.name ? [d.layout] : []))[0] ?? t.layout });
  const key = (t: Tensor) => JSON.stringify([t.shape, t.layout, t.source?.of, t.source?.axes.map((a) => a.name), t.source?.at.map(show)]);
  for (const t of compute.tensors) {
    if (t.role !== "weight") continue;
    const known = weights.get(t.name), mine = packed(t);
    if (!known) { weights.set(t.name, mine); continue; }
    if (key(known) === key(mine)) continue;
    const name = `${t.name}_${variant}`;
    weights.set(name, { ...mine, name, ...(t.source ? {} : { source: { of: t.name, axes: t.shape.map((n, d) => axis(`d${d}`, n)), at: t.shape.map((n, d) => axis(`d${d}`, n)) } }) });
    compute = renamed(compute, t.name, name);
    schedule = renamedTensor(schedule, t.name, name);
  }
  return { compute, schedule };
}
/** The schedule with another name for a tensor, wherever a directive speaks of it. */
function renamedTensor(s: Schedule, from: string, to: string): Schedule {
  const keys = ["pack", "cache", "prefetch", "early", "stream"];
  const go = <D extends object>(d: D): D => Object.fromEntries(Object.entries(d).map(([k, v]) => [k, keys.includes(k) && v === from ? to : v])) as D;
  return { stages: Object.fromEntries(Object.entries(s.stages).map(([k, list]) => [k, list.map(go)])), ...(s.tensors ? { tensors: s.tensors.map(go) } : {}) };
}
function placeOf(n: Network, p: Placement, arena: Arena, name: string): Place {
  const root = p.rootOf(name), t = n.tensors.get(root)!, turns = turnsOf(n, name);
  const inArena = (): Place => ({ in: "arena", ...turns, offset: turns.offset + arena.blocks[p.blockOf.get(root) ?? fail(`${root} has no block`)]!.offset });
  if (isOwn(t)) return inArena();
  switch (t.kind) {
    case "input": return { in: "input", port: n.inputs.indexOf(root), ...turns };
    case "output": return { in: "output", port: n.outputs.indexOf(root), ...turns };
    case "temporary": return inArena();
    case "constant": case "prepared": return fail(`${name} is a ${t.kind} tensor: it has a place for each layout`);
    default: return t.kind satisfies never;
  }
}
/** Where in the memory of its root a tensor begins that is, or lies in, the element of another one that a turn has. */
function turnsOf(n: Network, name: string): { readonly offset: number; readonly turns?: readonly PerTurn[] } {
  const t = n.tensors.get(name)!;
  if (t.aliasOf === undefined) return { offset: 0 };
  const outer = turnsOf(n, t.aliasOf);
  if (!t.turn) return outer;
  const bytes = bytesOfTensor(t), last = (n.tensors.get(t.aliasOf)!.shape[0] ?? 1) - 1;
  return { offset: outer.offset + (t.turn.reverse ? last * bytes : 0), turns: [...(outer.turns ?? []), { loop: t.turn.loop, bytes: t.turn.reverse ? -bytes : bytes }] };
}
/** Element (0, 0, ..) and the steps of a tensor, if its layout has one step per dimension and elements of its own type. */
function strided(t: NetTensor, at: Place): { place: Place; strides: readonly number[] | null } {
  if (t.layout.memory !== t.memory || t.layout.parts.some((p) => p.quo || p.rem)) return { place: at, strides: null };
  const { strides } = physical(t.shape, t.layout), bytes = types[memoryType(t)].bytes;
  const perDim = t.shape.map((_, d) => strides[t.layout.parts.findIndex((p) => p.dim === d)]!);
  const before = perDim.reduce((sum, s, d) => sum + s * (t.layout.halo?.[d]?.[0] ?? 0), 0);
  return { place: { ...at, offset: at.offset + before * bytes }, strides: perDim };
}
