/** External data files beside a model on disk. */
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import path from "node:path";
import { Problem } from "./problem.ts";
import type { ReadExternal } from "./tensor.ts";

const piece = 2 ** 30;
/** All bytes of a regular file, of any size. */
function bytesOf(file: string, location: string): Uint8Array {
  // Opening a pipe would wait for its writer.
  const handle = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stat = fstatSync(handle);
    if (!stat.isFile()) throw new Problem("external-data", `the external data ${location} is not a file`);
    const bytes = new Uint8Array(stat.size);
    for (let at = 0; at < bytes.length;) {
      const count = readSync(handle, bytes, at, Math.min(piece, bytes.length - at), at);
      if (count === 0) throw new Problem("external-data", `the external data ${location} became shorter while it was read`);
      at += count;
    }
    return bytes;
  } finally {
    closeSync(handle);
  }
}
const messageOf = (e: unknown): string => (e instanceof Error ? e.message.replace(/, (open|realpath|lstat|stat) '.*'$/, "") : String(e));

/**
 * Reads data files of the model in `folder`, each once. A location that leaves the folder (absolute, "..", or by way
 * of a link) is refused unless `anywhere`.
 */
export function externalIn(folder: string, options: { readonly anywhere?: boolean } = {}): ReadExternal {
  const known = new Map<string, Uint8Array>();
  const locate = (location: string): string => {
    const refuse = (why: string): never => {
      const help = "if you trust the model, allow it with --allow-external-data";
      throw new Problem("external-data", `the model refers to data in ${location}, ${why}`, help);
    };
    const wanted = path.resolve(folder, location);
    if (location.includes("\0")) throw new Problem("external-data", "the model refers to data in a file whose name holds a zero byte");
    if (options.anywhere) return wanted;
    if (path.isAbsolute(location) || path.win32.isAbsolute(location)) refuse("an absolute path");
    if (location.split(/[/\\]/).includes("..")) refuse("outside the model's folder");
    const real = realpathSync(wanted), inside = path.relative(realpathSync(folder), real);
    if (inside === ".." || inside.startsWith(`..${path.sep}`) || path.isAbsolute(inside)) refuse("a link to outside the model's folder");
    return real;
  };
  return (location) => {
    const found = known.get(location);
    if (found) return found;
    try {
      const bytes = bytesOf(locate(location), location);
      known.set(location, bytes);
      return bytes;
    } catch (e) {
      if (e instanceof Problem) throw e;
      const help = "put the data file where it was beside the model";
      throw new Problem("external-data", `the external data ${location} cannot be read: ${messageOf(e)}`, help);
    }
  };
}
