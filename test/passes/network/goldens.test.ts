/** Ten pieces of networks through all passes: the text of what is scheduled, and results as before. `UPDATE_GOLDENS=1` rewrites the goldens. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { printNetwork } from "../../../compiler/ir/network.ts";
import { networkPasses } from "../../../compiler/passes/network/pipeline.ts";
import { graphPasses } from "../../../compiler/passes/graph/pipeline.ts";
import { runPasses } from "../../../compiler/passes/graph/run.ts";
import { networks } from "../networks.ts";
import { run } from "./build.ts";

const golden = (name: string) => new URL(`../../golden/network/${name}.txt`, import.meta.url);
test.each(Object.keys(networks))("%s", (name) => {
  const text = printNetwork(run(runPasses(networks[name]!(), graphPasses).graph, networkPasses, 2e-5));
  if (process.env.UPDATE_GOLDENS) writeFileSync(golden(name), text);
  expect(existsSync(golden(name)), `there is no golden for ${name}: run with UPDATE_GOLDENS=1`).toBe(true);
  expect(text).toBe(readFileSync(golden(name), "utf8"));
});
