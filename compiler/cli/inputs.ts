/** Values for a model's inputs: from files, or random. */
import { type Constant, constantOf, sizeOf } from "../ir/graph.ts";
import { isSmallFloat } from "../ir/formats.ts";
import { type DType, limits, newArray, types } from "../ir/types.ts";
import { describePort, type Facts, type PortFacts } from "./built.ts";
import { Failure, UsageError } from "./exit.ts";
import { fromNpyType, npyType, readNpy } from "./npy.ts";
import { readLines, stringTensor } from "./strings.ts";

const numpyName: Readonly<Record<DType, string>> = {
  f32: "float32",
  f64: "float64",
  f16: "float16",
  i8: "int8",
  i16: "int16",
  i32: "int32",
  i64: "int64",
  u8: "uint8",
  u16: "uint16",
  u32: "uint32",
  u64: "uint64",
  bf16: "bfloat16",
  f8e4m3fn: "float8_e4m3fn",
  f8e4m3fnuz: "float8_e4m3fnuz",
  f8e5m2: "float8_e5m2",
  f8e5m2fnuz: "float8_e5m2fnuz",
  f8e8m0: "float8_e8m0fnu",
  f4e2m1: "float4_e2m1fn",
  i4: "int8",
  u4: "uint8",
  i2: "int8",
  u2: "uint8",
  bool: "bool",
  index: "int64",
  string: "str_",
  chars: "str_",
};
const isForeign = (t: DType): boolean => t !== "f16" && isSmallFloat(t);
/** How to make NumPy's array of a type that a file can hold. */
const howTo = (t: DType): string =>
  isForeign(t) ? `a.astype(ml_dtypes.${numpyName[t]}).view(numpy.${numpyName[npyType(t)]})` : `a.astype(numpy.${numpyName[t]})`;
/** Whether a port can have such a shape. */
const fits = (p: PortFacts, shape: readonly number[]): boolean =>
  p.shape.length === shape.length && p.shape.every((n, d) => shape[d]! <= n && shape[d]! >= (p.least?.[d] ?? n));
/** The shapes that a run is to have, by input; the largest where none is given. Throws a UsageError for others than the model takes. */
export function runShapes(ports: readonly PortFacts[], given: readonly (readonly [string, readonly number[]])[] = []): readonly PortFacts[] {
  const list = new Map(given),
    wrong = given.find(([name, shape]) => !ports.some((p) => p.name === name && fits(p, shape)));
  if (wrong)
    throw new UsageError(
      `--run-shape ${wrong[0]}=${wrong[1].join(",")} is none of the model's shapes`,
      `its inputs are ${ports.map((p) => `${p.name}: ${describePort(p)}`).join(", ")}`,
    );
  return ports.map((p) => ({ ...p, shape: list.get(p.name) ?? p.shape }));
}
/** Throws a Failure unless the value, which comes from `source`, is what the input takes. */
export function checkInput(p: PortFacts, value: Constant, source: string): void {
  const sameShape = fits(p, value.shape);
  if (p.dtype === value.dtype && sameShape) return;
  const hint =
    p.dtype !== value.dtype ? `convert it, in Python: ${howTo(p.dtype)}` : `compile for that shape: --shape ${p.name}=${value.shape.join(",")}`;
  throw new Failure(`input ${p.name} is ${describePort(p)}, but ${source} holds ${describePort(value)}`, { hint, code: "bad-input" });
}
/** The value of an input in a file: .npy, or of strings also a text file, each line a string. */
const readInput = (p: PortFacts, path: string): Constant =>
  p.dtype === "string" && !path.endsWith(".npy") ? readLines(path, p.shape) : fromNpyType(p.dtype, readNpy(path), path);
/** The inputs that files give, each checked. Throws a UsageError where the model has no such input. */
export function fromFiles(ports: readonly PortFacts[], files: Readonly<Record<string, string>>): ReadonlyMap<string, Constant> {
  const unknown = Object.keys(files).filter((name) => !ports.some((p) => p.name === name));
  if (unknown.length)
    throw new UsageError(
      `the model has no input ${unknown.join(", ")}`,
      `its inputs are ${ports.map((p) => `${p.name}: ${describePort(p)}`).join(", ")}`,
    );
  return new Map(
    ports.flatMap((p) => {
      const path = files[p.name];
      if (path === undefined) return [];
      const value = readInput(p, path);
      checkInput(p, value, path);
      return [[p.name, value] as const];
    }),
  );
}
/** Numbers in [0, 1), the same for the same seed: Marsaglia's xorshift of 32 bits. */
function uniform(seed: number): () => number {
  let x = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}
const letters = Array.from("aebcdijklmnorstuvwxyzAEDST019éÖßжΣ");
/** One to six words, most often one; every other word is one of `words`, where there are any. */
function randomText(next: () => number, words: readonly string[]): string {
  const below = (n: number): number => Math.floor(next() * n),
    many = (n: number, f: () => string): readonly string[] => Array.from({ length: n }, f);
  const word = (): string =>
    words.length && next() < 0.5 ? words[below(words.length)]! : many(1 + below(8), () => letters[below(letters.length)]!).join("");
  return many(next() < 0.5 ? 1 : 1 + below(6), word).join(" ");
}
/**
 * Floats in [-1, 1), or from 0 on where there is no sign; bytes and 16-bit integers of their whole range; wider integers, which are mostly
 * indices, 0 or 1, but a number between bounds any of those; strings of letters and of `words`.
 */
export function randomInputs(ports: readonly PortFacts[], seed: number, words: readonly string[] = []): readonly Constant[] {
  const next = uniform(seed);
  for (let i = 0; i < 8; i++) next();
  return ports.map((p) => {
    if (p.dtype === "string")
      return stringTensor(
        p.shape,
        Array.from({ length: sizeOf(p.shape) }, () => randomText(next, words)),
        p.name,
      );
    const data = newArray(p.dtype, sizeOf(p.shape)) as { [i: number]: number | bigint; readonly length: number },
      { kind, bits, wrap } = types[p.dtype];
    const draw = p.bounds
      ? () => p.bounds!.least + Math.floor(next() * (p.bounds!.most - p.bounds!.least + 1))
      : kind === "float"
        ? () => (limits(p.dtype)[0] < 0 ? next() * 2 - 1 : next())
        : kind !== "bool" && bits <= 16
          ? () => Math.floor(next() * 2 ** bits)
          : () => Math.floor(next() * 2);
    for (let i = 0; i < data.length; i++) data[i] = wrap(draw());
    return constantOf(p.dtype, p.shape, data as unknown as Constant["data"]);
  });
}
/** What `bench` and `verify` are told of inputs. */
export interface Feeding {
  readonly files: Readonly<Record<string, string>>;
  /** The shapes of inputs where each run chooses; see `runShapes`. */
  readonly shapes?: readonly (readonly [string, readonly number[]])[] | undefined;
  readonly seed: number;
}
/** A value for each input: that of its file, or else random ones. Throws as `fromFiles` and `runShapes` do. */
export function filesOrRandom(facts: Pick<Facts, "inputs" | "words">, { files, shapes, seed }: Feeding): readonly Constant[] {
  const given = fromFiles(facts.inputs, files);
  return randomInputs(runShapes(facts.inputs, shapes), seed, facts.words).map((c, i) => given.get(facts.inputs[i]!.name) ?? c);
}
