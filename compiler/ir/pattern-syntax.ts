/** The syntax of regular expressions as in RE2 (https://github.com/google/re2/wiki/Syntax), without what only concerns where a match lies. */

/** Code points, inclusive at both ends. */
export type CodeRange = readonly [low: number, high: number];
/** What must hold between two characters. */
export type Assertion = "begin" | "end" | "beginLine" | "endLine" | "boundary" | "noBoundary";
/** A part of a pattern. */
export type Piece =
  | { readonly kind: "set"; readonly ranges: readonly CodeRange[] }
  | { readonly kind: "assert"; readonly what: Assertion }
  | { readonly kind: "sequence" | "choice"; readonly parts: readonly Piece[] }
  | { readonly kind: "repeat"; readonly part: Piece; readonly least: number; readonly most: number };

const last = 0x10ffff, code = (c: string): number => c.codePointAt(0)!;
const digits: readonly CodeRange[] = [[48, 57]], words: readonly CodeRange[] = [[48, 57], [65, 90], [95, 95], [97, 122]], spaces: readonly CodeRange[] = [[9, 10], [12, 13], [32, 32]];
const named: Readonly<Record<string, readonly CodeRange[]>> = {
  alnum: [[48, 57], [65, 90], [97, 122]], alpha: [[65, 90], [97, 122]], ascii: [[0, 127]], blank: [[9, 9], [32, 32]], cntrl: [[0, 31], [127, 127]], digit: digits,
  graph: [[33, 126]], lower: [[97, 122]], print: [[32, 126]], punct: [[33, 47], [58, 64], [91, 96], [123, 126]], space: [[9, 13], [32, 32]], upper: [[65, 90]],
  word: words, xdigit: [[48, 57], [65, 70], [97, 102]],
};
const escapes: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };
/** In order, without overlaps. Surrogates are no characters. */
function tidy(ranges: readonly CodeRange[]): readonly CodeRange[] {
  const out: [number, number][] = [];
  for (const [low, high] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = out.at(-1);
    if (before && low <= before[1] + 1) before[1] = Math.max(before[1], high); else out.push([low, high]);
  }
  return out.flatMap(([low, high]): CodeRange[] => {
    const parts: CodeRange[] = [[low, Math.min(high, 0xd7ff)], [Math.max(low, 0xe000), high]];
    return low <= 0xdfff && high >= 0xd800 ? parts.filter(([a, b]) => a <= b) : [[low, high]];
  });
}
function others(ranges: readonly CodeRange[]): readonly CodeRange[] {
  const out: CodeRange[] = [];
  let from = 0;
  for (const [low, high] of tidy(ranges)) { if (low > from) out.push([from, low - 1]); from = high + 1; }
  return tidy(from <= last ? [...out, [from, last]] : out);
}
/** Both cases of each letter, where one letter becomes one. */
function bothCases(ranges: readonly CodeRange[]): readonly CodeRange[] {
  const more: CodeRange[] = [];
  for (const [low, high] of ranges) {
    for (let c = low; c <= Math.min(high, 0x24ff); c++) {
      for (const other of [String.fromCodePoint(c).toLowerCase(), String.fromCodePoint(c).toUpperCase()]) if ([...other].length === 1 && code(other) !== c) more.push([code(other), code(other)]);
    }
  }
  return tidy([...ranges, ...more]);
}
const unicode = new Map<string, readonly CodeRange[]>();
/** A class by a property of Unicode. */
function property(name: string): readonly CodeRange[] {
  const known = unicode.get(name);
  if (known) return known;
  let test: RegExp | undefined;
  for (const form of [name, `Script=${name}`]) try { test ??= new RegExp(`^\\p{${form}}$`, "u"); } catch { /* no such property in this form */ }
  if (!test) throw new Error(`there is no class \\p{${name}}`);
  const ranges: [number, number][] = [];
  for (let c = 0; c <= last; c++) {
    if ((c >= 0xd800 && c <= 0xdfff) || !test.test(String.fromCodePoint(c))) continue;
    const before = ranges.at(-1);
    if (before && before[1] === c - 1) before[1] = c; else ranges.push([c, c]);
  }
  unicode.set(name, ranges);
  return ranges;
}

