/**
 * npm run conformance -- --target cpp [--filter PATTERN] [--jobs N] [--isa NAME] [--data DIR] [--sanitize] [--keep]
 *                        [--verbose] [--no-list] [--suggest] [--report FILE]
 *
 * Runs ONNX's published cases against a target, or with --target reference in the compiler's own evaluator, and prints
 * `N passed, N failed, N skipped`. A case that a list of exceptions names (all-exceptions.txt, or the target's own) is skipped when
 * it does not pass and an error when it does. With --filter (comma-separated
 * patterns, `*` for any run of characters) lines of the list that match nothing are no error. With --sanitize native programs are built with the
 * address and undefined-behaviour sanitizers, and a warning is an error. --no-list shows every case as it is; --report writes all results as JSON; --suggest prints a list of exceptions for what did not pass.
 */
import { fork } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { commandLine } from "../support/command-line.ts";
import { listCases, type Case } from "./cases.ts";
import { glob, matches, parseExceptions, type Exception } from "./exceptions.ts";
import { runGroup, type GroupTimes, type Result } from "./group.ts";
import { compileWith } from "./compile.ts";
import { machineFor, runOptions } from "./machine.ts";
import { evaluateCases } from "./reference.ts";
import { suggestExceptions } from "./suggest.ts";

const here = dirname(fileURLToPath(import.meta.url));
const flags = commandLine(import.meta.url, {
  target: { type: "string", default: "cpp" }, filter: { type: "string" }, jobs: { type: "string" }, isa: { type: "string" },
  data: { type: "string", default: join(here, "../../.cache/onnx-data") }, keep: { type: "boolean", default: false },
  sanitize: { type: "boolean", default: false }, verbose: { type: "boolean", default: false }, "no-list": { type: "boolean", default: false }, suggest: { type: "boolean", default: false }, report: { type: "string" },
  group: { type: "string", default: "48" }, worker: { type: "boolean", default: false },
});
interface Listed extends Exception { readonly file: string }
interface Job { readonly index: number; readonly cases: readonly Case[] }
interface Done { readonly index: number; readonly results: readonly Result[]; readonly times: GroupTimes }

async function worker(): Promise<void> {
  if (flags.target === "reference") {
    process.on("message", (job: Job) => process.send!({ index: job.index, ...evaluateCases(job.cases) } satisfies Done));
    return;
  }
  const { compile } = await import("../../compiler/index.ts");
  const machine = machineFor(flags.target, flags.isa);
  process.on("message", (job: Job) => {
    const folder = join(tmpdir(), `mlc-conformance-${process.ppid}-${job.index}`);
    runGroup(job.cases, {
      compile: compileWith((model, options) => compile(model, options), { ...machine.options, target: flags.target }),
      ...runOptions(machine, folder, flags.sanitize), keep: flags.keep,
    }).then((r) => process.send!({ index: job.index, ...r } satisfies Done), (e: Error) => {
      process.stderr.write(`group ${job.index} (${folder}): ${e.stack}\n`);
      process.exit(1);
    });
  });
}
/** A group's results; a process that dies takes its group with it, so the group is tried again in halves. */
async function inProcess(jobs: Job[], report: (d: Done) => void): Promise<void> {
  let next = jobs.length;
  const start = (): Promise<void> => new Promise((resolve) => {
    const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), "--worker"], { execArgv: process.execArgv });
    let job = jobs.shift();
    if (!job) { child.kill(); resolve(); return; }
    child.send(job);
    child.on("message", (d: Done) => {
      report(d);
      job = jobs.shift();
      if (job) child.send(job); else child.disconnect();
    });
    child.on("exit", () => {
      const { cases = [], index = 0 } = job ?? {};
      if (!job) { resolve(); return; }
      if (cases.length === 1) {
        report({ index, times: { compile: 0, build: 0, run: 0 }, results: [{ name: cases[0]!.name, outcome: "failed", reason: "ended the compiler's process", pinned: [], ops: [], types: [] }] });
      } else {
        const half = cases.length >> 1;
        jobs.push({ index: next++, cases: cases.slice(0, half) }, { index: next++, cases: cases.slice(half) });
      }
      start().then(resolve);
    });
  });
  const count = Math.min(jobs.length, flags.jobs ? Number(flags.jobs) : availableParallelism());
  await Promise.all(Array.from({ length: count }, start));
}

