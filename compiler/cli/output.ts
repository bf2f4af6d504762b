/** Folders that appear whole or not at all. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { bannerStart } from "../emit/package.ts";
import { targets } from "../../targets/index.ts";
import { type Build, settingsOf } from "../emit/target.ts";
import { Failure, orFail } from "./exit.ts";
import { libraryNames } from "./native.ts";

const open = new Set<string>();
process.on("exit", () => open.forEach((d) => rmSync(d, { recursive: true, force: true })));
const signals = ["SIGINT", "SIGTERM"] as const;
const end = (signal: NodeJS.Signals): void => process.exit(signal === "SIGINT" ? 130 : 143);
/** A signal ends the process at once, even while it computes, where Node could not call us; only what is half made is removed first. */
function begin(folder: string): void {
  if (open.size === 0) for (const s of signals) process.on(s, end);
  open.add(folder);
}
function finish(folder: string): void {
  open.delete(folder);
  if (open.size === 0) for (const s of signals) process.off(s, end);
}

/**
 * Lets `fill` write into a new folder beside `folder`, and puts it in place once it is complete. Where `folder` exists,
 * its other files stay as they are and each written file replaces its namesake atomically. If `fill` throws, nothing of it remains.
 */
export async function writeFolder<T>(folder: string, fill: (temporary: string) => Promise<T>): Promise<T> {
  const target = resolve(folder),
    parent = dirname(target);
  if (existsSync(target) && !statSync(target).isDirectory()) throw new Failure(`${folder} is a file, not a folder`, { hint: "name another folder" });
  const created = orFail(`cannot create ${parent}`, () => mkdirSync(parent, { recursive: true }));
  const temporary = orFail(`cannot write beside ${folder}`, () => mkdtempSync(join(parent, `.${basename(target)}-`)));
  begin(temporary);
  let done = false;
  try {
    const result = await fill(temporary);
    orFail(`cannot write ${folder}`, () => put(temporary, target));
    done = true;
    return result;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
    finish(temporary);
    if (!done && created) rmSync(created, { recursive: true, force: true });
  }
}
function put(from: string, to: string): void {
  if (!existsSync(to)) {
    chmodSync(from, 0o777 & ~process.umask());
    renameSync(from, to);
    return;
  }
  const files = readdirSync(from, { recursive: true, withFileTypes: true }).filter((e) => !e.isDirectory());
  const pairs = files.map((e) => {
    const source = join(e.parentPath, e.name);
    return [source, join(to, source.slice(from.length + 1))] as const;
  });
  for (const [, place] of pairs)
    if (existsSync(place) && statSync(place).isDirectory()) throw new Failure(`${place} is a folder where a file must go`);
  for (const [source, place] of pairs) {
    mkdirSync(dirname(place), { recursive: true });
    renameSync(source, place);
  }
}
/** Writes generated files under a folder that exists. */
export function writeFiles(folder: string, files: ReadonlyMap<string, string | Uint8Array>): void {
  for (const [path, content] of files) {
    const place = join(folder, path);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, content);
  }
}
/** The file of each kind of build that says who made it, and for which model. */
const signed: Readonly<Record<Build["kind"], (name: string) => string>> = { native: (name) => `${name}.h`, module: () => "index.js" };
/**
 * The files in a folder that an earlier run made for the model `name`: all that mlc may write for that name, with whatever
 * flags, where the model's header or module lies there with mlc's banner. Copies and a user's own files have other names.
 */
export function filesOfEarlierRun(folder: string, name: string): readonly string[] {
  const isOurs = (kind: Build["kind"]): boolean => {
    const path = join(folder, signed[kind](name));
    return (
      existsSync(path) &&
      readFileSync(path, "utf8")
        .slice(0, 512)
        .includes(` ${bannerStart(name)} `)
    );
  };
  const made = [...targets.values()].filter((t) => isOurs(t.builds)),
    libraries = made.some((t) => t.builds === "native") ? libraryNames(name) : [];
  const names = made.flatMap((t) =>
    t.weights.flatMap((weights) => t.fileNames(name, { instructionSets: Object.keys(t.instructionSets), weights, settings: settingsOf(t, {}) })),
  );
  return [...new Set([...names, ...libraries])].filter((f) => existsSync(join(folder, f))).sort();
}
/** The name of a tensor as a file name: every character outside A-Za-z0-9._- becomes _. */
export const fileNameOf = (tensor: string): string => tensor.replace(/[^A-Za-z0-9._-]/g, "_");
