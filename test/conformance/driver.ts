/**
 * The C program that runs a group of compiled cases. Each run happens in a forked child with a time limit. Inputs and
 * outputs end at a page that cannot be touched, and a filled margin stands before them, so a kernel that leaves its
 * buffers is found. Inputs are read from the file argv[1]; outputs go to argv[2]; argv[3] are the seconds a run may take; a line
 * "@shape output dimensions" for each output whose shape a run tells, and "@run what value text" for each run, on stdout, behind what the run itself had to say.
 */
import { stringBytes } from "./proto.ts";

/** An input or output, as many bytes as in the files of inputs and outputs; `isText`: strings, of which each run gets or gives pointers; `open`: a run is told its shape, or tells it. */
export interface DriverPort { readonly bytes: number; readonly isText: boolean; readonly open: boolean }
export interface DriverCase {
  /** The prefix of the generated API. */
  readonly name: string;
  /** The first statements of the program that include what declares the API. */
  readonly include: string;
  readonly inputs: readonly DriverPort[];
  readonly outputs: readonly DriverPort[];
  /** Whether the API has `<name>_error`. */
  readonly hasErrorText: boolean;
}
/** One run of a case: where its inputs lie in the input file, and its outputs in the output file; shapes of open inputs, null for the others. */
export interface DriverRun { readonly case: number; readonly inputAt: number; readonly outputAt: number; readonly shapes: readonly (readonly number[] | null)[] }

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
`;
const main = `
enum { MARGIN = 256, LEFT_ITS_BUFFER = 200, TEXT = ${stringBytes} };

/* A buffer of exactly \`bytes\` that ends where a page without access begins. */
static unsigned char *guarded(size_t bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (bytes + MARGIN + page - 1) / page * page;
  unsigned char *base = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED || mprotect(base + whole, page, PROT_NONE)) exit(201);
  memset(base, 0xA5, whole);
  return base + whole - bytes;
}
static int touched(const unsigned char *buffer) {
  for (int i = 1; i <= MARGIN; i++) if (buffer[-i] != 0xA5) return 1;
  return 0;
}
static int seconds;
static int child(const struct test *t, const unsigned char *in, unsigned char *out, const int64_t *const *shapes) {
  unsigned char *b[64];
  size_t n = t->inputs + t->outputs, i, k;
  for (i = 0; i < n; i++) {
    /* Of strings, the caller's memory holds pointers. */
    b[i] = guarded(t->is_text[i] ? t->bytes[i] / TEXT * sizeof(char *) : t->bytes[i]);
    if (i >= t->inputs) continue;
    if (t->is_text[i]) for (k = 0; k < t->bytes[i] / TEXT; k++) ((const char **)b[i])[k] = (const char *)in + k * TEXT;
    else memcpy(b[i], in, t->bytes[i]);
    in += t->bytes[i];
  }
  alarm((unsigned)seconds);
  int code = 0;
  for (i = 0; !code && i < t->inputs; i++) if (shapes[i]) code = t->set_shape((int)i, shapes[i]);
  if (!code) code = t->run((void **)b);
  if (code) return code & 127;
  for (i = 0; i < n; i++) {
    if (touched(b[i])) return LEFT_ITS_BUFFER;
    if (i < t->inputs) continue;
    if (t->is_text[i]) for (k = 0; k < t->bytes[i] / TEXT; k++) strncpy((char *)out + k * TEXT, ((const char **)b[i])[k], TEXT - 1);
    else memcpy(out, b[i], t->bytes[i]);
    out += t->bytes[i];
  }
  return 0;
}
int main(int argc, char **argv) {
  if (argc != 4) return 2;
  seconds = atoi(argv[3]);
  int fi = open(argv[1], O_RDONLY), fo = open(argv[2], O_RDWR);
  struct stat si, so;
  if (fi < 0 || fo < 0 || fstat(fi, &si) || fstat(fo, &so)) return 2;
  const unsigned char *in = mmap(NULL, (size_t)si.st_size, PROT_READ, MAP_PRIVATE, fi, 0);
  unsigned char *out = mmap(NULL, (size_t)so.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fo, 0);
  if (in == MAP_FAILED || out == MAP_FAILED) return 2;
  warm();
  dup2(1, 2);
  for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
    pid_t pid = fork();
    if (pid < 0) return 2;
    if (pid == 0) _exit(child(&tests[runs[i].test], in + runs[i].in, out + runs[i].out, runs[i].shapes));
    int status = 0;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status)) printf("\\n@%zu signal %d\\n", i, WTERMSIG(status));
    else printf("\\n@%zu exit %d %s\\n", i, WEXITSTATUS(status), tests[runs[i].test].text(WEXITSTATUS(status)));
    fflush(stdout);
  }
  return 0;
}
`;

/** The program's text, C99 with POSIX. `warm`: another file has a function of this name, for what comes before the children are made. */
export function driverText(cases: readonly DriverCase[], runs: readonly DriverRun[], warm = false): string {
  const calls = cases.map((c) => {
    const args = [...c.inputs, ...c.outputs].map((_, i) => `b[${i}]`);
    const shapes = c.outputs.flatMap((p, k) => (p.open ? [` if (!code && !(code = ${c.name}_output_shape(${k}, dims))) { dprintf(1, "\\n@shape ${k}"); for (int d = 0; d < ${c.name}_output_info(${k})->rank; d++) dprintf(1, " %lld", (long long)dims[d]); dprintf(1, "\\n"); }`] : []));
    return `static int run_${c.name}(void **b) { (void)b;${shapes.length ? " int64_t dims[64];" : ""} int code = ${c.name}_run(${args.join(", ")});${shapes.join("")} return code; }
