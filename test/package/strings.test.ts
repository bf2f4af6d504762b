/** Packages of models with strings: what goes in and comes out, that memory is bounded and comes back, with threads too. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile } from "../../compiler/api.ts";
import { CompileError } from "../../compiler/diagnostics.ts";
import { model, node } from "../support/onnx.ts";
import { emptyFolder, sh, write } from "./tools.ts";

const root = emptyFolder(), utf8 = (s: string): Uint8Array => new TextEncoder().encode(s);
const bytes = model({
  opset: 20, inputs: { x: "string[3]", n: "i64[2]" },
  outputs: { joined: "string[3]", upper: "string[3]", lower: "string[2]", same: "bool[3]", match: "bool[3]", pieces: "string[3, 2]", counts: "i64[3]", moved: "string[2]", grams: "f32[2]" },
  initializers: { k: { dataType: 8, dims: [1], stringData: [utf8(" är")] } },
  nodes: [
    "joined = StringConcat(x, k)", node("upper = StringNormalizer(joined)", { case_change_action: "UPPER" }),
    node("lower = StringNormalizer(x)", { case_change_action: "LOWER", stopwords: ["ÖL"] }), "same = Equal(x, k)",
    node("match = RegexFullMatch(joined)", { pattern: ".*\\p{Lu}{2} \\S+" }), "pieces, counts = StringSplit(joined)", "moved = Gather(x, n)",
    node("grams = TfIdfVectorizer(x)", { mode: "TF", min_gram_length: 1, max_gram_length: 1, max_skip_count: 0, ngram_counts: [0], ngram_indexes: [0, 1], pool_strings: ["öl", "x"] }),
  ],
});
const program = `#include <stdio.h>
#include <string.h>
#include "net.h"
static const char *joined[3], *upper[3], *lower[2], *pieces[6], *moved[2];
static bool same[3], match[3];
static int64_t counts[3];
static float grams[2];
static int run(const char* const* x) {
  const int64_t n[2] = {2, -3};
  return net_run(x, n, joined, upper, lower, same, match, pieces, counts, moved, grams);
}
static void all(const char* name, const char** list, int count) {
  printf("%s", name);
  for (int i = 0; i < count; ++i) printf("|%s", list[i]);
  printf("\\n");
}
int main(void) {
  char first[] = "öl", large[2000];
  const char *x[3] = {first, "", "a ÖL"};
  memset(large, 'x', sizeof large);
  large[sizeof large - 1] = 0;
  for (int turn = 0; turn < 3; ++turn) {
    x[1] = turn == 1 ? large : "";
    if (turn == 1 && run(x) != NET_ERROR_TEXT) return 1;
    x[1] = NULL;
    if (turn == 1 && run(x) != NET_ERROR_NULL) return 2;
    x[1] = "";
    memcpy(first, "öl", 3);
    if (run(x)) return 3;
    /* Results do not lie in the caller's memory. */
    memset(first, '?', 3);
    all("joined", joined, 3), all("upper", upper, 3), all("lower", lower, 2), all("pieces", pieces, 6), all("moved", moved, 2);
    printf("%d%d%d %d%d%d %d %d %d %d %d\\n", same[0], same[1], same[2], match[0], match[1], match[2], (int)counts[0], (int)counts[1], (int)counts[2], (int)grams[0], (int)grams[1]);
  }
  return strcmp(net_input_info(0)->name, "x") || net_input_info(0)->dtype != NET_STRING || NET_INPUT0_BYTES != 3 * sizeof(char*);
}
`;
const once = "joined|öl är| är|a ÖL är\nupper|ÖL ÄR| ÄR|A ÖL ÄR\nlower||a öl\npieces|öl|är|är||a|ÖL\nmoved|a ÖL|öl\n000 001 2 1 3 1 0\n";

test.each([1, 2])("strings go in and come out: %i threads", async (threads) => {
  const { files, build } = await compile(bytes, { target: "cpp", name: "net", isa: ["sse", "neon"], settings: { threads, textBytes: 1024 } });
  if (build.kind !== "native") throw new Error("no native package");
  const folder = write(join(root, `net${threads}`), files), strict = ["-O0", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
  for (const s of build.sources) await sh(folder, "g++", ...(s.endsWith(".S") ? [] : [...build.compileFlags, ...strict]), "-c", s, "-o", `${s}.o`);
  writeFileSync(join(folder, "main.c"), program);
  await sh(folder, "gcc", "-std=c99", ...strict, "-c", "main.c", "-o", "main.o");
  await sh(folder, "g++", "-fsanitize=address,undefined", "main.o", ...build.sources.map((s) => `${s}.o`), ...build.linkFlags, "-o", "main");
  expect(await sh(folder, "./main")).toBe(once.repeat(3));
});
test("a model without strings has nothing of them", async () => {
  const { files } = await compile(model({ inputs: { x: "f32[2]" }, nodes: ["y = Relu(x)"], outputs: ["y"] }), { target: "cpp", name: "net", isa: ["sse"] });
  for (const [name, text] of files) if (typeof text === "string") expect(text, name).not.toMatch(/text_heap|NET_ERROR_TEXT|NET_STRING/);
});
test.each(["opencl", "webgpu"])("%s has no strings, and says which", async (target) => {
  const made = compile(bytes, { target, name: "net" });
  await expect(made).rejects.toThrow(CompileError);
  const { diagnostics } = await made.catch((e: CompileError) => e) as CompileError;
  expect(diagnostics.filter((d) => d.severity === "error").map((d) => d.message)).toContainEqual(expect.stringMatching(/^the input x is string: .*choose the target cpp$/));
});
