/** Choices that were measured on a machine, in the place of what schedules take from the structure alone. */
import { createHash } from "node:crypto";
import { show } from "../../ir/scalar.ts";
import { extentOf, type Axis, type Compute } from "../../ir/compute.ts";
import type { Schedule } from "../../ir/schedule.ts";
import { verify } from "../../ir/verify.ts";
import { lower } from "../../lower/lower.ts";
import { candidatesOf, turned, type Choice } from "../../schedules/knobs.ts";
import type { Variant } from "../../emit/target.ts";

export type { Choice };
/** In the place of a variant's name: choices that hold for all of them, such as an algorithm. */
export const everySet = "any";
/** Choices by the work's key and the variant's name, or `everySet`. */
export type Choices = Readonly<Record<string, Readonly<Record<string, Choice>>>>;
/** `problem` hears of choices that do not fit, which are left out; `hear` of the other possibilities of every kernel, and of every layer that has several algorithms. */
export interface Tuner {
  readonly choices: Choices;
  readonly problem?: (why: string) => void;
  readonly hear?: (key: string, variant: string, candidates: readonly Choice[]) => void;
}
/** The same for equal work in any process: the hash of a Compute's text, whose tensors are named by their positions. */
export function workKey(c: Compute): string {
  const axes = (list: readonly Axis[]) => list.map((a) => `${a.name}<${extentOf(a)}`).join();
  const text = [
    c.name, JSON.stringify(c.algorithm ?? null), ...c.tensors.map((t) => [t.name, t.dtype, t.shape.join(), JSON.stringify(t.layout), t.role].join(":")),
    ...c.stages.map((s) => [s.name, axes(s.axes), show(s.value), s.reduce ? `${s.reduce.op} ${axes(s.reduce.axes)}` : "", s.finish ? show(s.finish) : ""].join(":")),
    ...c.outputs.map((o) => [o.stage, o.tensor, o.shape.join(), JSON.stringify(o.layout), o.index?.map(show).join() ?? ""].join(":")),
  ].join("\n");
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
/** What the variant's schedule makes of a Compute, with the tuner's choice if it has one that can be lowered. */
export function tuned(c: Compute, key: string, v: Variant, t: Tuner): { readonly compute: Compute; readonly schedule: Schedule } {
  const made = v.schedule(c), choice = t.choices[key]?.[v.name];
  t.hear?.(key, v.name, candidatesOf(made.schedule));
  if (!choice) return made;
  const schedule = turned(made.schedule, choice), refused = (why: string) => { t.problem?.(`the choice for ${c.name} ${key}, ${v.name}, ${why}`); return made; };
  if (!schedule) return refused("was made for another schedule");
  try {
    verify(lower(made.compute, schedule, v.lacks));
  } catch (e) {
    return refused(`cannot be lowered: ${(e as Error).message.split("\n")[0]}`);
  }
  return { compute: made.compute, schedule };
}
