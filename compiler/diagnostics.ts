/** What the compiler has to say about a model, as data. */
export interface Diagnostic {
  readonly severity: "error" | "warning" | "note";
  /** A stable word for scripts, such as "unsupported-op" or "open-dimension". */
  readonly code: string;
  readonly message: string;
  readonly node?: string;
  readonly op?: string;
  /** What to do: a flag, a rewrite, what is supported instead. */
  readonly hint?: string;
}
const aboutOf = (d: Diagnostic): string => (d.op ? `${d.op}${d.node ? ` (${d.node})` : ""}: ` : "");
/** Every problem of a model at once; thrown before any output exists. */
export class CompileError extends Error {
  readonly diagnostics: readonly Diagnostic[];
  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.filter((d) => d.severity === "error").map((d) => `${aboutOf(d)}${d.message}`).join("\n"));
    this.name = "CompileError";
    this.diagnostics = diagnostics;
  }
}
