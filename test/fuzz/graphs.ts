/** Random graphs from a seed, made of what real networks are made of, at odd sizes. */
import { isPlaceholder } from "../../compiler/ir/graph-text.ts";
import { constantOf, sizeOf, type Dim, type Graph } from "../../compiler/ir/graph.ts";
import { arrayOf, isFloat } from "../../compiler/ir/types.ts";
import { Unsupported } from "../../compiler/ops/op.ts";
import { Builder } from "../support/graph-builder.ts";
import { controlSteps } from "./control.ts";
import { Draw } from "./draw.ts";
import { imageSteps } from "./images.ts";
import { OpenBuilder, OpenShapes } from "./open.ts";
import { otherSteps } from "./others.ts";
import { Misfit, Scene, type Step } from "./scene.ts";
import { sizeSteps } from "./sizes.ts";
import { valueSteps } from "./values.ts";

function drawStep(draw: Draw, list: readonly (readonly [number, Step])[]): Step {
  let at = draw.unit() * list.reduce((sum, [w]) => sum + w, 0);
  for (const [w, step] of list) if ((at -= w) < 0) return step;
  return list[0]![1];
}
function firstShape(s: Scene): readonly number[] {
  const { draw } = s;
  const batch = draw.chance(0.75) ? 1 : draw.int(2, 3), side = () => draw.pick(draw.large ? [7, 14, 15, 28, 30, 40, 56, 57] : [1, 2, 3, 5, 6, 7,
    8, 9, 10, 11, 13, 14, 16, 17, 19, 23]), channels = draw.size(70);
  const shape = ((): readonly number[] => {
    switch (draw.int(0, 9)) {
      case 0: return [batch, channels, draw.int(1, 60)];
      case 1: return [batch, draw.int(1, 16), draw.int(1, 5), draw.int(1, 6), draw.int(1, 6)];
      case 2: case 3: return [batch, draw.size(33), draw.pick([1, 3, 4, 8, 12, 16, 17, 24, 32])];
      case 4: return [draw.int(1, 40), draw.size(70)];
      default: return [batch, channels, side(), side()];
    }
  })();
  return sizeOf(shape) > s.most.elements / 4 ? firstShape(s) : shape;
}

type Steps = readonly (readonly [number, Step])[];
type StepsFor = (rank: number) => Steps;
/** Takes so many steps behind what is there. */
function grow(s: Scene, count: number, list: StepsFor): void {
  const { draw } = s;
  for (let done = 0, tries = 0; done < count && tries < count * 6; tries++) {
    const x = draw.chance(0.75) ? s.floats.at(-1)! : draw.pick(s.floats), step = drawStep(draw, list(s.rank(x)));
    try {
      const made = step(s, x);
      s.floats.push(...(typeof made === "string" ? [made] : made));
      done++;
    } catch (e) {
      if (!(e instanceof Misfit) && !(e instanceof Unsupported)) throw e;
    }
  }
}
/** Takes so many steps at most behind what is there, and chooses outputs. */
function grown(s: Scene, steps: number, list: StepsFor): Graph {
  const { draw } = s;
  grow(s, draw.int(1, steps), list);
  const outputs = [s.floats.at(-1)!];
  while (draw.chance(0.3)) outputs.push(draw.pick(s.floats));
  if (s.others.length && draw.chance(0.5)) outputs.push(draw.pick(s.others));
  if (draw.chance(0.03)) outputs.push(s.op("Identity", [s.numbers([3, 2])]));
  const names = [...new Set(outputs)];
  // An input is an output by itself only where a node stands between: ONNX allows both, so both come.
  return s.finish(names.length > 1 && draw.chance(0.2) ? draw.shuffle(names) : names);
}
const usual = (draw: Draw): StepsFor => (rank) => (draw.chance(0.2) ? otherSteps : rank >= 3 && draw.chance(rank === 3 ? 0.3 : 0.6) ? imageSteps : valueSteps);
/** A graph of so many steps at most, each of one to some twenty nodes; `large`: at the sizes of real networks. */
export function randomGraph(seed: number, steps = 6, large = false): Graph {
  const draw = new Draw(seed, large), s = new Scene(draw, new Builder(seed));
  s.floats.push(s.input(firstShape(s)));
  if (draw.chance(0.2)) s.floats.push(s.input(draw.chance(0.5) ? s.shape(s.floats[0]!) : firstShape(s)));
  return grown(s, steps, usual(draw));
}
/** A graph with sizes that each run chooses. */
export function openGraph(seed: number, steps = 6): Graph {
  const draw = new Draw(seed), s = new Scene(draw, new OpenBuilder(seed, seed % 16 === 0)), shapes = new OpenShapes(draw);
  s.floats.push(s.input(shapes.next()));
  if (draw.chance(0.25)) s.floats.push(s.input(draw.chance(0.5) ? s.dims(s.floats[0]!) : shapes.next()));
  return grown(s, steps, open(draw));
}
const open = (draw: Draw): StepsFor => { const others = usual(draw); return (rank) => (draw.chance(0.4) ? sizeSteps : others(rank)); };
/** Every other step has sub-graphs, fewer of those in them; two may lie inside a third. */
function controlled(draw: Draw, others: StepsFor, depth = 0): StepsFor {
  if (depth === 3) return others;
  const inside = controlled(draw, others, depth + 1), steps = controlSteps((s, count) => { grow(s, count, inside); });
  return (rank) => (draw.chance(depth ? 0.25 : 0.7) ? steps : others(rank));
}
/** A graph with branches and loops; every other seed: with sizes that each run chooses. */
export function controlGraph(seed: number, steps = 4): Graph {
  const draw = new Draw(seed), s = new Scene(draw, new OpenBuilder(seed, seed % 16 === 0)), shapes = new OpenShapes(draw), isOpen = seed % 2 === 0;
  const shape = (): readonly Dim[] => (isOpen ? shapes.next() : firstShape(s));
  s.floats.push(s.input(shape()));
  if (draw.chance(0.3)) s.floats.push(s.input(draw.chance(0.5) ? s.dims(s.floats[0]!) : shape()));
  return grown(s, steps, controlled(draw, isOpen ? open(draw) : usual(draw)));
}

/** A parsed graph with random elements in the place of those that its text does not tell. */
export function filled(g: Graph, seed: number): Graph {
  const draw = new Draw(seed);
  const element = (dtype: Parameters<typeof isFloat>[0]) => (isFloat(dtype) ? draw.unit() - 0.5 : draw.int(0, 1));
  return { ...g, constants: new Map([...g.constants].map(([v, c]) => [v,
    isPlaceholder(c) ? constantOf(c.dtype, c.shape, arrayOf(c.dtype, Array.from({ length: c.data.length }, () => element(c.dtype)))) : c])) };
}
