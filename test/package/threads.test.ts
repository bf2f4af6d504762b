/** Packages for several threads: the same bits with any number of them, no races, errors, processes that fork, and the choice of processors. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { compile } from "../../compiler/api.ts";
import { model, node, tensor } from "../support/onnx.ts";
import { emptyFolder, have, sh, write } from "./tools.ts";

const root = emptyFolder(), strict = ["-Wall", "-Wextra", "-Werror"];
/** A convolution of several row tiles and panels, Winograd, a depthwise one, a pool, products of which two share a kernel, recurrences, and a softmax. */
async function network(settings: Readonly<Record<string, number>>) {
  const weights = (...shape: number[]) => tensor("f32", shape, Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => ((i * 7) % 11) / 40 - 0.1));
  const initializers = { a: weights(48, 8, 3, 3), b: weights(80, 48, 3, 3), d: weights(80, 1, 3, 3), e: weights(32, 80, 1, 1), f: weights(72, 70), p: weights(32, 72), q: weights(72, 72), w: weights(1, 280, 70), r: weights(1, 280, 70), u: weights(1, 210, 70), v: weights(1, 210, 70), steps: tensor("i64", [3], [17, 15, 70]), image: tensor("i64", [4], [1, 17, 15, 70]) };
  const nodes = [
    node("t1 = Conv(x, a)", { pads: [1, 1, 1, 1] }, "first"), node("t2 = Relu(t1)", {}, "relu"), node("t3 = Conv(t2, b)", { pads: [1, 1, 1, 1] }, "second"),
    node("t4 = Conv(t3, d)", { pads: [1, 1, 1, 1], group: 80 }, "depthwise"), node("t5 = Conv(t4, e)", {}, "pointwise"), node("t6 = MaxPool(t5)", { kernel_shape: [2, 2], strides: [2, 2] }, "pool"),
    node("t7 = Transpose(t6)", { perm: [0, 2, 3, 1] }, "transpose"), node("t71 = MatMul(t7, p)", {}, "short"), node("t72 = MatMul(t71, q)", {}, "long"), node("t8 = MatMul(t72, f)", {}, "product"), node("t9 = Reshape(t8, steps)", {}, "steps"), node("t10 = LSTM(t9, w, r)", { hidden_size: 70 }, "recurrence"), node("t101 = Reshape(t10, steps)", {}, "again"), node("t102 = GRU(t101, u, v)", { hidden_size: 70 }, "gates"), node("t11 = Reshape(t102, image)", {}, "image"), node("y = Softmax(t11)", { axis: -1 }, "softmax"),
  ];
  const bytes = model({ opset: 13, inputs: { x: "f32[1, 8, 34, 30]" }, outputs: ["y"], initializers, nodes });
  return compile(bytes, { name: "net", target: "cpp", isa: ["sse", "avx2", "neon"], settings });
}
const size = { x: 8 * 34 * 30, y: 17 * 15 * 70 };
const start = `#include <stdio.h>
#include <string.h>
#include "net.h"
static float x[${size.x}], want[${size.y}], y[${size.y}];
static unsigned char memory[2][NET_CONTEXT_BYTES];
static int wrong;
static void expect(int ok, int line) { if (!ok) { printf("line %d\\n", line); wrong = 1; } }
#define EXPECT(what) expect((what), __LINE__)
static void fill(void) { for (int i = 0; i < ${size.x}; ++i) x[i] = (float)(i * 31 % 97) / 50 - 1; }
`;
let folder = "", sources: readonly string[] = [], compileFlags: readonly string[] = [], linkFlags: readonly string[] = [];
beforeAll(async () => {
  const r = await network({ threads: 3 });
  if (r.build.kind !== "native") throw new Error("no native package");
  folder = write(join(root, "net"), r.files);
  ({ sources, compileFlags, linkFlags } = r.build);
});
async function built(name: string, main: string, compiler = "g++", flags: readonly string[] = []): Promise<string> {
  const objects = join(folder, name);
  mkdirSync(objects);
  for (const s of sources) await sh(folder, compiler, ...(s.endsWith(".S") ? [] : [...compileFlags, ...strict]), "-O1", ...flags, "-c", s, "-o", join(objects, `${s}.o`));
  writeFileSync(join(objects, "main.cpp"), start + main);
  await sh(folder, compiler, "-std=c++17", ...strict, ...flags, "-I.", join(objects, "main.cpp"), ...sources.map((s) => join(objects, `${s}.o`)), ...linkFlags, "-o", join(objects, "main"));
  return join(objects, "main");
}

