/**
 * The program that runs many compiled graphs. Each runs in a forked child with a time limit, in a context of its own,
 * whose memory and that of all inputs and outputs has exactly the size it must have: it ends at a page that cannot be
 * touched, or lies on the heap where a sanitiser watches it. Working memory starts as NaN, and each graph runs as many times as
 * there are sets of inputs, one after the other in the same context, so that what is left over from a run is found.
 * Inputs are read from argv[1], outputs go to argv[2]; a line "graph what value" each on stdout.
 */
export interface DriverCase {
  /** The prefix of the generated API. */
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Whether a run is told the shapes of its inputs, and tells those of its outputs. */
  readonly open: boolean;
  readonly runs: readonly DriverRun[];
}
/** A set of inputs: where they and the outputs lie in the files, and their sizes. */
export interface DriverRun {
  readonly inputAt: number;
  readonly outputAt: number;
  readonly inputBytes: readonly number[];
  readonly outputBytes: readonly number[];
  /** Of inputs, then outputs. */
  readonly shapes: readonly (readonly number[])[];
  /** Which outputs have to have their shape. */
  readonly told: readonly boolean[];
  /** Whether its shapes have to be refused. */
  readonly refused: boolean;
}
/** What a child's exit tells. */
export const codes = { inputChanged: 101, beforeStart: 102, otherShape: 103, notRefused: 104,  } as const;

