/** Functions and values that kernels in WGSL use: what the language lacks, or leaves open. */

/** One declaration of the module, and why it is needed. */
interface Declaration { readonly name: string; readonly why: string; readonly text: string }
const type = (element: string, lanes: number) => (lanes > 1 ? `vec${lanes}<${element}>` : element);
const parts = ["x", "y", "z", "w"] as const;
const declared = (why: string, texts: readonly string[]): readonly Declaration[] =>
  texts.map((text) => ({ why, text, name: /^(?:fn|var<private>) (\w+)/.exec(text)![1]! }));
/** For 1, 2 and 4 lanes: `t` makes the type of so many, `n` is the end of the name. */
const forWidths = (why: string, text: (t: (element: string) => string, n: string) => string): readonly Declaration[] =>
  declared(why, [1, 2, 4].map((n) => text((e) => type(e, n), n > 1 ? `${n}` : "")));
/** A function of all lanes by that of one. */
const laneByLane = (name: string, element: string, args: readonly string[]): readonly string[] => [2, 4].map((n) => {
  const t = type(element, n), each = parts.slice(0, n).map((p) => `${name}(${args.map((a) => `${a}.${p}`).join(", ")})`);
  return `fn ${name}${n}(${args.map((a) => `${a}: ${t}`).join(", ")}) -> ${t} { return ${t}(${each.join(", ")}); }`;
});
/** All lanes by a function of two. */
const across = (name: string, combine: (a: string, b: string) => string): readonly string[] => [
  `fn ${name}2(v: vec2<f32>) -> f32 { return ${combine("v.x", "v.y")}; }`,
  `fn ${name}4(v: vec4<f32>) -> f32 { return ${combine(combine("v.x", "v.y"), combine("v.z", "v.w"))}; }`,
];

const declarations: readonly Declaration[] = [
  ...declared("Infinities and NaN cannot be constants.", [
    "var<private> infinity_bits: u32 = 0x7f800000u;", "var<private> minus_infinity_bits: u32 = 0xff800000u;", "var<private> nan_bits: u32 = 0x7fc00000u;",
  ]),
  ...forWidths("The second where it is less: NaN stays, and of equal ones the first.",
    (t, n) => `fn smaller${n}(a: ${t("f32")}, b: ${t("f32")}) -> ${t("f32")} { return select(a, b, b < a); }`),
  ...forWidths("The second where it is greater: NaN stays, and of equal ones the first.",
    (t, n) => `fn larger${n}(a: ${t("f32")}, b: ${t("f32")}) -> ${t("f32")} { return select(a, b, a < b); }`),
  ...forWidths("Some devices make a number of NaN; and NaN does not differ from itself on all, but is never equal.",
    (t, n) => `fn exponential${n}(x: ${t("f32")}) -> ${t("f32")} { return select(x, exp(x), x == x); }`),
  ...declared("All lanes as one.", [
    ...across("product_lanes", (a, b) => `(${a} * ${b})`), ...across("largest_lane", (a, b) => `larger(${a}, ${b})`),
    ...across("smallest_lane", (a, b) => `smaller(${a}, ${b})`),
  ]),
  ...forWidths("Towards zero and modulo 2^32; 0 for what is no number.", (t, n) => [
    `fn whole_word${n}(x: ${t("f32")}) -> ${t("u32")} {`,
    `  let size = abs(trunc(x));`,
    `  let word = ${t("u32")}(size - floor(size * 0x1p-32f) * 0x1p32f);`,
    `  let signed = select(word, ~word + ${t("u32")}(1u), x < ${t("f32")}(0.0f));`,
    `  return select(${t("u32")}(0u), signed, size < ${t("f32")}(bitcast<f32>(infinity_bits)));`,
    `}`,
  ].join("\n")),
  ...["i32", "u32"].flatMap((e) => forWidths("Of a division by zero, 0.", (t, n) =>
    `fn quotient_${e}${n && `_${n}`}(a: ${t(e)}, b: ${t(e)}) -> ${t(e)} { return select(${t(e)}(), a / b, b != ${t(e)}()); }`)),
  ...declared("By squares; to a negative power, towards zero.", [
    ["fn power_u32(a: u32, n: u32) -> u32 {",
      "  var result = 1u;", "  var base = a;", "  var left = n;",
      "  while (left != 0u) {", "    if ((left & 1u) != 0u) { result *= base; }", "    base *= base;", "    left >>= 1u;", "  }",
      "  return result;", "}"].join("\n"),
    ["fn power_i32(a: i32, n: i32) -> i32 {",
      "  if (n < 0i) { return select(0i, select(select(1i, -1i, (n & 1i) != 0i), 1i, a == 1i), abs(a) == 1i); }",
      "  return bitcast<i32>(power_u32(bitcast<u32>(a), bitcast<u32>(n)));", "}"].join("\n"),
  ]),
  ...declared("The remainder towards zero, exact: long division of the mantissas.", [
    ["fn float_rest(a: f32, b: f32) -> f32 {",
      "  let sign = bitcast<u32>(a) & 0x80000000u;", "  let x = bitcast<u32>(a) & 0x7fffffffu;", "  let y = bitcast<u32>(b) & 0x7fffffffu;",
      "  if (y == 0u || x >= 0x7f800000u || y > 0x7f800000u) { return bitcast<f32>(nan_bits); }",
      "  if (x < y) { return a; }",
      "  var exponent = i32(x >> 23u);", "  var least = i32(y >> 23u);", "  var m = x & 0x7fffffu;", "  var d = y & 0x7fffffu;",
      "  if (exponent == 0i) { let s = countLeadingZeros(m) - 8u; m <<= s; exponent = 1i - i32(s); } else { m |= 0x800000u; }",
      "  if (least == 0i) { let s = countLeadingZeros(d) - 8u; d <<= s; least = 1i - i32(s); } else { d |= 0x800000u; }",
      "  while (exponent > least) {", "    if (m >= d) { m -= d; }", "    m <<= 1u;", "    exponent -= 1i;", "  }",
      "  if (m >= d) { m -= d; }",
      "  if (m == 0u) { return bitcast<f32>(sign); }",
      "  let s = countLeadingZeros(m) - 8u;", "  m <<= s;", "  exponent -= i32(s);",
      "  if (exponent > 0i) { return bitcast<f32>(sign | (m & 0x7fffffu) | (u32(exponent) << 23u)); }",
      "  return bitcast<f32>(sign | (m >> u32(1i - exponent)));", "}"].join("\n"),
    ...laneByLane("float_rest", "f32", ["a", "b"]),
  ]),
];
/** The names that a preamble may declare; each ends in the number of lanes where there are more than one. */
export const preambleNames: readonly string[] = declarations.map((d) => d.name);
/** What stands before the kernels of a module: the declarations that their text uses, and those that these use. */
export function preambleOf(kernels: string): string {
  const names = new Map(declarations.map((d) => [d.name, d] as const)), used = new Set<Declaration>();
  const need = (text: string): void => {
    for (const [word] of text.matchAll(/\w+/g)) {
      const d = names.get(word);
      if (d && !used.has(d)) { used.add(d); need(d.text); }
    }
  };
  need(kernels);
  let before = "";
  return declarations.filter((d) => used.has(d)).flatMap(({ why, text }) => {
    const lines = why === before ? [text] : [`// ${why}`, text];
    before = why;
    return lines;
  }).concat("").join("\n");
}