test("without the setting there is nothing of threads in the package", async () => {
  const { files, build } = await network({});
  expect([...files.keys()].filter((f) => /threads|cpus/.test(f))).toEqual([]);
  for (const [name, text] of files) if (typeof text === "string") expect(text, name).not.toMatch(/pthread|Threads::|team|task/);
  expect(build.kind === "native" && build.linkFlags).toEqual(["-lm"]);
});
test("kernels are divided in phases, and so is each step of a recurrence; those that differ in numbers are one", () => {
  const text = readFileSync(join(folder, "net_kernels_avx2.cpp"), "utf8");
  expect(text).toMatch(/take\(team, task, n\d+, /);
  expect(text).toMatch(/take\(team, task, \d+, \d+, &at\)/);
  expect(text).toMatch(/for \(ptrdiff_t h_t = 0; h_t < 17; \+\+h_t\) \{\n {4}(if|for)[\s\S]*?\n {4}meet\(team\);\n {4}for \(piece at = /);
});

test("any number of threads gives the same bits, contexts run at once, and nothing races", async () => {
  const main = await built("tsan", `#include <pthread.h>
static void* work(void* mine) {
  net_context* c;
  static float results[2][${size.y}];
  float* own = results[mine == memory[1]];
  EXPECT(net_init(mine, NET_CONTEXT_BYTES, &c) == NET_OK);
  for (int round = 0; round < 3; ++round) for (int threads = 1; threads <= 3; ++threads) {
    EXPECT(net_set_threads_in(c, threads) == NET_OK);
    EXPECT(net_threads_in(c) == threads);
    for (int i = 0; i < 3; ++i) {
      memset(own, 0, sizeof results[0]);
      EXPECT(net_run_in(c, x, own) == NET_OK);
      EXPECT(memcmp(own, want, sizeof want) == 0);
    }
  }
  net_release(c);
  EXPECT(net_threads_in(c) == 1);
  return nullptr;
}
int main() {
  pthread_t other;
  fill();
  EXPECT(net_run(x, want) == NET_OK);
  EXPECT(net_set_threads(2) == NET_OK);
  EXPECT(net_run(x, y) == NET_OK && memcmp(y, want, sizeof y) == 0);
  pthread_create(&other, nullptr, work, memory[1]);
  work(memory[0]);
  pthread_join(other, nullptr);
  EXPECT(net_set_threads(1) == NET_OK);
  return wrong;
}
`, "g++", ["-g", "-fsanitize=thread"]);
  expect(await sh(folder, main)).toBe("");
});

test("errors, a process that forks, and threads that sleep", async () => {
  const main = await built("plain", `#include <sys/wait.h>
#include <unistd.h>
int main() {
  net_context* c;
  net_cpus cpus;
  fill();
  EXPECT(net_init(memory[0], NET_CONTEXT_BYTES, &c) == NET_OK);
  EXPECT(net_run_in(c, x, want) == NET_OK);
  EXPECT(net_set_threads_in(c, 0) == NET_ERROR_THREADS && net_set_threads_in(c, NET_MOST_THREADS + 1) == NET_ERROR_THREADS && net_threads_in(c) == 1);
  EXPECT(net_set_threads_in(nullptr, 2) == NET_ERROR_NULL && net_set_threads_in((net_context*)memory[1], 2) == NET_ERROR_BAD_CONTEXT && net_threads_in(nullptr) == 0);
  EXPECT(net_set_threads_in(c, 3) == NET_OK);
  usleep(20000);
  EXPECT(net_run_in(c, x, y) == NET_OK && memcmp(y, want, sizeof y) == 0);
  fflush(stdout);
  const pid_t child = fork();
  memset(y, 0, sizeof y);
  EXPECT(net_run_in(c, x, y) == NET_OK && memcmp(y, want, sizeof y) == 0);
  if (child == 0) {
    EXPECT(net_threads_in(c) == 1 && net_set_threads_in(c, 2) == NET_OK);
    EXPECT(net_run_in(c, x, y) == NET_OK && memcmp(y, want, sizeof y) == 0);
    net_release(c);
    fflush(stdout);
    _exit(wrong);
  }
  int status = 1;
  waitpid(child, &status, 0);
  EXPECT(status == 0);
  memset(&cpus, 0, sizeof cpus);
  EXPECT(net_set_cpus_in(c, &cpus) == NET_ERROR_CPUS && net_set_cpus_in(c, nullptr) == NET_ERROR_NULL && net_cpus_in((net_context*)memory[1], &cpus) == NET_ERROR_BAD_CONTEXT);
  EXPECT(net_cpus_in(c, &cpus) == NET_OK && net_set_cpus_in(c, &cpus) == NET_OK);
  int first = 0;
  while (!(cpus.bits[first / 64] >> first % 64 & 1)) ++first;
  net_cpus one, now;
  memset(&one, 0, sizeof one);
  one.bits[first / 64] = (uint64_t)1 << first % 64;
  EXPECT(net_set_cpus_in(c, &one) == NET_OK && net_cpus_in(c, &now) == NET_OK && memcmp(&one, &now, sizeof now) == 0);
  EXPECT(net_run_in(c, x, y) == NET_OK && memcmp(y, want, sizeof y) == 0);
  return wrong; // with the threads still there
}
`, "clang++");
  expect(await sh(folder, main)).toBe("");
});

describe("processors, by what a folder like the system's tells", () => {
  let main = "";
  beforeAll(async () => {
    main = await built("cpus", `#include <stdlib.h>
int main(int, char** argv) {
  net_cpus cpus;
  const int status = net_find_cpus(atoi(argv[1]), argv[2], &cpus);
  printf("%d", status);
  for (int i = 0; i < 64 * NET_CPU_WORDS && !status; ++i) if (cpus.bits[i / 64] >> i % 64 & 1) printf(" %d", i);
  fill();
  EXPECT(y[0] == want[0] && memory[0][0] == 0);
  return wrong;
}
`);
  });
  const fake = (name: string, online: string, khz: Readonly<Record<number, number>>): string => {
    for (const [cpu, n] of Object.entries(khz)) write(join(root, name, `cpu${cpu}`, "cpufreq"), [["cpuinfo_max_freq", `${n}\n`]]);
    write(join(root, name), [["online", `${online}\n`]]);
    return join(root, name);
  };
  const ask = async (which: number, folderOf: string) => sh(root, main, `${which}`, folderOf);
  test("four slow, three fast and one faster still", async () => {
    const soc = fake("soc", "0-7", { 0: 1800000, 1: 1800000, 2: 1800000, 3: 1800000, 4: 2600000, 5: 2600000, 6: 2600000, 7: 3000000 });
    expect([await ask(0, soc), await ask(1, soc), await ask(2, soc)]).toEqual(["0 0 1 2 3 4 5 6 7", "0 4 5 6 7", "0 0 1 2 3"]);
  });
  test("gaps, many processors, all alike", async () => {
    const server = fake("server", "0,2-3,100", { 0: 3000000, 2: 3000000, 3: 3000000, 100: 3000000 });
    expect([await ask(0, server), await ask(1, server), await ask(2, server)]).toEqual(["0 0 2 3 100", "0 0 2 3 100", "0 0 2 3 100"]);
  });
  test("a system that does not tell", async () => {
    expect(await ask(1, fake("silent", "0-1", {}))).toBe("0 0 1");
    expect(await ask(1, join(root, "nowhere"))).toBe("10");
    expect(await ask(7, fake("again", "0", { 0: 1000 }))).toBe("10");
  });
});

test.skipIf(!have("x86_64-w64-mingw32-g++"))("mingw-w64 links it with the threads of Windows", async () => {
  const objects: string[] = [];
  for (const s of sources) {
    objects.push(join(folder, `${s}.obj`));
    await sh(folder, "x86_64-w64-mingw32-g++", ...(s.endsWith(".S") ? [] : [...compileFlags, ...strict]), "-O1", "-c", s, "-o", objects.at(-1)!);
  }
  writeFileSync(join(folder, "win.c"), "#include \"net.h\"\nstatic float x[NET_INPUT0_COUNT], y[NET_OUTPUT0_COUNT];\nint main(void) { return net_set_threads(2) || net_run(x, y) || net_set_threads(1); }\n");
  await sh(folder, "x86_64-w64-mingw32-gcc", "win.c", ...objects, "-o", "win.exe");
});
