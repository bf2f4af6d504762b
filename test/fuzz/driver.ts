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
  readonly inputBytes: readonly number[];
  readonly outputBytes: readonly number[];
  readonly arenaBytes: number;
  /** Where its inputs and outputs lie in the files, one for each set. */
  readonly runs: readonly { readonly inputAt: number; readonly outputAt: number }[];
}
/** What a child's exit tells. */
export const codes = { inputChanged: 101, beforeStart: 102 } as const;

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
struct run { size_t in, out; };
struct test { int (*init)(void *, size_t, void **); int (*run)(void *, void **); size_t inputs, outputs, arena, runs; const size_t *bytes; const struct run *at; };
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
  /* A context lies at a multiple of 64 in what it is given, 64 bytes long, and working memory follows. */
#ifdef SANITIZED
  unsigned char *raw = guarded(t->arena + 64 + 63, 0xff), *memory = raw + (64 - (uintptr_t)raw % 64) % 64;
  size_t size = (size_t)(raw + t->arena + 64 + 63 - memory);
#else
  unsigned char *memory = guarded(t->arena + 64, 0xff);
  size_t size = t->arena + 64;
#endif
  void *context;
  int code = t->init(memory, size, &context);
  if (code) return code & 127;
  alarm(SECONDS);
  for (r = 0; r < t->runs; r++) {
    const unsigned char *from = in + t->at[r].in;
    unsigned char *to = out + t->at[r].out;
    for (i = 0; i < n; i++) {
      b[i] = guarded(t->bytes[i], 0xff);
      if (i < t->inputs) { memcpy(b[i], from, t->bytes[i]); from += t->bytes[i]; }
    }
    code = t->run(context, (void **)b);
    if (code) return code & 127;
    from = in + t->at[r].in;
    for (i = 0; i < n; i++) {
      if (touched(b[i])) return ${codes.beforeStart};
      if (i < t->inputs) { if (memcmp(b[i], from, t->bytes[i])) return ${codes.inputChanged}; from += t->bytes[i]; }
      else { memcpy(to, b[i], t->bytes[i]); to += t->bytes[i]; }
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
/** C99 with POSIX. Wants `<name>/<name>.h` for each case. */
export function driverText(cases: readonly DriverCase[]): string {
  const each = cases.map((c) => {
    const args = [...c.inputBytes, ...c.outputBytes].map((_, i) => `, b[${i}]`).join("");
    return `#include "${c.name}/${c.name}.h"
static int init_${c.name}(void *m, size_t n, void **c) { return ${c.name}_init(m, n, (${c.name}_context **)c); }
static int run_${c.name}(void *c, void **b) { (void)b; return ${c.name}_run_in((${c.name}_context *)c${args}); }
static const size_t bytes_${c.name}[] = {${[...c.inputBytes, ...c.outputBytes].join(", ")}};
static const struct run runs_${c.name}[] = {${c.runs.map((r) => `{${r.inputAt}, ${r.outputAt}}`).join(", ")}};`;
  });
  const rows = cases.map((c) => `  {init_${c.name}, run_${c.name}, ${c.inputBytes.length}, ${c.outputBytes.length}, ${c.arenaBytes}, ${c.runs.length}, bytes_${c.name}, runs_${c.name}},`);
  return `${support}${each.join("\n")}\nstatic const struct test tests[] = {\n${rows.join("\n")}\n};\n${main}`;
}
/** What a line of the driver's report means; null where the run went well. */
export function failureOf(what: string, value: number): string | null {
  if (what === "signal") return value === 14 ? "ran longer than a minute" : value === 11 || value === 7 ? "touched memory outside its buffers (signal 11)" : `ended by signal ${value}`;
  if (value === codes.beforeStart) return "wrote before the start of a buffer";
  if (value === codes.inputChanged) return "changed an input";
  return value === 0 ? null : `returned error ${value}`;
}
