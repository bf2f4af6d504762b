/** Diagnostics as text: every problem at once, and what helps. */
import { type Diagnostic, printable } from "../diagnostics.ts";
import { unsupportedRows } from "../passes/graph/check-operators.ts";
import { type Sink, type Terminal, table } from "./terminal.ts";

type Colors = Terminal["colors"];
const isUnsupported = (d: Diagnostic): boolean => d.severity === "error" && d.op !== undefined && d.code.startsWith("unsupported");
/** At most this many node names stand in a cell. */
const shown = 4;
const names = (list: readonly string[]): string =>
  list.length > shown ? `${list.slice(0, shown).join(", ")} and ${list.length - shown} more` : list.join(", ");

const shownAs = ({ severity, code, message, ...more }: Diagnostic): Diagnostic => ({
  severity,
  code,
  message: printable(message),
  ...Object.fromEntries(Object.entries(more).map(([k, text]) => [k, printable(text)])),
});
/** One block of text that ends in a line feed; what is unsupported is a table by operator and reason. */
export function formatDiagnostics(found: readonly Diagnostic[], colors: Colors, sink?: Sink): string {
  const all = found.map(shownAs);
  const paint = { error: colors.red, warning: colors.yellow, note: colors.cyan };
  const single = all
    .filter((d) => !isUnsupported(d))
    .map((d) => {
      const where = d.node ? `\n  node: ${d.node}${d.op ? ` (${d.op})` : ""}` : d.op ? `\n  operator: ${d.op}` : "";
      return `${colors.bold(paint[d.severity](d.severity))}: ${d.message}${where}${d.hint ? `\n  ${colors.green("help")}: ${d.hint}` : ""}\n`;
    });
  const unsupported = all.filter(isUnsupported);
  return (
    single.join("") +
    (unsupported.length ? `${single.length ? "\n" : ""}${colors.bold("Not supported:")}\n\n${unsupportedTable(unsupported, colors, sink)}\n` : "")
  );
}
/** Tells the user of something that a program said while it ran. */
export const hearing =
  (t: Terminal) =>
  (message: string): void =>
    void t.err.write(formatDiagnostics([{ severity: "note", code: "run", message }], t.errColors, t.err));
function unsupportedTable(list: readonly Diagnostic[], colors: Colors, sink?: Sink): string {
  const rows = unsupportedRows(list).map((r) => [
    r.op,
    r.nodes.length,
    names(r.nodes.filter(Boolean)),
    r.reason.replace("this operator is not supported: ", ""),
    r.hint ?? "",
  ]);
  const hints = list.some((d) => d.hint),
    head = ["operator", "count", "nodes", "reason", ...(hints ? ["what helps"] : [])];
  return table(
    head,
    rows.map((r) => r.slice(0, head.length)),
    colors,
    sink,
    head.slice(2),
  );
}
/** "1 problem", "2 problems". */
export const problems = (n: number): string => `${n} problem${n === 1 ? "" : "s"}`;