interface Flags { readonly i: boolean; readonly m: boolean; readonly s: boolean }
class Parser {
  private readonly text: readonly string[];
  private at = 0;
  private depth = 0;
  constructor(pattern: string) { this.text = Array.from(pattern); }
  all(): Piece {
    const whole = this.choice({ i: false, m: false, s: false });
    return this.at < this.text.length ? this.bad("unmatched )") : whole;
  }
  private bad(why: string): never { throw new Error(`${why}, at character ${this.at}`); }
  private get next(): string | undefined { return this.text[this.at]; }
  private take(word: string): boolean {
    if (!Array.from(word).every((c, i) => this.text[this.at + i] === c)) return false;
    this.at += word.length;
    return true;
  }
  private until(end: string): string {
    const from = this.at;
    while (this.at < this.text.length) { if (this.take(end)) return this.text.slice(from, this.at - end.length).join(""); this.at++; }
    return this.bad(`missing ${end}`);
  }
  private choice(flags: Flags): Piece {
    if (++this.depth > 1000) this.bad("nested too deep");
    const parts: Piece[] = [], here: Piece[] = [];
    let now = flags;
    const done = () => parts.push({ kind: "sequence", parts: here.splice(0) });
    while (this.next !== undefined && this.next !== ")") {
      if (this.take("|")) { done(); continue; }
      const set = this.flags(now);
      if (set) { now = set; continue; }
      if (this.take("\\Q")) { here.push(...this.quoted(now)); continue; }
      here.push(this.repeated(this.atom(now)));
    }
    done();
    this.depth--;
    return parts.length === 1 ? parts[0]! : { kind: "choice", parts };
  }
  /** What stands between \Q and \E, of which the last character may be repeated. */
  private quoted(flags: Flags): readonly Piece[] {
    const from = this.at, end = this.text.findIndex((c, i) => i >= from && c === "\\" && this.text[i + 1] === "E");
    this.at = end < 0 ? this.text.length : end + 2;
    const letters = this.text.slice(from, end < 0 ? undefined : end).map((c) => this.letter(code(c), flags)), last = letters.pop();
    return last ? [...letters, this.repeated(last)] : [];
  }
  /** "(?i)" and the like, which hold to the end of the group. */
  private flags(now: Flags): Flags | null {
    const m = /^\(\?([imsU]*)(?:-([imsU]+))?\)/.exec(this.text.slice(this.at, this.at + 16).join(""));
    if (!m || !(m[1] || m[2])) return null;
    this.at += m[0].length;
    return changedFlags(now, m[1]!, m[2] ?? "");
  }
  private atom(flags: Flags): Piece {
    const c = this.text[this.at++]!;
    switch (c) {
      case "(": return this.group(flags);
      case "[": return { kind: "set", ranges: this.bracket(flags) };
      case ".": return { kind: "set", ranges: flags.s ? tidy([[0, last]]) : others([[10, 10]]) };
      case "^": return { kind: "assert", what: flags.m ? "beginLine" : "begin" };
      case "$": return { kind: "assert", what: flags.m ? "endLine" : "end" };
      case "*": case "+": case "?": return this.bad(`nothing to repeat before ${c}`);
      case "\\": {
        const what = ({ A: "begin", z: "end", b: "boundary", B: "noBoundary" } as Readonly<Record<string, Assertion>>)[this.next ?? ""];
        if (what) { this.at++; return { kind: "assert", what }; }
        const ranges = this.escaped();
        return { kind: "set", ranges: flags.i ? bothCases(ranges) : ranges };
      }
      default: return this.letter(code(c), flags);
    }
  }
  private letter(c: number, flags: Flags): Piece { return { kind: "set", ranges: flags.i ? bothCases([[c, c]]) : [[c, c]] }; }
  private group(flags: Flags): Piece {
    let inner = flags;
    if (this.take("?")) {
      const m = /^(?:P?<\w+>|([imsU]*)(?:-([imsU]+))?:)/.exec(this.text.slice(this.at, this.at + 128).join(""));
      if (!m) this.bad("a group of a kind that does not exist here");
      this.at += m[0].length;
      inner = changedFlags(flags, m[1] ?? "", m[2] ?? "");
    }
    const whole = this.choice(inner);
    return this.take(")") ? whole : this.bad("missing )");
  }
  /** Behind a backslash. */
  private escaped(): readonly CodeRange[] {
    const c = this.text[this.at++] ?? this.bad("nothing behind \\");
    switch (c) {
      case "d": return digits; case "D": return others(digits);
      case "w": return words; case "W": return others(words);
      case "s": return spaces; case "S": return others(spaces);
      case "p": case "P": {
        const name = this.take("{") ? this.until("}") : this.text[this.at++] ?? this.bad("nothing behind \\p"), not = name.startsWith("^"), ranges = property(not ? name.slice(1) : name);
        return not !== (c === "P") ? others(ranges) : ranges;
      }
      default: { const x = this.character(c); return [[x, x]]; }
    }
  }
  private character(c: string): number {
    if (c === "x") {
      const hex = this.take("{") ? this.until("}") : this.text.slice(this.at, (this.at += 2)).join("");
      return /^[0-9a-fA-F]+$/.test(hex) && Number.parseInt(hex, 16) <= last ? Number.parseInt(hex, 16) : this.bad("no such number behind \\x");
    }
    if (c >= "0" && c <= "7") {
      let octal = c;
      while (octal.length < 3 && this.next !== undefined && this.next >= "0" && this.next <= "7") octal += this.text[this.at++];
      return c === "0" || octal.length > 1 ? Number.parseInt(octal, 8) : this.bad("back references do not exist here");
    }
    if (Object.hasOwn(escapes, c)) return escapes[c]!;
    return /[A-Za-z0-9]/.test(c) ? this.bad(`\\${c} does not exist here`) : code(c);
  }
  private bracket(flags: Flags): readonly CodeRange[] {
    const not = this.take("^"), ranges: CodeRange[] = [];
    for (let first = true; first || !this.take("]"); first = false) {
      if (this.next === undefined) this.bad("missing ]");
      if (this.take("[:")) {
        const name = this.until(":]"), inverse = name.startsWith("^"), set = named[inverse ? name.slice(1) : name] ?? this.bad(`there is no class [:${name}:]`);
        ranges.push(...(inverse ? others(set) : set));
        continue;
      }
      const low = this.member();
      if (low.length !== 1 || low[0]![0] !== low[0]![1] || this.next !== "-" || this.text[this.at + 1] === "]" || this.text[this.at + 1] === undefined) { ranges.push(...low); continue; }
      this.at++;
      const high = this.member();
      if (high.length !== 1 || high[0]![0] < low[0]![0]) this.bad("the ends of a range are the wrong way round");
      ranges.push([low[0]![0], high[0]![1]]);
    }
    const cased = flags.i ? bothCases(tidy(ranges)) : tidy(ranges);
    return not ? others(cased) : cased;
  }
  private member(): readonly CodeRange[] {
    const c = this.text[this.at++]!;
    return c === "\\" ? this.escaped() : [[code(c), code(c)]];
  }
  private repeated(part: Piece): Piece {
    const m = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/.exec(this.text.slice(this.at, this.at + 16).join(""));
    if (!m) return part;
    this.at += m[0].length;
    const least = m[1] ? (m[1] === "+" ? 1 : 0) : Number(m[2]), most = m[1] ? (m[1] === "?" ? 1 : Infinity) : m[4] ? Number(m[4]) : m[3] ? Infinity : least;
    if (least > 1000 || (most > 1000 && most < Infinity) || most < least) this.bad(`no such number of repetitions: ${m[0]}`);
    return this.repeated({ kind: "repeat", part, least, most });
  }
}
function changedFlags(f: Flags, on: string, off: string): Flags {
  const is = (name: keyof Flags): boolean => (f[name] || on.includes(name)) && !off.includes(name);
  return { i: is("i"), m: is("m"), s: is("s") };
}
/** The parts of a pattern. Throws an Error with what is wrong with it. */
export const parsePattern = (pattern: string): Piece => new Parser(pattern).all();
