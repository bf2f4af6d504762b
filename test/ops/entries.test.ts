/** What every entry of the registry promises. */
import { describe, expect, it } from "vitest";
import { ops } from "../../compiler/ops/index.ts";
import { newestOpset } from "../../compiler/import/onnx/normalize.ts";
import { isConstant, isGraph, isSizeList, type Attribute } from "../../compiler/ir/graph.ts";
import type { AttributeKind } from "../../compiler/ops/op.ts";

const isList = (a: Attribute, of: string) => Array.isArray(a) && a.every((x) => typeof x === of);
const isOfKind: Readonly<Record<AttributeKind, (a: Attribute) => boolean>> = {
  int: (a) => typeof a === "number" && Number.isInteger(a), float: (a) => typeof a === "number", string: (a) => typeof a === "string",
  ints: (a) => isList(a, "number"), floats: (a) => isList(a, "number"), strings: (a) => isList(a, "string"),
  tensor: (a) => isConstant(a), sizes: (a) => isSizeList(a), graph: (a) => isGraph(a),
};
describe.each([...ops.values()].map((op) => [op.name, op] as const))("%s", (_, op) => {
  it("is complete", () => {
    const ways = [op.lower, op.expand, op.control].filter(Boolean).length;
    expect(ways === 1 || (ways === 0 && op.resolve), "exactly one of lower, expand and control, or resolve alone").toBeTruthy();
    expect(op.since).toBeGreaterThanOrEqual(1);
    if (!op.name.includes(".")) expect(op.since).toBeLessThanOrEqual(newestOpset);
    expect(op.inputs[0]).toBeLessThanOrEqual(op.inputs[1]);
    const [least, most] = op.outputs ?? [1, 1];
    // All outputs of a recurrent layer are optional, though not at once.
    expect(least >= 0 && most >= 1 && least <= most).toBe(true);
    for (const i of op.parameters ?? []) expect(i).toBeLessThan(op.inputs[1]);
    for (const [name, spec] of Object.entries(op.attributes ?? {})) {
      if (spec.default !== undefined) expect(isOfKind[spec.kind](spec.default), `default of ${name}`).toBe(true);
    }
    if (op.accuracy) expect(op.accuracy.reason).not.toBe("");
  });
});
it("has no name twice", async () => {
  const files = ["elementwise", "arithmetic", "cast", "reshape", "slice", "gather", "scatter", "generate", "reduce", "arg", "order", "sequences"];
  const families = await Promise.all(files.map(async (f) => {
    const all = (await import(`../../compiler/ops/${f}.ts`)) as Record<string, unknown>;
    return Object.values(all).filter(Array.isArray).flat() as { name?: string }[];
  }));
  const names = families.flat().flatMap((o) => o.name ?? []);
  expect(names.length).toBeGreaterThan(100);
  expect(names.filter((n, i) => names.indexOf(n) !== i)).toEqual([]);
});
