/** Files of choices that `mlc tune` measured, by processor. */
import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import type { Choice, Choices } from "../passes/network/tune-schedules.ts";
import { Failure, orFail } from "./exit.ts";

/** By the processor's name. */
export type TuningFile = Readonly<Record<string, Choices>>;
/** As the system calls it. */
export const processorName = (): string => cpus()[0]?.model.trim() || process.arch;

const isRecord = (x: unknown): x is Readonly<Record<string, unknown>> => typeof x === "object" && x !== null && !Array.isArray(x);
const every = (x: unknown, holds: (value: unknown) => boolean): boolean => isRecord(x) && Object.values(x).every(holds);
const isChoice = (x: unknown): x is Choice =>
  isRecord(x) &&
  Object.entries(x).every(([name, v]) => (name === "algorithm" ? typeof v === "string" : typeof v === "boolean" || typeof v === "number"));
const isChoices = (x: unknown): x is Choices => every(x, (sets) => every(sets, isChoice));
/** What a file holds; a Failure where it is none that `mlc tune` writes. */
export function readTuning(path: string): TuningFile {
  const text = orFail(`cannot read the tuning file ${path}`, () => readFileSync(path, "utf8"));
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    found = null;
  }
  if (!every(found, isChoices)) throw new Failure(`${path} is no tuning file`, { hint: "mlc tune MODEL writes one", code: "bad-tuning" });
  return found as TuningFile;
}
/** The file's choices for this machine's processor, or for the only one that it knows: a model may be compiled on another machine. */
export function choicesFor(path: string): Choices {
  const file = readTuning(path),
    known = Object.keys(file),
    name = Object.hasOwn(file, processorName()) ? processorName() : known.length === 1 ? known[0]! : undefined;
  if (name === undefined)
    throw new Failure(`${path} has nothing for this processor, ${processorName()}`, {
      hint: known.length ? `it knows ${known.join(", ")}` : "it is empty",
      code: "bad-tuning",
    });
  return file[name]!;
}
/** The text of a file with this processor's choices replaced; other processors' stay. */
export function withChoices(path: string, choices: Choices): string {
  const before = existsSync(path) ? readTuning(path) : {};
  return `${JSON.stringify({ ...before, [processorName()]: choices }, null, 1)}\n`;
}