static int shape_${c.name}(int i, const int64_t *dims) { ${c.inputs.some((p) => p.open) ? `return ${c.name}_set_input_shape(i, dims);` : "(void)i, (void)dims; return 0;"} }
static const char *text_${c.name}(int code) { ${c.hasErrorText ? `return ${c.name}_error(code)` : '(void)code; return ""'}; }`;
  });
  const rows = cases.map((c) => {
    const ports = [...c.inputs, ...c.outputs], list = (f: (p: DriverPort) => number) => `{${ports.map(f).join(", ")}}`;
    return `  {run_${c.name}, shape_${c.name}, text_${c.name}, ${c.inputs.length}, ${c.outputs.length}, ${list((p) => p.bytes)}, ${list((p) => Number(p.isText))}},`;
  });
  return `${support}${cases.map((c) => c.include).join("\n")}

${calls.join("\n")}

static const struct test { int (*run)(void **); int (*set_shape)(int, const int64_t *); const char *(*text)(int); size_t inputs, outputs; size_t bytes[64]; char is_text[64]; } tests[] = {
${rows.join("\n")}
};
${runs.map((r, i) => `${r.shapes.map((s, k) => (s ? `static const int64_t dims_${i}_${k}[] = {${[...s, 0].join(", ")}};\n` : "")).join("")}static const int64_t *const shapes_${i}[] = {${[...r.shapes.map((s, k) => (s ? `dims_${i}_${k}` : "0")), "0"].join(", ")}};`).join("\n")}
static const struct { size_t test, in, out; const int64_t *const *shapes; } runs[] = {
${runs.map((r, i) => `  {${r.case}, ${r.inputAt}, ${r.outputAt}, shapes_${i}},`).join("\n")}
};
${warm ? "void warm(void);" : "static void warm(void) {}"}
${main}`;
}

/** What a line of the driver's report means; null where the run went well. */
export function failureOf(what: string, value: number, text = ""): string | null {
  if (what === "signal") return value === 14 ? "ran longer than it may" : value === 11 || value === 7 ? "touched memory outside its buffers (signal 11)" : `ended by signal ${value}`;
  if (value === 200) return "wrote before the start of a buffer";
  return value === 0 ? null : `returned error ${value}${text ? `: ${text}` : ""}`;
}
