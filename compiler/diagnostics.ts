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
/** Letters of a name that are shown at most. */
const mostShown = 300;
/**
 * Text as a terminal may show it, for names in a model can hold anything: characters that would command it, break the line or turn the
 * direction of writing stand as escapes, and endless words are cut.
 */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is replaced.
  text.replace(/[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`).replace(/\S{301,}/g, (word) => `${word.slice(0, mostShown)}...`);
const aboutOf = (d: Diagnostic): string => (d.op ? `${d.op}${d.node ? ` (${d.node})` : ""}: ` : "");
/** Every problem of a model at once; thrown before any output exists. */
export class CompileError extends Error {
  readonly diagnostics: readonly Diagnostic[];
  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.filter((d) => d.severity === "error").map((d) => printable(`${aboutOf(d)}${d.message}`)).join("\n"));
    this.name = "CompileError";
    this.diagnostics = diagnostics;
  }
}
/** Runs `f`; where nesting without end in a model overflows the stack, that is a CompileError. `what`: the model in the message. */
export function shallow<T>(what: string, f: () => T): T {
  try {
    return f();
  } catch (e) {
    // As it is, or told of by a pass.
    if (!(e instanceof Error && e.message.includes("Maximum call stack size exceeded"))) throw e;
    throw new CompileError([{ severity: "error", code: "too-deep", message: `${what} nests graphs or terms too deep to be compiled` }]);
  }
}
