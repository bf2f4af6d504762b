/** Whether the compiler took a file well: sources, or a CompileError that says what is wrong. */
import { CompileError, printable } from "../../../compiler/diagnostics.ts";
import { compile } from "../../../compiler/index.ts";
import { targets } from "../../../targets/index.ts";

/** What became of a file; `bad` where that is a mistake of the compiler. */
export interface Verdict { readonly outcome: "compiled" | "refused" | "bad"; readonly reason: string }
/** The most characters of sources that a small file may become. */
const mostOutput = 64 << 20;
/** Names of files that every file system and build tool takes as they are, below the folder they are put in. */
const plainPath = /^(?!\/)(?!.*\.\.)[A-Za-z0-9_./-]+$/;
const bad = (reason: string): Verdict => ({ outcome: "bad", reason });
/** A message that says nothing, or says it with characters that command a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const unclear = (message: string): boolean => message.split("\n").some((line) => line.trim() === "" || /[\0-\x1f\x7f-\x9f]/.test(line));

export async function judge(bytes: Uint8Array, target: string): Promise<Verdict> {
  try {
    const { files } = await compile(bytes, { target, name: "broken", ...(targets.get(target)!.instructionSets.sse ? { isa: ["sse"] } : {}) });
    let size = 0;
    for (const [path, content] of files) {
      if (!plainPath.test(path)) return bad(`a file called ${JSON.stringify(path)}`);
      size += content.length;
    }
    return size > mostOutput ? bad(`${size} characters of output`) : { outcome: "compiled", reason: "" };
  } catch (e) {
    if (!(e instanceof CompileError)) return bad(e instanceof Error ? e.stack ?? e.message : `threw ${String(e)}`);
    const errors = e.diagnostics.filter((d) => d.severity === "error");
    if (errors.length === 0) return bad("refused without an error");
    return unclear(e.message) ? bad(`an error that is not plain text: ${JSON.stringify(e.message).slice(0, 300)}`) : { outcome: "refused", reason: errors.map((d) => `${d.code}: ${printable(d.message)}`).join("\n").slice(0, 5000) };
  }
}
