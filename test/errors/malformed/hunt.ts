/** Broken models in numbers, in processes that are watched: a hang, a death or too much memory is found and told with the file's number. */
import { fork, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Verdict } from "./judge.ts";

/** Broken files from all models, or only from those that are written in the tests; or the hostile files by their place in the corpus. */
export type Source = "all" | "own" | "corpus";
export interface Asked { readonly from: number; readonly count: number; readonly targets: readonly string[]; readonly source: Source }
/** The number that the process starts on, then the same with the verdict; -1 at the end. */
export interface Told { readonly number: number; readonly verdict?: Verdict; readonly ms?: number }
export interface Found { readonly number: number; readonly reason: string }
export interface Hunt {
  readonly seed: number;
  readonly count: number;
  readonly targets: readonly string[];
  readonly jobs: number;
  readonly source?: Source;
  readonly onVerdict?: (number: number, v: Verdict) => void;
  readonly onFound?: (f: Found) => void;
  readonly onProgress?: (done: number) => void;
}
export interface Caught { readonly found: readonly Found[]; readonly compiled: number; readonly refused: number; readonly slowest: { readonly number: number; readonly ms: number } }

/** Limits for one file: seconds of the processor, bytes of memory of the whole process. */
const mostSeconds = 20, mostBytes = 2 ** 31;
/** A process compiles so many files: what the compiler remembers of all of them is no leak of one. */
const portion = 1000;
/** Seconds of the processor that a process has used, and the bytes that it holds; null where the system does not tell. */
function usageOf(pid: number): { readonly seconds: number; readonly bytes: number } | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");
    return { seconds: (Number(fields[11]) + Number(fields[12])) / 100, bytes: Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024 };
  } catch { return null; }
}
/** Compiles the files from a number on until one ends the process; returns the number that comes next. */
function stretch(asked: Asked, hear: (t: Told) => void, died: (f: Found) => void): Promise<number> {
  return new Promise((resolve) => {
    const child: ChildProcess = fork(new URL("worker.ts", import.meta.url), { execArgv: ["--import", "tsx", "--max-old-space-size=1600"], stdio: ["ignore", "ignore", "pipe", "ipc"] });
    let at = asked.from, since = 0, reason = "", said = "", next = asked.from + asked.count;
    child.stderr!.on("data", (b: Buffer) => { said = (said + b.toString()).slice(-2000); });
    const watch = setInterval(() => {
      const usage = usageOf(child.pid!);
      if (!usage || reason) return;
      if (usage.seconds - since > mostSeconds) reason = `ran longer than ${mostSeconds} s`;
      else if (usage.bytes > mostBytes) reason = `took ${(usage.bytes / 2 ** 30).toFixed(1)} GB of memory`;
      if (reason) child.kill("SIGKILL");
    }, 100);
    child.on("message", (t: Told) => {
      if (t.number < 0) { child.disconnect(); return; }
      at = t.number;
      if (t.verdict) hear(t);
      else since = usageOf(child.pid!)?.seconds ?? 0;
    });
    child.on("exit", (code, signal) => {
      clearInterval(watch);
      if (code !== 0 || reason) {
        died({ number: at, reason: reason || `ended the process (${signal ?? code}): ${said.split("\n").filter((l) => /FATAL|Error/.test(l))[0] ?? said.slice(0, 200)}` });
        next = at + 1;
      }
      resolve(next);
    });
    child.send(asked);
  });
}
/** The compiler's mistakes on the broken files `seed` to `seed + count - 1`. */
export async function hunt(h: Hunt): Promise<Caught> {
  const found: Found[] = [], end = h.seed + h.count;
  let next = h.seed, compiled = 0, refused = 0, done = 0, slowest = { number: -1, ms: 0 };
  const add = (f: Found) => { found.push(f); h.onFound?.(f); };
  const hear = ({ number, verdict, ms = 0 }: Told) => {
    h.onVerdict?.(number, verdict!);
    if (verdict!.outcome === "bad") add({ number, reason: verdict!.reason });
    else if (verdict!.outcome === "compiled") compiled++; else refused++;
    if (ms > slowest.ms) slowest = { number, ms };
    if (++done % 1000 === 0) h.onProgress?.(done);
  };
  const one = async () => {
    while (next < end) {
      const from = next, to = Math.min(end, from + portion);
      next = to;
      for (let at = from; at < to;) at = await stretch({ from: at, count: to - at, targets: h.targets, source: h.source ?? "all" }, hear, add);
    }
  };
  await Promise.all(Array.from({ length: h.jobs }, one));
  return { found, compiled, refused, slowest };
}
