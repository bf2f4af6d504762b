/** The options that several commands share, and how their text becomes values. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type CompileOptions, flagName } from "../api.ts";
import type { ValueBounds } from "../passes/graph/bound-values.ts";
import type { Size } from "../passes/graph/pin-shapes.ts";
import type { Setting, SettingValue, Target } from "../emit/target.ts";
import { type ObjectFormat, objectFormats } from "../emit/object-files.ts";
import { weightForms, type WeightForm } from "../emit/weights.ts";
import { targets } from "../../targets/index.ts";
import { UsageError } from "./exit.ts";
import { choicesFor } from "./tuning.ts";

/** What commander hands to a command that takes `modelOptions`. */
export interface ModelFlags {
  readonly target: string;
  readonly name?: string;
  readonly shape?: readonly Named<readonly Size[]>[];
  readonly dim?: readonly Named<Size>[];
  readonly length?: readonly Named<number>[];
  readonly absent?: readonly string[];
  readonly value?: readonly Named<readonly number[] | ValueBounds>[];
  readonly turns?: readonly Named<number>[];
  readonly weights?: WeightForm;
  readonly objectFormat?: ObjectFormat;
  readonly isa?: readonly string[];
  readonly tune?: string | undefined;
  readonly allowExternalData?: boolean;
  /** Settings of targets, by their names. */
  readonly [setting: string]: unknown;
}
type Named<T> = readonly [name: string, value: T];

const collect =
  <T>(parse: (text: string) => T) =>
  (text: string, before: readonly T[] | undefined): readonly T[] => [...(before ?? []), parse(text)];
/** "name=value", where the name may hold "=" and ":" itself. */
function named(text: string, example: string): Named<string> {
  const i = text.lastIndexOf("=");
  if (i < 1) throw new InvalidArgumentError(`Expected NAME=VALUE, such as ${example}.`);
  return [text.slice(0, i), text.slice(i + 1)];
}
function whole(text: string, least: number, what: string, most = Number.POSITIVE_INFINITY): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(n) || n < least || n > most)
    throw new InvalidArgumentError(`${what} must be a whole number from ${least} ${most < Number.POSITIVE_INFINITY ? `to ${most}` : "up"}.`);
  return n;
}
/** 320, 32..1280 or W:32..1280. */
function size(text: string): Size {
  const [, name, low, high] = /^(?:(.+):)?([^.:]*)\.\.(.*)$/.exec(text) ?? [];
  if (low === undefined) return whole(text, 0, "A size");
  const bounds = [whole(low, 0, "A lower bound"), whole(high!, 1, "An upper bound")] as const;
  return name === undefined ? bounds : [...bounds, name];
}
const shape = (text: string): Named<readonly Size[]> => {
  const [name, list] = named(text, "x=1,3,48,320 or x=1,3,48,32..1280");
  return [name, list === "" ? [] : list.split(",").map(size)];
};
/** "x=1,3,48,320" as a pair. */
export const runShape = collect((text): Named<readonly number[]> => {
  const [name, sizes] = named(text, "x=1,3,48,320");
  return [name, sizes === "" ? [] : sizes.split(",").map((n) => whole(n, 0, "A size"))];
});
const dim = (text: string): Named<Size> => {
  const [name, n] = named(text, "N=1 or N=1..8");
  return [name, size(n)];
};
const length = (text: string): Named<number> => {
  const [name, n] = named(text, "boxes=3");
  return [name, whole(n, 0, "A length")];
};
const value = (text: string): Named<readonly number[] | ValueBounds> => {
  const [name, list] = named(text, "sr=16000"),
    [, least, most] = /^(-?\d+)\.\.(-?\d+)$/.exec(list) ?? [];
  if (least !== undefined) return [name, { least: Number(least), most: Number(most) }];
  const numbers = list.split(",").map((n) => (n.trim() === "" ? Number.NaN : Number(n)));
  if (numbers.some(Number.isNaN))
    throw new InvalidArgumentError("Values must be numbers, such as sr=16000 or mean=0.5,0.5,0.4, or bounds, such as n=0..512.");
  return [name, numbers];
};
const turns = (text: string): Named<number> => {
  const [name, n] = named(text, "decode=512");
  return [name, whole(n, 0, "A number of turns")];
};
const identifier = (text: string): string => {
  if (!/^[A-Za-z_]\w*$/.test(text)) throw new InvalidArgumentError("Must be a C identifier: letters, digits and _, no digit first.");
  return text;
};
const list = (text: string): readonly string[] =>
  text
    .split(",")
    .map((s) => s.trim())
    .filter(Boolean);
/** A count from `least` up, to `most` where there is one, for commander's `argParser`. */
export const count =
  (least: number, most?: number) =>
  (text: string): number =>
    whole(text, least, "It", most);