const support = `#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
struct run { size_t in, out; const size_t *bytes; const int64_t *dims; int refused; };
struct test { int (*init)(void *, size_t, void **); int (*shapes)(void *, const int64_t *); int (*run)(void *, void **); int (*told)(void *, const int64_t *); int refusal; size_t inputs, outputs, context, runs; const struct run *at; };
`;
const main = `
enum { MARGIN = 256, SECONDS = 60 };
#ifdef SANITIZED
static unsigned char *guarded(size_t bytes, int fill) {
  unsigned char *p = malloc(bytes);
  memset(p, fill, bytes);
  return p;
}
static int touched(const unsigned char *buffer) { (void)buffer; return 0; }
#else
/* Exactly \`bytes\` that end where a page without access begins. */
static unsigned char *guarded(size_t bytes, int fill) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (bytes + MARGIN + page - 1) / page * page;
  unsigned char *base = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED || mprotect(base + whole, page, PROT_NONE)) exit(99);
  memset(base, 0xA5, whole - bytes);
  memset(base + whole - bytes, fill, bytes);
  return base + whole - bytes;
}
static int touched(const unsigned char *buffer) {
  for (int i = 1; i <= MARGIN; i++) if (buffer[-i] != 0xA5) return 1;
  return 0;
}
#endif
static int child(const struct test *t, const unsigned char *in, unsigned char *out) {
  unsigned char *b[64];
  size_t n = t->inputs + t->outputs, i, r;
  /* A context lies at a multiple of 64 in what it is given; what it needs counts 64 bytes to get there. */
#ifdef SANITIZED
  size_t size = t->context - 1;
  unsigned char *memory = guarded(size, 0xff);
#else
  size_t size = t->context - 64;
  unsigned char *memory = guarded(size, 0xff);
#endif
  void *context;
  int code = t->init(memory, size, &context);
  if (code) return code & 127;
  alarm(SECONDS);
  for (r = 0; r < t->runs; r++) {
    const struct run *at = &t->at[r];
    const unsigned char *from = in + at->in;
    unsigned char *to = out + at->out;
    for (i = 0; i < n; i++) {
      b[i] = guarded(at->bytes[i], 0xff);
      if (i < t->inputs) { memcpy(b[i], from, at->bytes[i]); from += at->bytes[i]; }
    }
    code = t->shapes(context, at->dims);
    if (!code) code = t->run(context, (void **)b);
    if (at->refused) {
      if (code != t->refusal) return code ? code & 127 : ${codes.notRefused};
      continue;
    }
    if (code) return code & 127;
    if (t->told(context, at->dims)) return ${codes.otherShape};
    from = in + at->in;
    for (i = 0; i < n; i++) {
      if (touched(b[i])) return ${codes.beforeStart};
      if (i < t->inputs) { if (memcmp(b[i], from, at->bytes[i])) return ${codes.inputChanged}; from += at->bytes[i]; }
      else { memcpy(to, b[i], at->bytes[i]); to += at->bytes[i]; }
    }
  }
  return 0;
}
int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int fi = open(argv[1], O_RDONLY), fo = open(argv[2], O_RDWR);
  struct stat si, so;
  if (fi < 0 || fo < 0 || fstat(fi, &si) || fstat(fo, &so)) return 2;
  const unsigned char *in = mmap(NULL, (size_t)si.st_size, PROT_READ, MAP_PRIVATE, fi, 0);
  unsigned char *out = mmap(NULL, (size_t)so.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fo, 0);
  if (in == MAP_FAILED || out == MAP_FAILED) return 2;
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
    pid_t pid = fork();
    if (pid < 0) return 2;
    if (pid == 0) _exit(child(&tests[i], in, out));
    int status = 0;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status)) printf("%zu signal %d\\n", i, WTERMSIG(status));
    else printf("%zu exit %d\\n", i, WEXITSTATUS(status));
    fflush(stdout);
  }
  return 0;
}
`;
/** Functions that tell a context the shapes of a run's inputs, and compare those of its outputs, of which -1 may be any. */
function shapesText(c: DriverCase): string {
  if (!c.open) return `static int shapes_${c.name}(void *c, const int64_t *d) { (void)c; (void)d; return 0; }\n#define told_${c.name} shapes_${c.name}\nenum { refusal_${c.name} = -1 };`;
  const ranks = (c.runs[0]?.shapes ?? []).map((s) => s.length), starts = ranks.map((_, i) => ranks.slice(0, i).reduce((a, b) => a + b, 0));
  const set = starts.slice(0, c.inputs).map((at, i) => `if ((code = ${c.name}_set_input_shape_in((${c.name}_context *)c, ${i}, d + ${at}))) return code;`);
  const got = starts.slice(c.inputs).map((at, k) => `if (${c.name}_output_shape_in((${c.name}_context *)c, ${k}, got)) return 1; for (i = 0; i < ${ranks[c.inputs + k]}; i++) if (d[${at} + i] >= 0 && got[i] != d[${at} + i]) return 1;`);
  return `static int shapes_${c.name}(void *c, const int64_t *d) { int code = 0; (void)c; (void)d; ${set.join(" ")} return code; }
static int told_${c.name}(void *c, const int64_t *d) { int64_t got[64]; int i; ${got.join(" ")} return 0; }
enum { refusal_${c.name} = ${c.name.toUpperCase()}_ERROR_SHAPE };`;
}
/** C99 with POSIX. Wants `<name>/<name>.h` for each case. */
export function driverText(cases: readonly DriverCase[]): string {
  const each = cases.map((c) => {
    const args = Array.from({ length: c.inputs + c.outputs }, (_, i) => `, b[${i}]`).join("");
    // An empty list is no C.
    const list = (numbers: readonly number[]) => `{${[...numbers, 0].join(", ")}}`;
    const tables = c.runs.map((r, i) => `static const size_t bytes_${c.name}_${i}[] = ${list([...r.inputBytes, ...r.outputBytes])};
static const int64_t dims_${c.name}_${i}[] = ${list(r.shapes.flatMap((s, k) => s.map((d) => (k < c.inputs || r.told[k - c.inputs] ? d : -1))))};`);
    return `#include "${c.name}/${c.name}.h"
static int init_${c.name}(void *m, size_t n, void **c) { return ${c.name}_init(m, n, (${c.name}_context **)c); }
static int run_${c.name}(void *c, void **b) { (void)b; return ${c.name}_run_in((${c.name}_context *)c${args}); }
${shapesText(c)}
${tables.join("\n")}
static const struct run runs_${c.name}[] = {${c.runs.map((r, i) => `{${r.inputAt}, ${r.outputAt}, bytes_${c.name}_${i}, dims_${c.name}_${i}, ${Number(r.refused)}}`).join(", ")}};`;
  });
  const rows = cases.map((c) => `  {init_${c.name}, shapes_${c.name}, run_${c.name}, told_${c.name}, refusal_${c.name}, ${c.inputs}, ${c.outputs}, ${c.name.toUpperCase()}_CONTEXT_BYTES, ${c.runs.length}, runs_${c.name}},`);
  return `${support}${each.join("\n")}\nstatic const struct test tests[] = {\n${rows.join("\n")}\n};\n${main}`;
}
/** What a line of the driver's report means; null where the run went well. */
export function failureOf(what: string, value: number): string | null {
  if (what === "signal") return value === 14 ? "ran longer than a minute" : value === 11 || value === 7 ? "touched memory outside its buffers (signal 11)" : `ended by signal ${value}`;
  if (value === codes.beforeStart) return "wrote before the start of a buffer";
  if (value === codes.inputChanged) return "changed an input";
  if (value === codes.otherShape) return "told another shape of an output";
  if (value === codes.notRefused) return "took shapes that it has to refuse";
  return value === 0 ? null : `returned error ${value}`;
}
