import { describe, expect, it } from "vitest";
import { compilePattern, matches, utf8Ranges } from "../../compiler/ir/pattern.ts";
import { caseRuns, inCase, piecesOf, textId, textOf } from "../../compiler/ir/text.ts";
import { below, generator, pick } from "../support/random.ts";

const texts = [
  "www.google.com", "www.bbc.co.uk", "account@gmail.com", "x@yahoo.com ", "aab", "abc", "b", "abb", "babb", "xyz", "foo bar", "foobar", "aa", "aaa", "aaaa", "abcd", "acd", "café", "àéx",
  "zéq", "o", "", "a", "ba", "a\nc", "aéc", "555-1234", "]-]", "-", "aabc", "word !", "€uro", "AAA", "日本", "\u{1f600}x",
];
describe("patterns", () => {
  // What RE2 and JavaScript have in common.
  it.each([
    "www\\.[\\w.-]+\\.\\bcom\\b", "(\\W|^)[\\w.\\-]{0,25}@(yahoo|gmail)\\.com(\\W|$)", "a*b+c?", "(a|b)*abb", "[^a-c]+", "\\bfoo\\b.*", "a{2,3}", "(a|ab)(c|bcd)(d*)", ".*é.*", "[à-ü]+x", "\\Bo\\B",
    "^$", "(^a|b$)*", "a.c", "x{0}y", "\\d{3}-\\d{4}", "[\\]\\-]+", "[-a]", "(?:a|b)+?c", "\\w+\\s\\W*", "(a*)*", "[^\\n]*", "\\x41+", "\\p{L}+", "[^\\p{L}]*", "\\P{Lu}*", "..", "[\\u{80}-\\u{10ffff}]x", "(?:)", "a{1,}",
  ])("%s", (pattern) => {
    const js = new RegExp(`^(?:${pattern})$`, "u"), own = pattern.replace(/\\u\{/g, "\\x{");
    expect(texts.filter((t) => matches(own, t))).toEqual(texts.filter((t) => js.test(t)));
  });
  it.each<[string, readonly string[], readonly string[]]>([
    ["(?i)hello( wörld)?", ["HELLO", "Hello WÖRLD"], ["hell"]], ["a(?i)b(?-i)c|D", ["aBc", "abc", "D"], ["ABC", "d"]], ["(?i:x)y", ["Xy"], ["XY"]],
    ["(?s).", ["\n", "a"], [""]], ["(?m)a$\\n^b", ["a\nb"], ["ab"]], ["(?P<year>\\d{4})", ["1999"], ["99"]], ["[[:alpha:]][[:^digit:]]", ["a-"], ["a1", "1a"]],
    ["\\Qa.b*\\E+", ["a.b*", "a.b**"], ["axb"]], ["\\pN\\p{Greek}", ["1α"], ["αα"]], ["\\07\\101", ["\x07A"], ["7"]], ["[\\d\\s]+", ["1 2"], ["a"]], ["\\Aab\\z", ["ab"], ["abc"]],
  ])("RE2's own: %s", (pattern, yes, no) => { expect([...yes, ...no].filter((t) => matches(pattern, t))).toEqual(yes); });
  it.each([
    ["a(", "missing ), at character 2"], ["a)", "unmatched ), at character 1"], ["[a", "missing ], at character 2"], ["*a", "nothing to repeat before *, at character 1"], ["a{2000}", "no such number of repetitions: {2000}, at character 7"],
    ["(a)\\1", "back references do not exist here, at character 5"], ["(?=a)", "a group of a kind that does not exist here, at character 2"], ["\\q", "\\q does not exist here, at character 2"], ["[b-a]", "the ends of a range are the wrong way round, at character 4"],
    ["\\p{Klingon}", "there is no class \\p{Klingon}"], ["(.*a.{12}){2}", "it needs more than 4096 states"], ["((a{1000}){1000}){1000}", "it is too long: more than 65536 states"],
  ])("%s is an error: %s", (pattern, message) => { expect(() => compilePattern(pattern)).toThrow(message); });
  it("code points become ranges of bytes that no other code points have", () => {
    const random = generator(3), inside = (low: number, high: number, c: number): boolean => {
      const bytes = new TextEncoder().encode(String.fromCodePoint(c));
      return utf8Ranges(low, high).filter((s) => s.length === bytes.length && s.every(([a, b], i) => a <= bytes[i]! && bytes[i]! <= b)).length === 1;
    };
    for (let n = 0; n < 300; n++) {
      const ends = [below(random, 0xd000), below(random, pick(random, [0x80, 0x800, 0xd000]))].sort((a, b) => a - b), [low, high] = ends as [number, number];
      for (const c of [low, high, low - 1, high + 1, Math.floor((low + high) / 2)]) if (c >= 0) expect(inside(low, high, c), `${low}..${high}: ${c}`).toBe(low <= c && c <= high);
    }
  });
});
describe("text", () => {
  it("equal strings are one number", () => { expect([textId(["x", "y"].join("")), textOf(textId("日")), textId("")]).toEqual([textId("xy"), "日", 0]); });
  it.each([true, false])("runs of letters say what changes case (upper: %s)", (upper) => {
    const runs = caseRuns(upper);
    expect(runs.every((r, i) => r.first <= r.last && (i === 0 || runs[i - 1]!.last < r.first))).toBe(true);
    for (let c = 1; c < 0x2100; c++) {
      const run = runs.find((r) => c >= r.first && c <= r.last && (c - r.first) % r.step === 0);
      expect(inCase(String.fromCodePoint(c), upper).codePointAt(0), `${c}`).toBe(c + (run?.by ?? 0));
    }
  });
  it("is cut as Python does", () => {
    expect([piecesOf("a-b--c", "-", -1), piecesOf("a-b", "-", 0), piecesOf("", "-", -1), piecesOf(" a\u2003b ", "", 1), piecesOf("  ", "", 2)])
      .toEqual([["a", "b", "", "c"], ["a-b"], [""], ["a", "b "], []]);
  });
});
