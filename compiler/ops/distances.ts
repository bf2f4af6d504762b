/** Distances between the rows of two matrices. */
import { make, mul, sub } from "../ir/algebra.ts";
import { accumulator, axis } from "../ir/compute.ts";
import type { Dim } from "../ir/graph.ts";
import { choice, dimsOf, expectShape, typeOf } from "./checks.ts";
import type { Op } from "./op.ts";

const metrics = ["sqeuclidean", "euclidean"] as const;
/** A [N, F], B [M, F] -> [N, M]. */
const cdist: Op = {
  name: "com.microsoft.CDist", since: 1, inputs: [2, 2], attributes: { metric: { kind: "string", default: "sqeuclidean" } },
  accuracy: { relative: 1e-5, reason: "squares of floats are added in another order" },
  infer: (n) => {
    const [N, F] = dimsOf(n, 0, 2, 2) as [Dim, Dim], [M] = dimsOf(n, 1, 2, 2) as [Dim];
    expectShape(n, 1, [M, F], "the second matrix");
    choice(n, "metric", metrics);
    return [{ dtype: typeOf(n), shape: [N, M] }];
  },
  lower: (n) => {
    const [row, column] = n.axes() as [ReturnType<typeof axis>, ReturnType<typeof axis>], f = axis("f", n.in(0).shape[1]!), d = sub(n.load(0, [row, f]), n.load(1, [column, f]));
    const acc = accumulator(n.in(0).dtype), root = choice(n, "metric", metrics) === "euclidean";
    return n.compute([{ name: "distance", axes: [row, column], value: mul(d, d), reduce: { op: "add", axes: [f] }, ...(root ? { finish: make("sqrt", acc) } : {}) }]);
  },
};
/** CDist of com.microsoft. */
export const distances: readonly Op[] = [cdist];
