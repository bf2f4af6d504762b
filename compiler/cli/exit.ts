/** How a command ends: 0 done, 1 a problem with the model, the build or the result, 2 a mistake in the command line. */
import type { Diagnostic } from "../diagnostics.ts";

/** The command line is wrong: exit code 2. `hint` says what would be right. */
export class UsageError extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.name = "UsageError";
    this.hint = hint;
  }
}
/** The work cannot be done or showed a difference: exit code 1. `detail` is text of another program, shown as it is. */
export class Failure extends Error {
  readonly diagnostics: readonly Diagnostic[];
  readonly detail: string | undefined;
  constructor(message: string, more: { readonly hint?: string; readonly detail?: string; readonly code?: string } = {}) {
    super(message);
    this.name = "Failure";
    this.detail = more.detail?.trimEnd() || undefined;
    this.diagnostics = [{ severity: "error", code: more.code ?? "failed", message, ...(more.hint ? { hint: more.hint } : {}) }];
  }
}
/** Runs `f`; what it throws becomes a Failure that begins with `what`, and says what helps. */
export function orFail<T>(what: string, f: () => T, more: { readonly hint?: string } = {}): T {
  try {
    return f();
  } catch (e) {
    if (e instanceof UsageError || e instanceof Failure) throw e;
    throw new Failure(`${what}: ${reasonOf(e)}`, more);
  }
}
const plain: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EACCES: "no permission",
  EISDIR: "is a folder, not a file",
  ENOTDIR: "is a file, not a folder",
  ENOSPC: "no space left on the device",
  EROFS: "the file system is read-only",
};
/** Why something failed, in words: without the prefix and path that system errors carry. */
export function reasonOf(e: unknown): string {
  if (!(e instanceof Error)) return String(e);
  return ("code" in e && typeof e.code === "string" && plain[e.code]) || e.message;
}
