/**
 * Text as elements of tensors. A string is a number: its place in one list of all strings that this process has met, so that
 * equal strings are equal numbers, and what only moves strings moves numbers. Only a process knows these numbers; nothing that is
 * written out may hold them.
 */
import { matches } from "./pattern.ts";

const texts: string[] = [""], ids = new Map([["", 0]]);
/** The number of a string; 0 is the empty one. */
export function textId(text: string): number {
  let id = ids.get(text);
  if (id === undefined) { ids.set(text, (id = texts.length)); texts.push(text); }
  return id;
}
/** The string of a number. */
export const textOf = (id: number): string => texts[id] ?? "";

/** White space of Unicode. */
const space = /[^\S\ufeff]|\x85/u;
/**
 * The pieces of a text between delimiters, at most `most` + 1 of them, any number where `most` is negative. Without a delimiter,
 * between runs of white space, and none at the ends.
 */
export function piecesOf(text: string, delimiter: string, most: number): readonly string[] {
  const found: string[] = [], isSpace = (i: number) => space.test(text[i]!), full = () => most >= 0 && found.length >= most;
  let at = 0;
  if (delimiter) {
    for (let next; !full() && (next = text.indexOf(delimiter, at)) >= 0; at = next + delimiter.length) found.push(text.slice(at, next));
    return [...found, text.slice(at)];
  }
  for (;;) {
    while (at < text.length && isSpace(at)) at++;
    if (at === text.length) return found;
    if (full()) return [...found, text.slice(at)];
    let end = at;
    while (end < text.length && !isSpace(end)) end++;
    found.push(text.slice(at, end));
    at = end;
  }
}
/** Letters whose case is changed: Latin, Greek, Cyrillic and Armenian, where one becomes one and both are here. */
const scripts: readonly (readonly [number, number])[] = [[0x41, 0x58f], [0x1e00, 0x1fff]];
const isLetter = (code: number): boolean => scripts.some(([low, high]) => code >= low && code <= high);
const changed = (code: number, upper: boolean): number => {
  const letter = String.fromCodePoint(code), [to = letter, more] = upper ? letter.toUpperCase() : letter.toLowerCase();
  return more === undefined && isLetter(code) && isLetter(to.codePointAt(0)!) ? to.codePointAt(0)! : code;
};
/** A text in upper or lower case. */
export const inCase = (text: string, upper: boolean): string => Array.from(text, (c) => String.fromCodePoint(changed(c.codePointAt(0)!, upper))).join("");
/** A run of letters, every `step`th from `first` to `last`, that become those `by` further on. */
export interface CaseRun { readonly first: number; readonly last: number; readonly step: number; readonly by: number }
/** What `inCase` does, as runs in ascending order of their first letters. */
export function caseRuns(upper: boolean): readonly CaseRun[] {
  const runs: { first: number; last: number; step: number; by: number }[] = [];
  for (const [low, high] of scripts) {
    for (let code = low; code <= high; code++) {
      const by = changed(code, upper) - code, run = runs.at(-1);
      if (by === 0) continue;
      const step = run ? code - run.last : 0;
      if (run && run.by === by && (run.first === run.last ? step <= 2 : step === run.step)) { run.last = code; run.step = step; } else runs.push({ first: code, last: code, step: 1, by });
    }
  }
  return runs;
}

/** The meaning of the operators on text, over the numbers of strings. */
export const textMeanings = {
  concat: (a: number, b: number): number => textId(textOf(a) + textOf(b)),
  upper: (a: number): number => textId(inCase(textOf(a), true)),
  lower: (a: number): number => textId(inCase(textOf(a), false)),
  pieces: (a: number, delimiter: number, most: number): number => piecesOf(textOf(a), textOf(delimiter), most).length,
  piece: (a: number, delimiter: number, most: number, i: number): number => textId(piecesOf(textOf(a), textOf(delimiter), most)[i] ?? ""),
  matches: (a: number, pattern: number): number => (matches(textOf(pattern), textOf(a)) ? 1 : 0),
};
