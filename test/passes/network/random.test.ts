/** Random networks: every pass keeps what they compute. A failure names the seed; MLC_FUZZ=N runs N seeds more. */
import { test } from "vitest";
import { networkPasses } from "../../../compiler/passes/network/pipeline.ts";
import { graphPasses } from "../../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../../compiler/passes/graph/run.ts";
import { run } from "./build.ts";
import { randomNetwork } from "./random.ts";

const seeds = Array.from({ length: 30 + Number(process.env.MLC_FUZZ ?? 0) }, (_, i) => i + 1);
test.each(seeds)("seed %i, as it is", (seed) => { run(randomNetwork(seed), networkPasses, 1e-4, seed); });
test.each(seeds)("seed %i, optimised", (seed) => { run(runPasses(randomNetwork(seed), graphPasses).graph, networkPasses, 1e-4, seed); });
test.each(seeds.slice(20))("seed %i, with channels enough for Winograd", (seed) => { run(runPasses(randomNetwork(seed, true), graphPasses).graph, networkPasses, 2e-4, seed); });
