/** What import has to say about one thing in a file. */
import type { Diagnostic } from "../../diagnostics.ts";

/** Why something in a file cannot be read; import turns it into a diagnostic and goes on. */
export class Problem extends Error {
  /** A stable word for scripts, see Diagnostic. */
  readonly code: string;
  readonly hint: string | undefined;
  constructor(code: string, message: string, hint?: string) { super(message); this.code = code; this.hint = hint; }
}
/** A tensor or value of an element type that mlc does not have; these are reported once per type. */
export class UnsupportedType extends Error {
  readonly type: string;
  constructor(type: string) { super(`element type ${type} is not supported`); this.type = type; }
}
/** The error diagnostic of a problem, about a node if one is given. */
export const diagnosticOf = (p: Problem, about: { node?: string; op?: string } = {}): Diagnostic =>
  ({ severity: "error", code: p.code, message: p.message, ...about, ...(p.hint ? { hint: p.hint } : {}) });
/** "a, b, c and 4 more". */
export const fewOf = (names: readonly string[], most = 3): string =>
  names.length <= most + 1 ? names.join(", ") : `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
