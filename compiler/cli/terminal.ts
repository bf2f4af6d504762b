/** What the commands write to, and how: colours, tables, progress. Only terminals get colours and progress. */
import { stripVTControlCharacters } from "node:util";
import { SingleBar } from "cli-progress";
import Table from "cli-table3";
import picocolors from "picocolors";

type Colors = ReturnType<typeof picocolors.createColors>;
/** A place for text. `isTTY` and `columns` as in a Node stream. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}
/** Everything a command knows of the world outside. */
export interface Terminal {
  readonly out: Sink;
  readonly err: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For text on `out` and on `err`. */
  readonly colors: Colors;
  readonly errColors: Colors;
}
/** Colours are on where the stream is a terminal and NO_COLOR is not set. */
export function terminalOf(out: Sink, err: Sink, env: Terminal["env"]): Terminal {
  const colors = (s: Sink) => picocolors.createColors(s.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb");
  return { out, err, env, colors: colors(out), errColors: colors(err) };
}

const cornerless = Object.fromEntries(
  [
    "top",
    "top-mid",
    "top-left",
    "top-right",
    "bottom",
    "bottom-mid",
    "bottom-left",
    "bottom-right",
    "left",
    "left-mid",
    "mid",
    "mid-mid",
    "right",
    "right-mid",
  ].map((k) => [k, ""]),
);
/** A cell; numbers align to the right. */
export type Cell = string | number;
/**
 * A table with a bold head and two spaces between columns. `wrap` names the columns that may break over several lines
 * when the terminal is narrow, `cut` those that end in "…" there; without a terminal, nothing breaks or is cut.
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  colors: Colors,
  sink?: Sink,
  wrap: readonly string[] = [],
  cut: readonly string[] = [],
): string {
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map((r) => stripVTControlCharacters(String(r[i] ?? "")).length)));
  const room = (sink?.isTTY && sink.columns) || Number.POSITIVE_INFINITY;
  const total = widths.reduce((a, b) => a + b + 2, 0);
  const broken = head.flatMap((h, i) => (wrap.includes(h) || cut.includes(h) ? [i] : []));
  if (total > room && broken.length) {
    const share = Math.floor((room - (total - broken.reduce((a, i) => a + widths[i]!, 0))) / broken.length);
    for (const i of broken) widths[i] = Math.max(16, Math.min(widths[i]!, share));
  }
  const t = new Table({
    head: head.map((h) => colors.bold(h)),
    chars: { ...cornerless, middle: "  " },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
    colAligns: head.map((_, i) => (rows.length && rows.every((r) => typeof r[i] === "number" || r[i] === "") ? "right" : "left")),
    colWidths: [...widths],
    wordWrap: true,
  });
  const fitted = (text: string, i: number): string =>
    cut.includes(head[i]!) && text.length > widths[i]! ? `${text.slice(0, widths[i]! - 1)}…` : text;
  for (const r of rows) t.push(r.map((c, i) => (typeof c === "number" ? formatNumber(c) : fitted(c, i))));
  return t
    .toString()
    .split("\n")
    .map((l) => l.trimEnd())
    .join("\n");
}
/** Whole numbers as they are; others with six significant digits. */
export const formatNumber = (x: number): string => (Number.isInteger(x) ? String(x) : Number(x.toPrecision(6)).toString());
/** 1536 -> "1.5 KB". */
export function formatBytes(n: number): string {
  const units = ["B", "KB", "MB", "GB"];
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
  return `${i === 0 ? n : n.toFixed(n < 10 ? 2 : 1)} ${units[i]}`;
}

/** One line on a terminal that says how far the work is. */
export interface Progress {
  step(done: number, total: number, what: string): void;
  stop(): void;
}
/** Silent where `err` is no terminal. */
export function progress(t: Terminal): Progress {
  if (!t.err.isTTY) return { step: () => {}, stop: () => {} };
  const bar = new SingleBar({
    stream: t.err as NodeJS.WriteStream,
    format: "{bar} {value}/{total} {what}",
    barsize: 20,
    barCompleteChar: "=",
    barIncompleteChar: " ",
    hideCursor: true,
    clearOnComplete: true,
    fps: 15,
  });
  return {
    step(done, total, what) {
      if (!bar.isActive) bar.start(total, done, { what });
      else bar.setTotal(total), bar.update(done, { what });
    },
    stop: () => bar.stop(),
  };
}