/** A number from 0 up, for commander's `argParser`. */
export const amount = (text: string): number => {
  const n = Number(text);
  if (text.trim() === "" || !Number.isFinite(n) || n < 0) throw new InvalidArgumentError("It must be a number from 0 up.");
  return n;
};
/** "x=a.npy" as a pair. */
export const inputFile = collect((text) => named(text, "x=image.npy"));

/** The settings of all targets, by name, and who has them. A name means the same for all that have it. */
const settings: ReadonlyMap<string, { readonly setting: Setting; readonly of: readonly string[] }> = new Map(
  [...new Set([...targets.values()].flatMap((t) => Object.keys(t.settings)))].map((name) => {
    const having = [...targets.values()].filter((t) => Object.hasOwn(t.settings, name));
    return [name, { setting: having[0]!.settings[name]!, of: having.map((t) => t.name) }];
  }),
);
function settingOption(name: string, { setting, of }: { readonly setting: Setting; readonly of: readonly string[] }): Option {
  const flag = flagName(name),
    describe = `${setting.description} (${of.join(", ")})`;
  switch (setting.kind) {
    case "flag":
      return new Option(flag, describe);
    case "choice":
      return new Option(`${flag} <kind>`, `${describe}; ${setting.default} without it`).choices(setting.choices);
    case "count":
      return new Option(`${flag} <n>`, describe).argParser(count(setting.least, setting.most));
    default:
      return setting satisfies never;
  }
}
/** The options that decide what is compiled. */
export function modelOptions(c: Command): Command {
  c.option("--target <name>", "what to compile to (see mlc targets)", "cpp")
    .option("--name <identifier>", "prefix of the generated names; made from the model's file name by default", identifier)
    .option(
      "--shape <input=n,n,...>",
      "pin the shape of an input, or bound a dimension (32..1280, W:32..1280) that each run chooses; repeatable",
      collect(shape),
    )
    .option("--dim <symbol=n>", "pin a named dimension, or bound it (32..1280); repeatable", collect(dim))
    .option("--length <input=n>", "how many tensors a sequence has that is an input; repeatable", collect(length))
    .option("--absent <input>", "an optional input that is not given; repeatable", collect(String))
    .option(
      "--value <input=n,n,...>",
      "an input that is always the same, which becomes a constant; one number stands for all; or bounds (0..512) of one whole number that each run gives or computes; repeatable",
      collect(value),
    )
    .option("--turns <loop=n>", "how many turns a loop takes at most that a condition ends; repeatable", collect(turns))
    .addOption(new Option("--weights <how>", "how weights are embedded").choices(weightForms))
    .addOption(
      new Option("--object-format <format>", "what --weights object is for; by default what $CC makes, or this machine").choices(objectFormats),
    )
    .option("--isa <list>", "instruction sets to generate, separated by commas; all of the target's by default", list)
    .option("--tune <file>", "kernels as mlc tune found them to be fastest")
    .option("--allow-external-data", "let the model's external data lie outside its folder");
  for (const [name, o] of settings) c.addOption(settingOption(name, o));
  return c;
}
function record<T>(flag: string, pairs: readonly Named<T>[]): Record<string, T> {
  const twice = pairs.find(([name], i) => pairs.findIndex(([n]) => n === name) !== i);
  if (twice) throw new UsageError(`${flag} is given twice for "${twice[0]}"`);
  return Object.fromEntries(pairs);
}
/** The compiler's options that the flags ask for. */
export function compileOptions(f: ModelFlags, target: Target): CompileOptions {
  const given = [...settings.keys()].filter((name) => f[name] !== undefined),
    foreign = given.filter((name) => !Object.hasOwn(target.settings, name));
  if (foreign.length)
    throw new UsageError(
      `${foreign.map(flagName).join(", ")}: the target ${target.name} has no such option`,
      "mlc targets lists the options of each target",
    );
  return {
    ...(given.length ? { settings: Object.fromEntries(given.map((name) => [name, f[name] as SettingValue])) } : {}),
    target: f.target,
    ...(f.name ? { name: f.name } : {}),
    ...(f.shape ? { shapes: record("--shape", f.shape) } : {}),
    ...(f.dim ? { dims: record("--dim", f.dim) } : {}),
    ...(f.length ? { lengths: record("--length", f.length) } : {}),
    ...(f.absent ? { absent: f.absent } : {}),
    ...(f.value ? { values: record("--value", f.value) } : {}),
    ...(f.turns ? { turns: record("--turns", f.turns) } : {}),
    ...(f.weights ? { weights: f.weights } : {}),
    ...(f.objectFormat ? { objectFormat: f.objectFormat } : {}),
    ...(f.isa ? { isa: f.isa } : {}),
    ...(f.tune ? { tuning: choicesFor(f.tune) } : {}),
    ...(f.allowExternalData ? { allowExternalData: true } : {}),
  };
}
/** Input files by name; each input at most once. */
export const inputFiles = (pairs: readonly Named<string>[] | undefined): Record<string, string> => record("--input", pairs ?? []);
