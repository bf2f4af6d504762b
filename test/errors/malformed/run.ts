/**
 * npm run fuzz:models -- [--seed N] [--count M] [--target cpp,opencl,webgpu] [--jobs J] [--own | --corpus]
 * npm run fuzz:models -- --show NUMBER [--write FILE]
 *
 * Breaks ONNX models (their fields and their bytes) and compiles them: files N .. N+M-1, each for one of the targets in turn.
 * Prints the number of each file that makes the compiler crash, hang, take more than 2 GB or write what it should not, with the
 * first line of why; the same mistake is printed once. --show compiles one file again, --write keeps it. --own breaks only models that are
 * written in the tests; --corpus compiles the hostile models of the tests as they are.
 */
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { commandLine } from "../../support/command-line.ts";
import { judge } from "./judge.ts";
import { hunt, type Found } from "./hunt.ts";

const flags = commandLine(import.meta.url, {
  seed: { type: "string", default: "1" }, count: { type: "string", default: "2000" }, target: { type: "string", default: "cpp,opencl,webgpu" },
  jobs: { type: "string" }, own: { type: "boolean", default: false }, corpus: { type: "boolean", default: false }, show: { type: "string" }, write: { type: "string" },
});
const source = flags.corpus ? "corpus" : flags.own ? "own" : "all";
const targets = flags.target.split(",");
/** What two reports of one mistake have in common: the message without numbers and names, and where it was thrown. */
const kindOf = (f: Found): string => {
  const [line = "", ...rest] = f.reason.split("\n"), first = /failed:$|together:$/.test(line) ? `${line} ${rest[0]}` : line, where = rest.find((l) => /^\s+at .*(compiler|targets)\//.test(l)) ?? "";
  return `${/limit|longer|memory/.test(first) ? f.number : first.replace(/node .*?[:(]/g, "node:").replace(/[\d.-]+|"[^"]*"/g, "#").slice(0, 120)} ${where.replace(/.*\/(compiler|targets)\//, "$1/")}`;
};
async function show(number: number): Promise<void> {
  const { fileOf } = await import("./worker.ts"), { bytes, target, from } = fileOf(number, targets, source);
  if (flags.write) writeFileSync(flags.write, bytes);
  console.log(`${number}: ${bytes.length} bytes, from ${from}, for ${target}`);
  const start = Date.now(), v = await judge(bytes, target);
  console.log(`${v.outcome}: ${v.reason} (${Date.now() - start} ms, ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB)`);
}
async function all(): Promise<number> {
  const kinds = new Map<string, number>(), started = Date.now(), count = Number(flags.count);
  const caught = await hunt({
    seed: Number(flags.seed), count, targets, jobs: Number(flags.jobs ?? availableParallelism()), source,
    onFound: (f) => {
      const kind = kindOf(f), times = (kinds.get(kind) ?? 0) + 1;
      kinds.set(kind, times);
      if (times === 1) console.log(`BAD ${f.number}: ${f.reason.split("\n").slice(0, 6).join("\n  ")}`);
    },
    onProgress: (done) => console.log(`${done} of ${count} (${((Date.now() - started) / 1000).toFixed(0)} s)`),
  });
  for (const [kind, times] of kinds) console.log(`${times} x ${kind}`);
  console.log(`${count} files: ${caught.refused} refused, ${caught.compiled} compiled, ${caught.found.length} bad; slowest ${caught.slowest.number} in ${caught.slowest.ms.toFixed(0)} ms`);
  return caught.found.length ? 1 : 0;
}
if (flags.show) await show(Number(flags.show));
else process.exitCode = await all();
