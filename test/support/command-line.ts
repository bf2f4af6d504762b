/** The command lines of the programs among the tests: what they take stands once, in the comment at the beginning of their file. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs, type ParseArgsConfig } from "node:util";

type Options = NonNullable<ParseArgsConfig["options"]>;
type Values<T extends Options> = ReturnType<typeof parseArgs<{ options: T }>>["values"];
/** The comment at the beginning of a source file, as text. */
const headOf = (source: string): string => (/^\/\*\*(.*?)\*\//s.exec(source)?.[1] ?? "").split("\n").map((l) => l.replace(/^ \* ?/, "").trimEnd()).join("\n").trim();
/** The options that the program at `url` is called with; --help prints the comment at its beginning and ends it, and what it does not know ends it with code 2. */
export function commandLine<T extends Options>(url: string, options: T): Values<T> {
  try {
    const values: Values<T> & { readonly help?: unknown } = parseArgs({ options: { ...options, help: { type: "boolean", short: "h" } } as T }).values;
    if (!values.help) return values;
    console.log(headOf(readFileSync(fileURLToPath(url), "utf8")));
    process.exit(0);
  } catch (e) {
    if (!(e instanceof Error && "code" in e && String(e.code).startsWith("ERR_PARSE_ARGS"))) throw e;
    console.error(`${e.message.split(". ")[0]}; --help tells what there is`);
    process.exit(2);
  }
}
