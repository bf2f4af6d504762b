/** Which mlc this is. */
import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

declare const MLC_VERSION: string | undefined;
/** The package's version: put in by the build, read from package.json when run from source. */
export const version: string =
  typeof MLC_VERSION === "string" ? MLC_VERSION : JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version;
/** Changes whenever the program that runs does: what the cache keys on beside the version. */
export const fingerprint = (): string =>
  createHash("sha256")
    .update(readFileSync(fileURLToPath(import.meta.url)))
    .digest("hex");
