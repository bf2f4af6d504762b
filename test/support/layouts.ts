/** Tensors in their layouts, element by element from the definition: what the compiler's own packing is compared with. */
import { variable } from "../../compiler/ir/scalar.ts";
import { address, physical, type Layout, type Source } from "../../compiler/ir/compute.ts";
import { evaluate } from "../../compiler/ir/interpret.ts";
import { isFloat, newArray, type DType, type ElementArray, type Num } from "../../compiler/ir/types.ts";

type Writable = { [i: number]: Num };

/** Every index of a shape, in row-major order. */
export function* indicesOf(shape: readonly number[]): Generator<readonly number[]> {
  const size = shape.reduce((a, b) => a * b, 1);
  for (let flat = 0; flat < size; flat++) {
    const index: number[] = [];
    for (let d = shape.length - 1, rest = flat; d >= 0; rest = Math.floor(rest / shape[d]!), d--) index[d] = rest % shape[d]!;
    yield index;
  }
}
/** Where an element lies: physical dimension by physical dimension. */
export function placeOf(shape: readonly number[], layout: Layout, index: readonly number[]): number {
  const { strides } = physical(shape, layout);
  return layout.parts.reduce((sum, { dim, quo, rem }, i) => {
    const at = index[dim]! + (layout.halo?.[dim]?.[0] ?? 0);
    return sum + (quo ? Math.floor(at / quo) : rem ? at % rem : at) * strides[i]!;
  }, 0);
}
/** Memory that nobody has written: NaN, or bits that are no likely result. */
export function poison(t: DType, size: number): ElementArray {
  const data = newArray(t, size);
  new Uint8Array(data.buffer).fill(isFloat(t) ? 0xff : 0xa5);
  return data;
}
/** Row-major elements as they lie in a layout; margins and gaps hold zeros. */
export function toLayout(t: DType, shape: readonly number[], layout: Layout, data: ElementArray): ElementArray {
  const out = newArray(t, physical(shape, layout).size);
  let i = 0;
  for (const index of indicesOf(shape)) (out as Writable)[placeOf(shape, layout, index)] = data[i++]!;
  return out;
}
/** The row-major elements of memory in a layout. */
export function fromLayout(t: DType, shape: readonly number[], layout: Layout, memory: ElementArray): ElementArray {
  const out = newArray(t, shape.reduce((a, b) => a * b, 1));
  let i = 0;
  for (const index of indicesOf(shape)) (out as Writable)[i++] = memory[placeOf(shape, layout, index)]!;
  return out;
}
/** The row-major elements of a constant made from another one, which has `shape` and lies row-major. */
export function fromSource(t: DType, source: Source, shape: readonly number[], data: ElementArray): ElementArray {
  const extents = source.axes.map((a) => a.range[1] + 1), out = newArray(t, extents.reduce((a, b) => a * b, 1));
  const at = address(shape, { parts: shape.map((_, dim) => ({ dim })) }, source.at);
  let i = 0;
  for (const index of indicesOf(extents)) {
    const vars = new Map(source.axes.map((a, d) => [variable("index", a.name).name, [index[d]!]]));
    (out as Writable)[i++] = data[Number(evaluate(at, vars, {})[0])]!;
  }
  return out;
}
