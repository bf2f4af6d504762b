/**
 * Regular expressions in the syntax of RE2, as automata over the bytes of UTF-8: whether all of a text matches is told by one
 * look at each of its bytes, whatever the pattern. A pattern is parsed (Parser), becomes a graph of states with choices (Nfa),
 * and then one where each byte leads to one state (Thompson's construction and the construction of subsets; classes of code
 * points become ranges of bytes as in RE2). Assertions (^ $ \b) look at the kinds of the bytes around.
 */
import { parsePattern, type Assertion, type Piece } from "./pattern-syntax.ts";

/** Each byte has a class; state `s` and class `c` lead to state `next[s * classes + c]`. State 0 is the first. */
export interface Automaton {
  readonly classOf: Uint8Array;
  readonly classes: number;
  readonly next: readonly number[];
  /** Whether a text may end in a state. */
  readonly accepts: readonly boolean[];
}
/** More states are an error: what they say of a model would be larger than all else. */
const mostStates = 4096, mostNodes = 1 << 16;

type Node =
  | { readonly kind: "bytes"; readonly low: number; readonly high: number; readonly to: number }
  | { readonly kind: "any"; readonly to: readonly number[] }
  | { readonly kind: "assert"; readonly what: Assertion; readonly to: number }
  | { readonly kind: "end" };
/** States are made from the end of the pattern to its beginning, so that each knows where it leads. */
class Nfa {
  readonly nodes: Node[] = [{ kind: "end" }];
  private add(n: Node): number {
    if (this.nodes.length >= mostNodes) throw new Error(`it is too long: more than ${mostNodes} states`);
    return this.nodes.push(n) - 1;
  }
  /** The state in which `p` begins, if it goes on in `to`. */
  build(p: Piece, to: number): number {
    switch (p.kind) {
      case "set": return this.add({ kind: "any", to: p.ranges.flatMap(([low, high]) => utf8Ranges(low, high)).map((bytes) =>
        bytes.reduceRight((end, [l, h]) => this.add({ kind: "bytes", low: l, high: h, to: end }), to)) });
      case "assert": return this.add({ kind: "assert", what: p.what, to });
      case "sequence": return p.parts.reduceRight((end, x) => this.build(x, end), to);
      case "choice": return this.add({ kind: "any", to: p.parts.map((x) => this.build(x, to)) });
      case "repeat": {
        let end = to;
        if (p.most === Infinity) {
          const loop = this.add({ kind: "any", to: [] }), body = this.build(p.part, loop);
          this.nodes[loop] = { kind: "any", to: [body, to] };
          end = loop;
        } else for (let i = p.least; i < p.most; i++) end = this.add({ kind: "any", to: [this.build(p.part, end), to] });
        for (let i = 0; i < p.least; i++) end = this.build(p.part, end);
        return end;
      }
      default: return p satisfies never;
    }
  }
}
const sizes: readonly (readonly [number, number])[] = [[0, 0x7f], [0x80, 0x7ff], [0x800, 0xffff], [0x10000, 0x10ffff]];
const encoder = new TextEncoder();
const lead: readonly number[] = [0, 0, 0xc0, 0xe0, 0xf0];
const encoded = (code: number): number[] => {
  const length = sizes.findIndex(([, high]) => code <= high) + 1;
  if (length === 1) return [code];
  return Array.from({ length }, (_, i) => (i === 0 ? lead[length]! | (code >> (6 * (length - 1))) : 0x80 | ((code >> (6 * (length - 1 - i))) & 63)));
};
/** Code points from `low` to `high` as sequences of ranges of bytes. */
export function utf8Ranges(low: number, high: number): readonly (readonly (readonly [number, number])[])[] {
  const split = (a: number, b: number): (readonly (readonly [number, number])[])[] => {
    for (const [, top] of sizes) if (a <= top && b > top) return [...split(a, top), ...split(top + 1, b)];
    for (let i = 1; i < 4; i++) {
      const mask = (1 << (6 * i)) - 1;
      if (a > 0x7f && (a & ~mask) !== (b & ~mask)) {
        if ((a & mask) !== 0) return [...split(a, a | mask), ...split((a | mask) + 1, b)];
        if ((b & mask) !== mask) return [...split(a, (b & ~mask) - 1), ...split(b & ~mask, b)];
      }
    }
    const x = encoded(a), y = encoded(b);
    return [x.map((byte, i) => [byte, y[i]!] as const)];
  };
  return low > high ? [] : split(low, high);
}

