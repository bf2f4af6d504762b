/** ONNX Runtime's own operators against what it makes of small random inputs (record-microsoft.py). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ops } from "../../compiler/ops/index.ts";
import type { Attribute, Constant } from "../../compiler/ir/graph.ts";
import type { DType } from "../../compiler/ir/types.ts";
import { f32, listOf, runOp, sample, tensorOf } from "./harness.ts";

interface Tensor { readonly dtype: DType; readonly shape: readonly number[]; readonly data: readonly number[] }
interface Case { readonly op: string; readonly attributes: Readonly<Record<string, Attribute>>; readonly constant: readonly number[]; readonly inputs: readonly (Tensor | null)[]; readonly outputs: readonly (Tensor | null)[] }
const cases = JSON.parse(readFileSync(join(import.meta.dirname, "recorded/microsoft.json"), "utf8")) as readonly Case[];
const constantOf = ({ dtype, shape, data }: Tensor): Constant => tensorOf(dtype, shape, data.map((x) => (dtype === "i64" ? BigInt(x) : x)));
const short = (c: Case): string => c.inputs.map((t) => (t ? `${t.dtype}[${t.shape}]` : "_")).join(" ") + Object.entries(c.attributes).map(([k, v]) => ` ${k}=${JSON.stringify(v)}`).join("");

describe.each([...new Set(cases.map((c) => c.op))])("%s", (op) => {
  for (const c of cases.filter((k) => k.op === op)) {
    it(short(c), () => {
      const { constant } = c, name = `com.microsoft.${op}`, { absolute = 0, relative = 0 } = ops.get(name)?.accuracy ?? {};
      const got = runOp(name, c.inputs.map((t) => (t ? constantOf(t) : undefined)), c.attributes, { constant, outputs: c.outputs.length, wanted: c.outputs.map((o) => o !== null) }), want = c.outputs.filter((o) => o !== null);
      want.forEach((w, k) => {
        const far = Math.max(3e-6, absolute) + Math.max(1e-5, relative) * w.data.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
        expect([got[k]!.dtype, got[k]!.shape]).toEqual([w.dtype, w.shape]);
        listOf(got[k]!).forEach((x, i) => expect(Math.abs(x - w.data[i]!), `output ${k}, element ${i}`).toBeLessThanOrEqual(far));
      });
    });
  }
});
const u8 = (shape: readonly number[]): Constant => tensorOf("u8", shape, new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(1));
it.each<readonly [string, readonly (Constant | undefined)[], Readonly<Record<string, Attribute>>, RegExp]>([
  ["Attention", [sample([2, 3, 4]), sample([4, 10])], { num_heads: 2 }, /columns of queries, keys and values do not divide into 2 heads/],
  ["Attention", [sample([2, 3, 4]), sample([4, 12]), undefined, tensorOf("i32", [5], [1, 1, 1, 1, 1])], { num_heads: 2 }, /the mask \(input 3\) has shape \[5\]/],
  ["MatMulNBits", [sample([2, 32]), u8([3, 2, 8]), f32([6], [1, 1, 1, 1, 1, 1])], { K: 32, N: 3, block_size: 24 }, /4 bits in blocks of 24 are not supported/],
  ["GroupQueryAttention", [sample([1, 1, 8])], { num_heads: 2, kv_num_heads: 1 }, /input 5 is missing/],
  ["QLinearGlobalAveragePool", [u8([1, 2, 2, 2]), f32([], [1]), u8([]), f32([], [1]), u8([])], { channels_last: 1 }, /channels_last is not supported/],
])("%s refuses what it cannot do", (op, inputs, attributes, message) => expect(() => runOp(`com.microsoft.${op}`, inputs, attributes)).toThrow(message));
