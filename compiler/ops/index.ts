/** The list of all operators. */
import type { Op } from "./op.ts";
import { elementwise } from "./elementwise.ts";

const all: readonly Op[] = [...elementwise];
export const ops: ReadonlyMap<string, Op> = new Map(all.map((o) => [o.name, o]));
