/** `tsx test/fuzz/hashes.ts SEEDS ISAS`: a hash of all files made from each random graph, one line each. */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { filesOf, programOf } from "./check.ts";
import { randomGraph } from "./graphs.ts";

export const hashes = (seeds: readonly number[], isas: readonly string[]): readonly string[] => seeds.map((seed) => {
  const program = programOf(randomGraph(seed), isas), hash = createHash("sha256");
  for (const isa of isas) for (const [path, content] of filesOf(program, "again", isa)) hash.update(path).update("\0").update(content).update("\0");
  return hash.digest("hex");
});
if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(hashes(process.argv[2]!.split(",").map(Number), process.argv[3]!.split(",")).join("\n"));
