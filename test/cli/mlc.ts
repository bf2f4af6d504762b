/** Runs the command line inside the test's own process. */
import { main } from "../../compiler/cli/main.ts";
import { terminalOf } from "../../compiler/cli/terminal.ts";

/** The exit code and what was written. `env` adds to the process's own. */
export async function mlcWith(
  env: Readonly<Record<string, string>>,
  ...argv: readonly string[]
): Promise<{ code: number; out: string; err: string }> {
  let out = "",
    err = "";
  const code = await main(argv, terminalOf({ write: (s) => (out += s) }, { write: (s) => (err += s) }, { ...process.env, ...env }));
  return { code, out, err };
}
/** The same in the process's environment. */
export const mlc = (...argv: readonly string[]): ReturnType<typeof mlcWith> => mlcWith({}, ...argv);