async function main(): Promise<number> {
  if (!existsSync(join(flags.data, "node"))) {
    console.error(`${flags.data} does not hold ONNX's cases; scripts/fetch-onnx-data.sh gets them`);
    return 2;
  }
  const list = flags["no-list"] || flags.target === "reference" ? [] : ["all", flags.target].flatMap((name): readonly Listed[] => {
    const file = `${name}-exceptions.txt`, path = join(here, file);
    return existsSync(path) ? parseExceptions(readFileSync(path, "utf8")).map((e) => ({ ...e, file })) : [];
  });
  const wanted = flags.filter?.split(",").map((p) => glob(p.includes("*") || p.includes("/") ? p : `*${p}*`));
  const cases = listCases(flags.data).filter((c) => !wanted || wanted.some((w) => w.test(c.name)));
  // Dealt like cards, so that every group has its share of the slow families.
  const groups = Math.max(1, Math.ceil(cases.length / Number(flags.group)));
  const jobs = Array.from({ length: groups }, (_, index) => ({ index, cases: cases.filter((_, i) => i % groups === index) })).filter((j) => j.cases.length);
  const started = Date.now(), results: Result[] = [], times: GroupTimes = { compile: 0, build: 0, run: 0 };
  await inProcess(jobs, (d) => {
    results.push(...d.results);
    for (const k of ["compile", "build", "run"] as const) times[k] += d.times[k];
    if (process.stderr.isTTY) process.stderr.write(`\r${results.length} of ${cases.length}`);
  });
  if (process.stderr.isTTY) process.stderr.write("\r");
  results.sort((a, b) => (a.name < b.name ? -1 : 1));

  const used = new Set<Listed>(), failed: string[] = [];
  let passed = 0, skipped = 0, pinned = 0;
  for (const r of results) {
    const known = list.filter((e) => matches(e, { name: r.name, ops: new Set(r.ops), types: new Set(r.types) }));
    for (const e of known) used.add(e);
    if (r.outcome === "passed") {
      if (known.length) failed.push(`${r.name}: passes, but ${known[0]!.file}:${known[0]!.line} names it (${known[0]!.reason})`);
      else { passed++; if (r.pinned.length) pinned++; }
    } else if (known.length || (flags.target === "reference" && r.outcome === "refused")) {
      skipped++;
      if (flags.verbose) console.log(`skipped ${r.name}: ${r.reason}`);
    } else failed.push(`${r.name}: ${r.outcome}: ${r.reason}`);
  }
  const stale = wanted ? [] : list.filter((e) => !used.has(e));
  for (const f of failed) console.log(`FAIL ${f}`);
  for (const e of stale) console.log(`FAIL ${e.file}:${e.line}: ${e.pattern} stands for no case`);
  if (flags.suggest) console.log(suggestExceptions(results));
  if (flags.report) writeFileSync(flags.report, JSON.stringify(results, null, 1));
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(0)} s`;
  console.log(`${cases.length} cases in ${seconds(Date.now() - started)} (mlc ${seconds(times.compile)}, build ${seconds(times.build)}, runs ${seconds(times.run)}); ` +
    `${pinned} of those passed have shape-like inputs given at compile time`);
  console.log(`${passed} passed, ${failed.length} failed, ${skipped} skipped`);
  return failed.length + stale.length ? 1 : 0;
}
if (flags.worker) await worker();
else process.exitCode = await main();
