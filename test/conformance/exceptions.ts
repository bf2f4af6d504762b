/**
 * The list of what a target is known not to pass. A line is a pattern, two or more spaces, the reason. Patterns:
 * `op:Name` (all cases that use the operator), `type:name` (all that have such an input or output), or a case's name
 * with `*` for any run of characters. A listed case that passes is an error, and so is a line that stands for no case.
 */
export interface Exception { readonly pattern: string; readonly reason: string; readonly line: number }
export interface Traits { readonly name: string; readonly ops: ReadonlySet<string>; readonly types: ReadonlySet<string> }

/** Throws for a line without a reason. Empty lines and lines that start with # count for nothing. */
export function parseExceptions(text: string): readonly Exception[] {
  return text.split("\n").flatMap((raw, i) => {
    const line = raw.trim();
    if (!line || line.startsWith("#")) return [];
    const found = /^(\S+)\s{2,}(\S.*)$/.exec(line);
    if (!found) throw new Error(`line ${i + 1}: expected a pattern, two spaces and a reason, found "${line}"`);
    return [{ pattern: found[1]!, reason: found[2]!, line: i + 1 }];
  });
}
const escape = (s: string): string => s.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
/** A name with `*` for any run of characters, as a regular expression for the whole of it. */
export const glob = (pattern: string): RegExp => new RegExp(`^${pattern.split("*").map(escape).join(".*")}$`);

export function matches(e: Exception, c: Traits): boolean {
  if (e.pattern.startsWith("op:")) return c.ops.has(e.pattern.slice(3));
  if (e.pattern.startsWith("type:")) return c.types.has(e.pattern.slice(5));
  return glob(e.pattern).test(c.name);
}
