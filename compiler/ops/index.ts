/** The list of all operators. */
import type { Op } from "./op.ts";
import { elementwise } from "./elementwise.ts";
import { convolutions } from "./convolution.ts";
import { linearOps } from "./linear.ts";
import { normalizations } from "./normalization.ts";
import { pools } from "./pooling.ts";
import { softmaxes } from "./softmax.ts";

const all: readonly Op[] = [...elementwise, ...convolutions, ...linearOps, ...normalizations, ...pools, ...softmaxes];
export const ops: ReadonlyMap<string, Op> = new Map(all.map((o) => [o.name, o]));
