/** A process that breaks and compiles models. It says which one it is at, so that the process that watches it knows where it hung or died. */
import { Draw } from "../../fuzz/draw.ts";
import { judge } from "./judge.ts";
import { corpus } from "./hostile.ts";
import { mutant } from "./mutate.ts";
import { seeds } from "./seeds.ts";
import type { Asked, Source, Told } from "./hunt.ts";

export interface File { readonly bytes: Uint8Array; readonly target: string; readonly from: string }
const hostile = Object.entries(corpus);
const known = new Map<Source, ReturnType<typeof seeds>>(), read = new Map<string, Uint8Array>();
/** The file of a number, and the target that it goes to. */
export function fileOf(number: number, targets: readonly string[], source: Source): File {
  const target = targets[number % targets.length]!;
  if (source === "corpus") return { bytes: hostile[number]![1].bytes(), target, from: hostile[number]![0] };
  const d = new Draw(number), all = known.get(source) ?? known.set(source, seeds(source === "own")).get(source)!, seed = d.pick(all), donor = d.pick(all);
  const bytesOf = (s: typeof seed) => read.get(s.name) ?? read.set(s.name, s.bytes()).get(s.name)!;
  return { bytes: mutant(d, bytesOf(seed), bytesOf(donor)), target, from: seed.name };
}
const tell = (t: Told): void => { process.send!(t); };
process.on("message", async ({ from, count, targets, source }: Asked) => {
  for (let number = from; number < from + count; number++) {
    tell({ number });
    const f = fileOf(number, targets, source), start = process.cpuUsage().user, verdict = await judge(f.bytes, f.target);
    tell({ number, verdict, ms: (process.cpuUsage().user - start) / 1000 });
  }
  tell({ number: -1 });
});
