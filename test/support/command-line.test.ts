/** The programs among the tests say how they are called. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const programs = { fuzz: "../fuzz/run.ts", "fuzz:models": "../errors/malformed/run.ts", conformance: "../conformance/run.ts" };
describe.each(Object.entries(programs))("npm run %s", (name, file) => {
  const path = fileURLToPath(new URL(file, import.meta.url)), run = (...args: readonly string[]) => spawnSync(process.execPath, ["--import", "tsx", path, ...args], { encoding: "utf8" });
  test("--help prints the beginning of its source", () => {
    const { stdout, status } = run("--help"), [first] = /npm run .*/.exec(readFileSync(path, "utf8"))!;
    expect({ status, first: stdout.split("\n")[0] }).toEqual({ status: 0, first });
    expect(stdout).toMatch(new RegExp(`^npm run ${name} -- `));
    expect(stdout).not.toMatch(/^ \*|\*\//m);
  });
  test("an option that it does not know is one line", () => {
    expect(run("--unknown")).toMatchObject({ status: 2, stdout: "", stderr: "Unknown option '--unknown'; --help tells what there is\n" });
  });
});