const isWord = (byte: number): boolean => (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || byte === 95 || (byte >= 97 && byte <= 122);
/** What assertions see of a neighbour: the end of the text, a line's end, a byte of a word, another one. */
type Side = "edge" | "newline" | "word" | "other";
const sides: readonly Side[] = ["edge", "newline", "word", "other"];
const sideOf = (byte: number): Side => (byte === 10 ? "newline" : isWord(byte) ? "word" : "other");
function holds(what: Assertion, before: Side, after: Side): boolean {
  switch (what) {
    case "begin": return before === "edge";
    case "end": return after === "edge";
    case "beginLine": return before === "edge" || before === "newline";
    case "endLine": return after === "edge" || after === "newline";
    case "boundary": return (before === "word") !== (after === "word");
    case "noBoundary": return (before === "word") === (after === "word");
    default: return what satisfies never;
  }
}
/** Bytes that no part of the pattern tells apart, and no assertion: one of each class, and the class of each byte. */
function byteClasses(nodes: readonly Node[]): { readonly classOf: Uint8Array; readonly samples: readonly number[] } {
  const cuts = new Set([0, 10, 11, 48, 58, 65, 91, 95, 96, 97, 123, ...nodes.flatMap((n) => (n.kind === "bytes" ? [n.low, n.high + 1] : []))]);
  const found = new Map<string, number>(), samples: number[] = [], classOf = new Uint8Array(256), tests = nodes.filter((n) => n.kind === "bytes");
  let current = 0;
  for (let b = 0; b < 256; b++) {
    if (cuts.has(b)) {
      const key = `${sideOf(b)} ${tests.map((t) => (t.low <= b && b <= t.high ? 1 : 0)).join("")}`;
      current = found.get(key) ?? samples.push(b) - 1;
      found.set(key, current);
    }
    classOf[b] = current;
  }
  return { classOf, samples };
}
/** The automaton of a pattern that must match all of a text. Throws an Error with what is wrong with the pattern. */
export function compilePattern(pattern: string): Automaton {
  const nfa = new Nfa(), start = nfa.build(parsePattern(pattern), 0), { nodes } = nfa, { classOf, samples } = byteClasses(nodes);
  const closure = (set: readonly number[], before: Side, after: Side): ReadonlySet<number> => {
    const seen = new Set<number>(), open = [...set];
    for (let s = open.pop(); s !== undefined; s = open.pop()) {
      if (seen.has(s)) continue;
      seen.add(s);
      const n = nodes[s]!;
      if (n.kind === "any") open.push(...n.to);
      if (n.kind === "assert" && holds(n.what, before, after)) open.push(n.to);
    }
    return seen;
  };
  const states: { readonly set: readonly number[]; readonly before: Side }[] = [], known = new Map<string, number>(), next: number[] = [], accepts: boolean[] = [];
  const stateOf = (set: readonly number[], before: Side): number => {
    const key = `${set.length ? before : ""}:${set.join(",")}`, there = known.get(key);
    if (there !== undefined) return there;
    if (states.length >= mostStates) throw new Error(`it needs more than ${mostStates} states`);
    known.set(key, states.length);
    return states.push({ set, before }) - 1;
  };
  stateOf([start], "edge");
  for (let i = 0; i < states.length; i++) {
    const { set, before } = states[i]!, reach = new Map(sides.map((side) => [side, closure(set, before, side)]));
    accepts.push(reach.get("edge")!.has(0));
    for (const byte of samples) {
      const to = new Set([...reach.get(sideOf(byte))!].flatMap((s) => { const n = nodes[s]!; return n.kind === "bytes" && n.low <= byte && byte <= n.high ? [n.to] : []; }));
      next.push(stateOf([...to].sort((a, b) => a - b), sideOf(byte)));
    }
  }
  return { classOf, classes: samples.length, next, accepts };
}

const compiled = new Map<string, Automaton>();
/** Whether all of a text matches a pattern. */
export function matches(pattern: string, text: string): boolean {
  let a = compiled.get(pattern);
  if (!a) compiled.set(pattern, (a = compilePattern(pattern)));
  let state = 0;
  for (const byte of encoder.encode(text)) state = a.next[state * a.classes + a.classOf[byte]!]!;
  return a.accepts[state]!;
}
