/** ONNX Runtime's own operators against values that it gives. */
import { expect, it } from "vitest";
import { f32, listOf, runOp, valuesOf } from "./harness.ts";
import { expectClose } from "./reference.ts";

const x = f32([2, 3], [0.5, -1, 2, -0.25, 3, 0.75]), b = f32([3], [1, -2, 0.5]), rows = f32([1, 2, 3], listOf(x)), skip = f32([1, 2, 3], [1, 1, 0, 0, -1, 2]);
const gamma = f32([3], [1, 2, 0.5]), beta = f32([3], [0, 1, -1]), unit = f32([3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1]);
type Call = Parameters<typeof runOp>;
it.each<readonly [...Call: Call, want: readonly number[]]>([
  ["Gelu", [x], {}, {}, [0.345731, -0.158655, 1.9545, -0.100323, 2.99595, 0.580029]],
  ["BiasGelu", [x, b], {}, {}, [1.399789, -0.00405, 2.484476, 0.580029, 0.841345, 1.117938]],
  ["FastGelu", [x, b], {}, {}, [1.399572, -0.003638, 2.484916, 0.579961, 0.841192, 1.117714]],
  ["QuickGelu", [x], {}, {}, [0.350388, -0.154204, 1.935659, -0.0988, 2.981929, 0.58639]],
  ["SkipLayerNormalization", [rows, skip, gamma, beta, b], { epsilon: 1e-5 }, {}, [0.707106, -1.828424, -0.646447, -0.419831, -0.919227, -0.310278]],
  ["SkipSimplifiedLayerNormalization", [rows, skip, gamma], { epsilon: 1e-5 }, {}, [1.039228, 0, 0.692819, -0.127, 2.031999, 0.6985]],
  ["FusedConv", [f32([1, 1, 4, 1], [1, -2, 3, -4]), f32([1, 1, 2, 1], [1, -1]), f32([1], [0.5])], { activation: "LeakyRelu", activation_params: [0.1] }, {}, [3.5, -0.45, 7.5]],
  ["FusedGemm", [x, unit, b], { activation: "Relu" }, {}, [1.5, 0, 2.5, 0.75, 1, 1.25]],
  ["FusedMatMul", [x, x], { transB: 1, alpha: 0.5 }, {}, [2.625, -0.8125, -0.8125, 4.8125]],
])("%s", (op, inputs, attributes, _, want) => expectClose(valuesOf(`com.microsoft.${op}`, inputs, attributes), want, 3e-6));
it("hands out the sum that it normalises", () => {
  const outputs = runOp("com.microsoft.SkipLayerNormalization", [rows, skip, gamma, beta, b], {}, { outputs: 4 });
  expectClose(listOf(outputs[3]!), [2.5, -2, 2.5, 0.75, 0, 3.25]);
  expect(outputs[1]!.shape).toEqual([1, 2, 1]);
});
